"""Records that were not accepted, and what operators decide about them."""
