"""Events of the pipeline for alert tests: failing runs, loaded releases, a new index."""

from typing import Any

import dagster as dg

from ouspark_assets.orchestration.partitions import release_partitions
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets_tests.support.factories import releases


class FailingAssets:
    """The assets `clean/marks` and `clean/students`; the first fails as long as `error` is set."""

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

    def set_check_result(self, *, passed: bool) -> None:
        """Let the assets succeed, with a blocking check of this result."""

        @dg.asset_check(asset=["clean", "marks"], blocking=True)
        def fits_its_model() -> dg.AssetCheckResult:
            rows = [dg.TableRecord({"column": "grade", "rule": "isin", "cases": 3})]
            metadata: dict[str, Any] = {"rows": 7, "broken rules": dg.MetadataValue.table(rows)}
            return dg.AssetCheckResult(passed=passed, metadata=metadata)

        self.error = None
        self.assets = [*self.assets[:2], fits_its_model]

    def run(self, instance: dg.DagsterInstance, release: str | None = None) -> str:
        """Run the assets and return the id of the run."""
        result = dg.materialize(
            self.assets, instance=instance, partition_key=release, raise_on_error=False
        )
        return result.run_id


def record_load(connection: Connection, release: str, students: int) -> None:
    """Record that the pages of this number of students of a release were accepted."""
    connection.execute("INSERT INTO ops.loads VALUES (%s, 'f', '{}', 'run')", (release,))
    connection.execute(
        "INSERT INTO ops.accounts VALUES (%s, 'appearances', %s, %s, 0, 0, 'run')",
        (release, students, students),
    )


def load_index(connection: Connection, *rows: dict[str, object]) -> None:
    """Load an index with these releases."""
    with write_transaction(connection, "index") as writer:
        writer.merge(RELEASE_INDEX, [releases(*rows)])
