"""What happens in the pipeline, in a few words: runs that fail, pages loaded, an index shown."""

from typing import Any

import dagster as dg

from ouspark_assets.orchestration.partitions import release_partitions
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.writing import writing
from ouspark_assets_tests.support.factories import releases


class Broken:
    """An asset that fails for as long as it is told to, with those below it."""

    def __init__(self, *, partitioned: bool = False) -> None:
        self.error: Exception | None = ValueError("boom")
        definition = release_partitions if partitioned else None

        @dg.asset(key=["clean", "marks"], partitions_def=definition)
        def marks() -> dg.MaterializeResult[None]:
            if self.error:
                raise self.error
            return dg.MaterializeResult()

        @dg.asset(key=["clean", "students"], deps=[marks], partitions_def=definition)
        def students() -> dg.MaterializeResult[None]:
            return dg.MaterializeResult()

        self.assets: list[Any] = [marks, students]

    def judged(self, *, passed: bool) -> None:
        """Add a check of the real graph, with this result."""

        @dg.asset_check(asset=["clean", "marks"], blocking=True)
        def fits_its_model() -> dg.AssetCheckResult:
            rows = [dg.TableRecord({"column": "grade", "rule": "isin", "cases": 3})]
            found: dict[str, Any] = {"rows": 7, "broken rules": dg.MetadataValue.table(rows)}
            return dg.AssetCheckResult(passed=passed, metadata=found)

        self.error = None
        self.assets = [*self.assets[:2], fits_its_model]

    def run(self, instance: dg.DagsterInstance, release: str | None = None) -> str:
        done = dg.materialize(
            self.assets, instance=instance, partition_key=release, raise_on_error=False
        )
        return done.run_id


def loaded(connection: Connection, release: str, students: int) -> None:
    """A release whose pages of so many students were accepted."""
    connection.execute("INSERT INTO ops.loads VALUES (%s, 'f', '{}', 'run')", (release,))
    connection.execute(
        "INSERT INTO ops.accounts VALUES (%s, 'appearances', %s, %s, 0, 0, 'run')",
        (release, students, students),
    )


def shown(connection: Connection, *rows: dict[str, object]) -> None:
    """What the index shows."""
    with writing(connection, "index") as writer:
        writer.merge(RELEASE_INDEX, [releases(*rows)])
