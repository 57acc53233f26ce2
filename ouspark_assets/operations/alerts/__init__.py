"""Alerts: what must be told, to whom, once; and that it is told.

Facts in, findings out; an outbox on disk holds what is open and what was not delivered yet;
channels carry it. Where the facts of Dagster come from is `alert_facts.py` above.
"""
