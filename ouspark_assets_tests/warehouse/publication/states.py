"""Marks in numbered states, loaded, published and rolled back."""

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

EASY = Terms(most_shrink=1)


def state(number: int) -> pl.DataFrame:
    """Marks of which each state shares some with the one before, loses one and gains one."""
    named = [{"subject_code": code} for code in CODES[number : number + 6]]
    return marks(*({**row, "subject_name": f"IN STATE {number}"} for row in named[:2]), *named[2:])


def load(development: Connection, frame: pl.DataFrame, table: Table = MARKS) -> None:
    with write_transaction(development, "load") as writer:
        writer.merge(table, [frame], RELEASE if "release" in table.key else {})


def published(development: Connection, production: Connection) -> Published | None:
    return publish(development, production, PUBLISHED_TABLES, "run", EASY)


def rolled_back(production: Connection, number: int, terms: Terms = EASY) -> RollbackResult:
    return roll_back(production, PUBLISHED_TABLES, number, "cli", terms)


def content(production: Connection) -> pl.DataFrame:
    return read_table(production, MARKS).sort("subject_code")
