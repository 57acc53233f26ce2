"""Checks of the aggregates beyond their models: reconciliation, printed SGPAs, anomalies.

What must hold is computed in `analytics/reconciliation.py` and blocks what is downstream; what is
only worth a look is a warning. Metadata hold counts, codes and masked tickets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl
from psycopg import sql

from ouspark_assets.analytics import reconciliation as must
from ouspark_assets.analytics.anomalies import Thresholds, find_changed_colleges, find_lost_rows
from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.domain.hall_tickets import mask_ticket
from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.orchestration.resources import (
    Development,
    Environment,
    Production,
    SharedFrames,
)
from ouspark_assets.schemas.analytics import (
    BACKLOGS,
    COLLEGE_STATS,
    DEMOGRAPHICS,
    DEPARTMENT_STATS,
    REVALUATION_IMPACT,
    SEMESTER_GPAS,
    SEMESTER_STATS,
    STANDINGS,
    STUDENT_CGPAS,
    STUDENT_CREDITS,
    STUDENT_RANKINGS,
    SUBJECT_STATS,
)
from ouspark_assets.schemas.clean import MARKS, RESULTS, STUDENTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.schemas.table import Table
from ouspark_assets.settings import AnalyticsSettings
from ouspark_assets.warehouse.core.frames import identifier, read_table

MOST_SHOWN = 20
PRINTED_CHECK = "sgpa_is_as_printed"
COLLEGES_CHECK = "colleges_are_about_as_before"
VOLUME_CHECK = "no_rows_were_lost"


@dataclass(frozen=True)
class Reconciliation:
    """Two or more tables that must tell the same story; `check` gets the table, then the others."""

    table: Table
    others: Sequence[Table]
    check: Callable[..., pl.DataFrame]


RECONCILIATIONS = (
    Reconciliation(STANDINGS, (MARKS,), must.every_subject_sat_has_one_standing),
    Reconciliation(SEMESTER_GPAS, (STANDINGS,), must.every_semester_of_standings_has_a_gpa_row),
    Reconciliation(STUDENT_CGPAS, (STUDENTS,), must.every_student_has_one_cgpa_row),
    Reconciliation(STUDENT_CREDITS, (STANDINGS, STUDENTS), must.credits_are_those_of_standings),
    Reconciliation(STUDENT_RANKINGS, (STUDENTS,), must.ranks_are_dense_and_within_out_of),
    Reconciliation(COLLEGE_STATS, (STUDENTS, STUDENT_CGPAS), must.groups_add_up_to_all_students),
    Reconciliation(DEPARTMENT_STATS, (STUDENTS, STUDENT_CGPAS), must.groups_add_up_to_all_students),
    Reconciliation(DEMOGRAPHICS, (STUDENTS, STUDENT_CGPAS), must.values_add_up_to_all_students),
    Reconciliation(SEMESTER_STATS, (RESULTS,), must.every_line_printed_is_counted),
    Reconciliation(
        SUBJECT_STATS, (MARKS, RELEASE_INDEX), must.every_mark_of_a_main_release_is_counted
    ),
    Reconciliation(BACKLOGS, (STANDINGS,), must.every_open_standing_is_a_backlog),
    Reconciliation(
        REVALUATION_IMPACT,
        (MARKS, RELEASE_INDEX),
        must.every_mark_of_a_revaluation_has_an_impact,
    ),
)


def analytics_checks() -> list[dg.AssetChecksDefinition]:
    """Every check of the aggregates beside those of their models."""
    return [
        *(reconciliation_check(each) for each in RECONCILIATIONS),
        sgpa_is_as_printed,
        colleges_are_about_as_before,
        *(volume_check(table) for table in (STANDINGS, STUDENT_CGPAS)),
    ]


def reconciliation_check(reconciliation: Reconciliation) -> dg.AssetChecksDefinition:
    """The blocking check of one reconciliation."""
    table = reconciliation.table

    @dg.asset_check(
        asset=key_of(table),
        name=reconciliation.check.__name__,
        blocking=True,
        description=reconciliation.check.__doc__,
    )
    def reconciled(development: Development, frames: SharedFrames) -> dg.AssetCheckResult:
        with development.connected(f"check {table.qualified_name}") as connection:
            others = [frames.read(connection, other) for other in reconciliation.others]
            differences = reconciliation.check(frames.read(connection, table), *others)
        return _result(differences, "differences", dg.AssetCheckSeverity.ERROR)

    return reconciled


@dg.asset_check(
    asset=key_of(SEMESTER_GPAS),
    name=PRINTED_CHECK,
    description="The SGPA computed is the one that the latest page prints",
)
def sgpa_is_as_printed(development: Development, frames: SharedFrames) -> dg.AssetCheckResult:
    """Warn of every semester whose printed SGPA differs, with both numbers."""
    with development.connected("check printed SGPAs") as connection:
        differing = must.sgpas_that_differ_from_print(frames.read(connection, SEMESTER_GPAS))
    shown = differing.head(MOST_SHOWN)
    masked = [mask_ticket(ticket) for ticket in shown["hall_ticket"]]
    shown = shown.with_columns(pl.Series("hall_ticket", masked, pl.String))
    return _result(shown, "differences", count=differing.height)


@dg.asset_check(
    asset=key_of(COLLEGE_STATS),
    name=COLLEGES_CHECK,
    description="Share of all-clear and mean CGPA per college, against the previous publication",
)
def colleges_are_about_as_before(
    development: Development,
    production: Production,
    environment: Environment,
    frames: SharedFrames,
) -> dg.AssetCheckResult:
    """Warn of colleges that changed more than the settings allow."""
    try:
        with production.connected("check anomalies") as connection:
            before = read_table(connection, COLLEGE_STATS)
    except WarehouseError as error:
        return _not_compared(error)
    with development.connected("check anomalies") as connection:
        now = frames.read(connection, COLLEGE_STATS)
    return _result(
        find_changed_colleges(now, before, _thresholds(environment.settings.analytics)), "changes"
    )


def volume_check(table: Table) -> dg.AssetChecksDefinition:
    """The check that a table did not lose more of its rows than usual since it was published."""

    @dg.asset_check(
        asset=key_of(table),
        name=VOLUME_CHECK,
        description=f"Rows of {table.qualified_name} against the previous publication",
    )
    def no_rows_were_lost(
        development: Development,
        production: Production,
        environment: Environment,
        frames: SharedFrames,
    ) -> dg.AssetCheckResult:
        try:
            with production.connected("check volume") as connection:
                count = sql.SQL("SELECT count(*) FROM {}").format(identifier(table))
                row = connection.execute(count).fetchone()
        except WarehouseError as error:
            return _not_compared(error)
        with development.connected("check volume") as connection:
            now = frames.read(connection, table).height
        before = int(str(row[0])) if row else 0
        return _result(
            find_lost_rows(
                table.qualified_name, now, before, _thresholds(environment.settings.analytics)
            ),
            "lost",
        )

    return no_rows_were_lost


def _thresholds(settings: AnalyticsSettings) -> Thresholds:
    return Thresholds(
        all_clear_points=settings.anomaly_all_clear_points,
        mean_cgpa=settings.anomaly_mean_cgpa,
        volume_percent=settings.anomaly_volume_percent,
    )


def _not_compared(error: WarehouseError) -> dg.AssetCheckResult:
    """Without the previous publication there is nothing to say; publishing will fail by itself."""
    return dg.AssetCheckResult(passed=True, metadata={"not compared": str(error)})


def _result(
    found: pl.DataFrame,
    name: str,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.WARN,
    *,
    count: int | None = None,
) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {"count": found.height if count is None else count}
    if found.height:
        rows = found.head(MOST_SHOWN).iter_rows(named=True)
        metadata[name] = dg.MetadataValue.table([dg.TableRecord(row) for row in rows])
    return dg.AssetCheckResult(passed=found.is_empty(), severity=severity, metadata=metadata)
