"""How things stand: the last run, what is stale, what failed, what readers have.

Pure: facts in, frozen dataclasses out. Where the facts come from and how they are shown is the
command line's business.
"""
