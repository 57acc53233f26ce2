"""Executing runs: the executors, Celery workers, liveness of runs, and reaping dead runs.

Which assets exist and what they do is not known here.
"""
