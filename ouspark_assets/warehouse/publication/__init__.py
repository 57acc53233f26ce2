"""Publishing to production: sending changes, numbering, guards, rollback and verification."""
