"""The stand-in: a simulator of the university's results site with invented students.

It imports nothing of the pipeline except its error classes, so the truth that it exports is
independent of the results that are compared with it.
"""
