"""`ouspark explain`: a student's whole story, each number with the rule that made it.

Here is where the rows come from; the story is told in `explain/` and shown by `story_view.py`.
"""

from dataclasses import asdict

import click
import polars as pl

from ouspark_assets.cli.output import show_json
from ouspark_assets.cli.story_view import show_story
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.domain.hall_tickets import is_hall_ticket
from ouspark_assets.operations.explain.records import StudentRecords
from ouspark_assets.operations.explain.story import Story
from ouspark_assets.operations.explain.telling import tell
from ouspark_assets.operations.explain.whereabouts import (
    InProduction,
    PublishedState,
    in_production,
    not_in_tables,
)
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
from ouspark_assets.schemas.clean import MARKS, QUARANTINE, RESULTS, STUDENTS
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES, SUBJECTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.publication.publications import Publication, publications
from ouspark_assets.warehouse.publication.publish import current_source
from ouspark_assets.warehouse.student_rows import latest_version, rows_of

OF_THE_STUDENT = (
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
    QUARANTINE,
)
SHARED = (RELEASE_INDEX, SUBJECTS, COLLEGES, BRANCHES)


@click.command()
@click.argument("ticket")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(ticket: str, *, as_json: bool) -> None:
    """Tell the whole story of the student with this hall TICKET.

    Attempts, the standings they lead to, SGPAs and the CGPA with their sums, credits, ranks,
    backlogs, revaluation, quarantine, publication: each with the rule that made it.
    """
    checked_ticket(ticket)
    with Development().connected("explain") as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        records = _records(connection, ticket)
        if records is None:
            raise _unknown(ticket)
        version = latest_version(connection, PUBLISHED_TABLES, ticket)
        database = current_source(connection).database
    _show(tell(records), _published(database, version), as_json=as_json)


def checked_ticket(ticket: str) -> str:
    """The ticket itself; what is no hall ticket is refused."""
    if not is_hall_ticket(ticket):
        message = f"{ticket!r} is not a hall ticket: twelve digits, and nothing else."
        raise OuSparkError(message)
    return ticket


def _records(connection: Connection, ticket: str) -> StudentRecords | None:
    frames = {table.name: rows_of(connection, table, ticket) for table in OF_THE_STUDENT}
    if frames[STUDENTS.name].is_empty():
        return None
    frames[QUARANTINE.name] = _open_records(frames[QUARANTINE.name])
    shared = {table.name: read_table(connection, table) for table in SHARED}
    return StudentRecords(**frames, **shared)


def _open_records(quarantine: pl.DataFrame) -> pl.DataFrame:
    return quarantine.filter(pl.col("status") == "open")


def _unknown(ticket: str) -> OuSparkError:
    archive = Lake().archive()
    answers: dict[str, str] = {}
    for release in archive.releases():
        answered = archive.answers(release).filter(pl.col("hall_ticket") == ticket)
        if answered.height:
            answers[release] = answered["outcome"][0]
    return OuSparkError(not_in_tables(ticket, answers, forgotten=ticket in archive.forgotten))


def _published(database: str, version: int) -> InProduction:
    try:
        with Production().connected("explain") as connection:
            known = publications(connection)
    except OuSparkError as error:
        return InProduction(None, None, f"not known: {error}")
    return in_production([_state(it) for it in known], database, version)


def _state(it: Publication) -> PublishedState:
    return PublishedState(it.number, it.source_database, it.source_version, it.restores)


def _show(story: Story, published: InProduction, *, as_json: bool) -> None:
    if as_json:
        show_json({**asdict(story), "production": asdict(published)})
    else:
        show_story(story, published)
