"""`ouspark explain`: every number of a student, with the attempts and the rule behind it.

The rows are read here, the explanation is derived in `operations/explain/` and shown by
`explain_view.py`.
"""

from dataclasses import asdict

import polars as pl

from ouspark_assets.cli.explain_view import show_explanation
from ouspark_assets.cli.output import show_json
from ouspark_assets.domain.errors import OuSparkError, UsageError
from ouspark_assets.domain.hall_tickets import is_hall_ticket
from ouspark_assets.operations.explain.availability import (
    PublishedVersion,
    StudentPublication,
    explain_absence,
    find_in_production,
)
from ouspark_assets.operations.explain.derivation import explain_student
from ouspark_assets.operations.explain.model import StudentRecords
from ouspark_assets.orchestration.resources import Development, Lake, Production
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.analytics import (
    BACKLOGS,
    REVALUATION_IMPACT,
    SEMESTER_GPAS,
    STANDINGS,
    STUDENT_CGPAS,
    STUDENT_CREDITS,
    STUDENT_RANKINGS,
)
from ouspark_assets.schemas.clean import MARKS, NO_RESULTS, QUARANTINE, RESULTS, STUDENTS
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES, SUBJECTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.warehouse.core.connection import Connection, read_only_snapshot
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.publication.publications import read_publications
from ouspark_assets.warehouse.publication.publish_transaction import current_source
from ouspark_assets.warehouse.student_rows import latest_student_version, read_student_rows

STUDENT_TABLES = (
    STUDENTS,
    MARKS,
    RESULTS,
    STANDINGS,
    SEMESTER_GPAS,
    STUDENT_CGPAS,
    STUDENT_CREDITS,
    STUDENT_RANKINGS,
    BACKLOGS,
    REVALUATION_IMPACT,
    NO_RESULTS,
    QUARANTINE,
)
SHARED_TABLES = (RELEASE_INDEX, SUBJECTS, COLLEGES, BRANCHES)


def explain_ticket(ticket: str, *, as_json: bool) -> None:
    """Print the explanation of every number of a student."""
    check_ticket(ticket)
    with Development().connected("explain") as connection, read_only_snapshot(connection):
        records = _read_records(connection, ticket)
        if records is None:
            raise _unknown_ticket(ticket)
        version = latest_student_version(connection, PUBLISHED_TABLES, ticket)
        database = current_source(connection).database
    explanation = explain_student(records)
    production = _production_state(database, version)
    if as_json:
        show_json({**asdict(explanation), "production": asdict(production)})
    else:
        show_explanation(explanation, production)


def check_ticket(ticket: str) -> None:
    """Raise UsageError if this is not a hall ticket."""
    if not is_hall_ticket(ticket):
        message = f"{ticket!r} is not a hall ticket: a hall ticket has exactly twelve digits."
        raise UsageError(message)


def _read_records(connection: Connection, ticket: str) -> StudentRecords | None:
    frames = {table.name: read_student_rows(connection, table, ticket) for table in STUDENT_TABLES}
    if frames[STUDENTS.name].is_empty():
        return None
    frames[QUARANTINE.name] = frames[QUARANTINE.name].filter(pl.col("status") == "open")
    shared = {table.name: read_table(connection, table) for table in SHARED_TABLES}
    return StudentRecords(**frames, **shared)


def _unknown_ticket(ticket: str) -> OuSparkError:
    archive = Lake().archive()
    outcomes: dict[str, str] = {}
    sentences: dict[str, str] = {}
    for release in archive.releases():
        answers = archive.answers(release).filter(pl.col("hall_ticket") == ticket)
        if answers.height:
            outcomes[release] = answers["outcome"][0]
            if outcomes[release] == Outcome.NO_RESULT.value:
                sentences[release] = answers["cause"][0]
    forgotten = ticket in archive.forgotten
    return OuSparkError(explain_absence(ticket, outcomes, forgotten=forgotten, sentences=sentences))


def _production_state(database: str, version: int) -> StudentPublication:
    try:
        with Production().connected("explain") as connection:
            known = read_publications(connection)
    except OuSparkError as error:
        return StudentPublication(None, None, f"unknown: {error}")
    newest_first = [
        PublishedVersion(each.number, each.source_database, each.source_version, each.restores)
        for each in known
    ]
    return find_in_production(newest_first, database, version)
