"""What operators see and are told: status, history, explanations, alerts, metrics, log lines.

Facts come in as plain data; nothing here starts a run or changes a table. No Dagster.
"""
