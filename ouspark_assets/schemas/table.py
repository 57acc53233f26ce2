"""`Table`: the location, model and key of a stored table, and which of its columns are content.

What all tables have in common belongs here. The columns of each table are in the modules of the
schemas.
"""

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandera.polars as pa
import polars as pl


@dataclass(frozen=True)
class Table:
    """A database table `schema.name` with the primary key `key`, described by `model`."""

    schema: str
    name: str
    model: type[pa.DataFrameModel]
    key: tuple[str, ...]
    # Columns that say where a row came from. They are written with the row, but a difference in
    # them alone does not make it a changed row.
    provenance: tuple[str, ...] = ()
    # Key columns that may be null; they are matched by IS NOT DISTINCT FROM.
    nullable_key: tuple[str, ...] = ()
    published: bool = True
    # Columns that are published only if a setting allows it.
    private: tuple[str, ...] = ()

    @property
    def qualified_name(self) -> str:
        """`schema.name`, for messages."""
        return f"{self.schema}.{self.name}"

    @cached_property
    def rules(self) -> pa.DataFrameSchema:
        """The model as a Pandera schema, with the rule that the key is unique."""
        rules: pa.DataFrameSchema = copy(self.model.to_schema())
        if len(self.key) > 1:
            # A key of one column is declared unique by its field.
            rules.unique = list(self.key)
        return rules

    @cached_property
    def dtypes(self) -> dict[str, pl.DataType]:
        """The polars type of every column, in order."""
        columns: dict[str, Any] = self.rules.columns
        # Pandera gives classes for plain types and instances for nested ones.
        types = {name: column.dtype.type for name, column in columns.items()}
        return {name: t() if isinstance(t, type) else t for name, t in types.items()}

    @property
    def columns(self) -> list[str]:
        """The columns in order."""
        return list(self.dtypes)

    @property
    def content(self) -> list[str]:
        """The columns that are compared to decide whether a row has changed."""
        return [name for name in self.columns if name not in (*self.key, *self.provenance)]

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the table's columns of the frame, in order and cast to the table's types."""
        return frame.select(pl.col(name).cast(dtype) for name, dtype in self.dtypes.items())

    def empty(self) -> pl.DataFrame:
        """Return a frame with the table's columns and no rows."""
        return pl.DataFrame(schema=self.dtypes)
