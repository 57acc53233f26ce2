"""Writes rows into the marks table with `to_sql` of pandas.

Usage: `pandas_to_sql.py CSV DSN OPTIONS`.
"""

import json
import sys
import time

import pandas as pd  # type: ignore[import-untyped, unused-ignore]
import psycopg
import sqlalchemy

FILE, DSN, OPTIONS = sys.argv[1:]
# Without a type pandas would read these codes as numbers.
TEXT_COLUMNS = ("release", "hall_ticket", "subject_code")
rows = pd.read_csv(FILE, dtype=dict.fromkeys(TEXT_COLUMNS, str))
engine = sqlalchemy.create_engine(
    "postgresql+psycopg://", creator=lambda: psycopg.connect(DSN, options=OPTIONS)
)
started = time.perf_counter()
with engine.begin() as connection:
    rows.to_sql("marks", connection, schema="clean", if_exists="append", index=False)
result = {"seconds": time.perf_counter() - started, "rows": len(rows)}
sys.stdout.write(json.dumps(result) + "\n")
