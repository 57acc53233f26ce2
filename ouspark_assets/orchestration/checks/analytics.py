"""Checks of the aggregates beyond their models: reconciliation, printed SGPAs, anomalies.

Reconciliations are computed in `analytics/reconciliation.py` and are blocking; the other checks
only warn. Metadata hold counts, codes and masked tickets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl
from psycopg import sql
from psycopg.rows import scalar_row

from ouspark_assets.analytics import reconciliation
from ouspark_assets.analytics.anomalies import find_changed_colleges, find_lost_rows
from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.domain.hall_tickets import mask_ticket
from ouspark_assets.orchestration.failures import explained_failure
from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.orchestration.metadata import show_first_rows
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
from ouspark_assets.schemas.reference import SUBJECTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.frames import identifier, read_table

MAX_SHOWN = 20
PRINTED_CHECK = "sgpa_is_as_printed"
COLLEGES_CHECK = "colleges_are_about_as_before"
VOLUME_CHECK = "no_rows_were_lost"


@dataclass(frozen=True)
class Reconciliation:
    """Tables that must agree; `check` gets the table, then the others, and returns differences."""

    table: Table
    others: Sequence[Table]
    check: Callable[..., pl.DataFrame]


RECONCILIATIONS = (
    Reconciliation(STANDINGS, (MARKS, SUBJECTS), reconciliation.every_subject_sat_has_one_standing),
    Reconciliation(
        SEMESTER_GPAS, (STANDINGS,), reconciliation.every_semester_of_standings_has_a_gpa_row
    ),
    Reconciliation(STUDENT_CGPAS, (STUDENTS,), reconciliation.every_student_has_one_cgpa_row),
    Reconciliation(
        STUDENT_CREDITS, (STANDINGS, STUDENTS), reconciliation.credits_are_those_of_standings
    ),
    Reconciliation(STUDENT_RANKINGS, (STUDENTS,), reconciliation.ranks_are_dense_and_within_out_of),
    Reconciliation(
        COLLEGE_STATS, (STUDENTS, STUDENT_CGPAS), reconciliation.groups_add_up_to_all_students
    ),
    Reconciliation(
        DEPARTMENT_STATS, (STUDENTS, STUDENT_CGPAS), reconciliation.groups_add_up_to_all_students
    ),
    Reconciliation(
        DEMOGRAPHICS, (STUDENTS, STUDENT_CGPAS), reconciliation.values_add_up_to_all_students
    ),
    Reconciliation(SEMESTER_STATS, (RESULTS,), reconciliation.every_line_printed_is_counted),
    Reconciliation(
        SUBJECT_STATS,
        (MARKS, RELEASE_INDEX),
        reconciliation.every_mark_of_a_main_release_is_counted,
    ),
    Reconciliation(BACKLOGS, (STANDINGS,), reconciliation.every_open_standing_is_a_backlog),
    Reconciliation(
        REVALUATION_IMPACT,
        (MARKS, RELEASE_INDEX),
        reconciliation.every_mark_of_a_revaluation_has_an_impact,
    ),
)


def analytics_checks() -> list[dg.AssetChecksDefinition]:
    """Return every check of the aggregates except those of their models."""
    return [
        *(create_reconciliation_check(rule) for rule in RECONCILIATIONS),
        sgpa_is_as_printed,
        colleges_are_about_as_before,
        *(create_volume_check(table) for table in (STANDINGS, STUDENT_CGPAS)),
    ]


def create_reconciliation_check(rule: Reconciliation) -> dg.AssetChecksDefinition:
    """Return the blocking check of one reconciliation."""
    table = rule.table

    @dg.asset_check(
        asset=key_of(table),
        name=rule.check.__name__,
        blocking=True,
        description=rule.check.__doc__,
    )
    def reconciled(development: Development, frames: SharedFrames) -> dg.AssetCheckResult:
        with (
            explained_failure(),
            development.connected(f"check {table.qualified_name}") as connection,
        ):
            others = [frames.read(connection, other) for other in rule.others]
            differences = rule.check(frames.read(connection, table), *others)
        return _result(differences, "differences", dg.AssetCheckSeverity.ERROR)

    return reconciled


@dg.asset_check(
    asset=key_of(SEMESTER_GPAS),
    name=PRINTED_CHECK,
    description="The computed SGPA equals the one that the latest page prints.",
)
def sgpa_is_as_printed(development: Development, frames: SharedFrames) -> dg.AssetCheckResult:
    """Compare the SGPA of every semester with the printed one."""
    with explained_failure(), development.connected("check printed SGPAs") as connection:
        differing = reconciliation.sgpas_that_differ_from_print(
            frames.read(connection, SEMESTER_GPAS)
        )
    shown = differing.head(MAX_SHOWN)
    masked = [mask_ticket(ticket) for ticket in shown["hall_ticket"]]
    shown = shown.with_columns(pl.Series("hall_ticket", masked, pl.String))
    return _result(shown, "differences", count=differing.height)


@dg.asset_check(
    asset=key_of(COLLEGE_STATS),
    name=COLLEGES_CHECK,
    description="All-clear share and mean CGPA per college are close to the previous publication.",
)
def colleges_are_about_as_before(
    development: Development,
    production: Production,
    environment: Environment,
    frames: SharedFrames,
) -> dg.AssetCheckResult:
    """Find colleges that changed more than the settings allow."""
    try:
        with production.connected("check anomalies") as connection:
            before = read_table(connection, COLLEGE_STATS)
    except WarehouseError as error:
        return _skip_comparison(error)
    with explained_failure(), development.connected("check anomalies") as connection:
        now = frames.read(connection, COLLEGE_STATS)
    settings = environment.settings.analytics
    limits = {
        "pass_percent": settings.anomaly_all_clear_points,
        "mean_cgpa": settings.anomaly_mean_cgpa,
    }
    return _result(find_changed_colleges(now, before, limits), "changes")


def create_volume_check(table: Table) -> dg.AssetChecksDefinition:
    """Return the check that a table did not lose more rows than allowed since publication."""

    @dg.asset_check(
        asset=key_of(table),
        name=VOLUME_CHECK,
        description=f"{table.qualified_name} has not lost rows since the previous publication.",
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
                before = connection.cursor(row_factory=scalar_row).execute(count).fetchone()
        except WarehouseError as error:
            return _skip_comparison(error)
        with explained_failure(), development.connected("check volume") as connection:
            now = frames.read(connection, table).height
        max_lost = environment.settings.analytics.anomaly_volume_percent
        return _result(find_lost_rows(table.qualified_name, now, before or 0, max_lost), "lost")

    return no_rows_were_lost


def _skip_comparison(error: WarehouseError) -> dg.AssetCheckResult:
    # Production is unreachable: nothing to compare, and publishing will fail by itself.
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
        metadata[name] = show_first_rows(found, MAX_SHOWN)
    return dg.AssetCheckResult(passed=found.is_empty(), severity=severity, metadata=metadata)
