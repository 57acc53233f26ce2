"""A student's whole story: every number with the attempts, the sums and the rule that made it.

Pure: frames of one student in, frozen dataclasses out. Nothing is computed here but by the
functions of `analytics/`; how a story is shown is the command line's business.
"""
