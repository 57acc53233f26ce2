"""What the UI shows of a table: where it is, its columns, and what a materialization changed.

Derived from the models of `schemas/`; nothing about a column is said here. Counts only: rows of
students never become metadata.
"""

from typing import Any

import dagster as dg
import polars as pl

from ouspark_assets.schemas.table import Table


def table_definition(table: Table) -> dict[str, Any]:
    """Metadata of an asset that do not change: table name and column schema."""
    return {"dagster/table_name": table.qualified_name, "dagster/column_schema": schema_of(table)}


def schema_of(table: Table) -> dg.TableSchema:
    """The column schema of a table, from its model."""
    columns: dict[str, Any] = table.model.to_schema().columns
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=_type_name(table.dtypes[name]),
                description=column.description,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable,
                    unique=column.unique or table.key == (name,),
                    other=[str(check.error or check.name) for check in column.checks],
                ),
            )
            for name, column in columns.items()
        ],
        constraints=dg.TableConstraints(other=[f"key: {', '.join(table.key)}"]),
    )


def row_count(rows: int) -> dict[str, Any]:
    """The number of rows of the table now."""
    return {"dagster/row_count": rows}


def change_counts(written: int, removed: int) -> dict[str, Any]:
    """How many rows were written and removed."""
    return {"rows written": written, "rows removed": removed}


def _type_name(dtype: pl.DataType) -> str:
    return str(dtype).lower()
