"""What the UI shows of assets: columns, row counts, owners and tags.

Columns come from the models of `schemas/` and are not described here. Callers show no rows of
students.
"""

from collections.abc import Iterable
from typing import Any

import dagster as dg
import polars as pl

from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.writing import MergeResult

OWNERS = ["team:ouspark"]
# In the UI, search for `tag:personal-data=yes`.
PERSONAL_DATA_TAG, GRAIN_TAG = "personal-data", "grain"
GROUPS_WITHOUT_STUDENTS = frozenset({"source"})
# The column `toppers` lists names and hall tickets.
COLUMNS_NAMING_STUDENTS = frozenset({"hall_ticket", "toppers"})


def table_definition(table: Table) -> dict[str, Any]:
    """Return the metadata of an asset's definition: table name and column schema."""
    return {
        "dagster/table_name": table.qualified_name,
        "dagster/column_schema": column_schema(table),
    }


def column_schema(table: Table) -> dg.TableSchema:
    """Return the column schema of a table, from its model."""
    columns: dict[str, Any] = table.model.to_schema().columns
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=str(table.dtypes[name]).lower(),
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


def describe_merge(change: MergeResult) -> dict[str, Any]:
    """Return the metadata of a materialization that merged a whole table: its rows and changes."""
    return {
        "dagster/row_count": change.rows,
        "rows written": change.written,
        "rows removed": change.removed,
    }


def show_first_rows(frame: pl.DataFrame, limit: int) -> dg.TableMetadataValue:
    """Return the first rows of a frame as a table for the UI."""
    rows = frame.head(limit).iter_rows(named=True)
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows])


def add_owners_and_tags(assets: Iterable[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """Return the assets with their owner, and tags for personal data and grain."""
    return [asset.map_asset_specs(_add_owners_and_tags) for asset in assets]


def _add_owners_and_tags(spec: dg.AssetSpec) -> dg.AssetSpec:
    tags = {
        PERSONAL_DATA_TAG: "yes" if _names_students(spec) else "no",
        GRAIN_TAG: "everything" if spec.partitions_def is None else "release",
    }
    return spec.replace_attributes(owners=OWNERS, tags={**spec.tags, **tags})


def _names_students(spec: dg.AssetSpec) -> bool:
    """Return whether rows identify students; assets without columns contain all tables."""
    if spec.group_name in GROUPS_WITHOUT_STUDENTS:
        return False
    schema = spec.metadata.get("dagster/column_schema")
    return not isinstance(schema, dg.TableSchema) or any(
        column.name in COLUMNS_NAMING_STUDENTS for column in schema.columns
    )
