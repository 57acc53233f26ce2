"""Alerts: rules over facts, the state of every alert, and the delivery of messages about them.

`rules_file.py` reads rules and channels, `rules.py` and `conditions.py` turn facts into findings,
`alert_store.py` and `recording.py` keep what is open, `deliveries.py` sends through `channels.py`.
The facts of Dagster and the sensor are in `orchestration/`.
"""
