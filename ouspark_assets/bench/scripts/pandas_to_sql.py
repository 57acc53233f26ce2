"""pandas writing rows with `to_sql` into the marks table.

`pandas_to_sql.py CSV DSN OPTIONS` prints one line of JSON. Uses nothing of the project.
"""

import json
import sys
import time

import pandas as pd  # type: ignore[import-untyped, unused-ignore]
import psycopg
import sqlalchemy

FILE, DSN, OPTIONS = sys.argv[1:]
# Codes of digits alone would be taken for numbers.
TEXTS = ("release", "hall_ticket", "subject_code")
rows = pd.read_csv(FILE, dtype=dict.fromkeys(TEXTS, str))
engine = sqlalchemy.create_engine(
    "postgresql+psycopg://", creator=lambda: psycopg.connect(DSN, options=OPTIONS)
)
began = time.perf_counter()
with engine.begin() as connection:
    rows.to_sql("marks", connection, schema="clean", if_exists="append", index=False)
said = {"seconds": time.perf_counter() - began, "rows": len(rows)}
sys.stdout.write(json.dumps(said) + "\n")
