"""Who executes a run and its steps, its sign of life, and what follows when there is none.

Which assets there are, and what they do, is not known here.
"""
