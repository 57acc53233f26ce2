"""A stored table as data: where it is, its model, its key, and which columns count as content.

What is common to all tables belongs here; the columns of each are in their own modules.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandera.polars as pa
import polars as pl


@dataclass(frozen=True)
class Table:
    """One table of a database: `schema.name`, keyed by `key`, described by `model`."""

    schema: str
    name: str
    model: type[pa.DataFrameModel]
    key: tuple[str, ...]
    # Columns that say where a row came from: written with it, but no reason to write it again.
    provenance: tuple[str, ...] = ()
    # Key columns that may be null (matched by IS NOT DISTINCT FROM).
    nullable_key: tuple[str, ...] = ()
    published: bool = True
    # Columns that leave the development database only when a setting says so.
    private: tuple[str, ...] = ()

    @property
    def qualified_name(self) -> str:
        """`schema.name`, for people and messages."""
        return f"{self.schema}.{self.name}"

    @cached_property
    def dtypes(self) -> dict[str, pl.DataType]:
        """The polars type of every column, in order."""
        columns: dict[str, Any] = self.model.to_schema().columns
        return {name: _instance(column.dtype.type) for name, column in columns.items()}

    @property
    def columns(self) -> list[str]:
        """The columns in order."""
        return list(self.dtypes)

    @property
    def content(self) -> list[str]:
        """The columns whose difference makes a row a changed one."""
        return [name for name in self.columns if name not in (*self.key, *self.provenance)]

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The table's columns of a frame, in order and with the table's types."""
        return frame.select(pl.col(name).cast(dtype) for name, dtype in self.dtypes.items())

    def empty(self) -> pl.DataFrame:
        """A frame of the table's columns without rows."""
        return pl.DataFrame(schema=self.dtypes)


def _instance(dtype: Any) -> pl.DataType:
    """Pandera hands out classes for plain types and instances for nested ones."""
    instance: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return instance
