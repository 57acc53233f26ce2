"""Loads, publishes and rolls back marks: forty rows, or one of five states of six rows each."""

from typing import Any

import polars as pl

from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.publication.publish_transaction import Published, Terms, publish
from ouspark_assets.warehouse.publication.rollback import RollbackResult, roll_back
from ouspark_assets_tests.support.factories import marks

RELEASE = {"release": "20250402"}

CODES = [str(code) for code in range(101, 111)]

FORTY_MARKS = marks(*({"subject_code": str(code)} for code in range(101, 141)))
# For states that lose more rows than a publication may lose by default.
ANY_SHRINK = Terms(most_shrink=1)


def state(number: int) -> pl.DataFrame:
    """Return the marks of a state: one row is new and one is gone since the previous state."""
    named = [{"subject_code": code} for code in CODES[number : number + 6]]
    return marks(*({**row, "subject_name": f"IN STATE {number}"} for row in named[:2]), *named[2:])


def publish_with(development: Connection, production: Connection, **terms: Any) -> Published | None:
    return publish(development, production, PUBLISHED_TABLES, "run", Terms(**terms))


def load(development: Connection, frame: pl.DataFrame, table: Table = MARKS) -> None:
    with write_transaction(development, "load") as writer:
        writer.merge(table, [frame], RELEASE if "release" in table.key else {})


def publish_any(development: Connection, production: Connection) -> Published | None:
    return publish_with(development, production, most_shrink=1)


def roll_back_to(production: Connection, number: int, terms: Terms = ANY_SHRINK) -> RollbackResult:
    return roll_back(production, PUBLISHED_TABLES, number, "cli", terms)


def production_marks(production: Connection) -> pl.DataFrame:
    return read_table(production, MARKS).sort("subject_code")
