"""pandas writing rows with `to_sql` into the marks table.

`pandas_to_sql.py CSV DSN OPTIONS` prints one line of JSON. Uses nothing of the project.
"""

import json
import sys
import time

import pandas as pd
import psycopg
import sqlalchemy

FILE, DSN, OPTIONS = sys.argv[1:]
rows = pd.read_csv(FILE, dtype={name: str for name in ("release", "hall_ticket", "subject_code")})
engine = sqlalchemy.create_engine(
    "postgresql+psycopg://", creator=lambda: psycopg.connect(DSN, options=OPTIONS)
)
began = time.perf_counter()
with engine.begin() as connection:
    rows.to_sql("marks", connection, schema="clean", if_exists="append", index=False)
print(json.dumps({"seconds": time.perf_counter() - began, "rows": len(rows)}))
