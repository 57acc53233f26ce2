"""The promises of the pipeline, one function each, which yields a line per violation.

`ALWAYS` must hold after every event, `AT_REST` after a run that nothing disturbed. They change
nothing, except that two of `AT_REST` run commands to verify.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl
from psycopg import sql
from psycopg.rows import scalar_row

from ouspark_assets.schemas import PIPELINE_TABLES, PUBLISHED_TABLES
from ouspark_assets.schemas.analytics import SEMESTER_GPAS, STANDINGS, STUDENT_CGPAS
from ouspark_assets.schemas.clean import APPEARANCES, MARKS, RESULTS, STUDENTS
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection, Side
from ouspark_assets.warehouse.publication.changes import count_and_checksum
from ouspark_assets.warehouse.publication.publications import read_publications
from ouspark_assets_tests.chaos.ground_truth import PAGE, compare_frames, compare_table
from ouspark_assets_tests.chaos.lake_parts import FOUND, list_parts, read_all_answers
from ouspark_assets_tests.chaos.system_under_test import SystemUnderTest

Invariant = Callable[[SystemUnderTest], Iterator[str]]
# Table to the table of the ground truth with the same content.
PRINTED = {MARKS: "attempts", RESULTS: "results"}
COMPUTED = {
    STUDENTS: "students",
    STANDINGS: "standings",
    SEMESTER_GPAS: "semester_gpas",
    STUDENT_CGPAS: "student_cgpas",
}
DETAILS = ["hall_ticket", "name", "father_name", "gender", "medium"]
ACCOUNTS = """
SELECT a.release, a.table_name, a.found, a.accepted, a.collapsed, a.quarantined,
       CASE a.table_name
         WHEN 'appearances'
         THEN (SELECT count(*) FROM clean.appearances t WHERE t.release = a.release)
         WHEN 'results'
         THEN (SELECT count(*) FROM clean.results t WHERE t.release = a.release)
         WHEN 'marks'
         THEN (SELECT count(*) FROM clean.marks t WHERE t.release = a.release)
         ELSE a.accepted END,
       (SELECT count(*) FROM clean.quarantine q
         WHERE (q.release, q.table_name) = (a.release, a.table_name) AND q.status <> 'resolved')
  FROM ops.accounts a
"""


def records_are_accounted_for(system: SystemUnderTest) -> Iterator[str]:
    """Found = accepted + identical duplicates + quarantined, and the tables hold exactly those."""
    rows: Any = system.pipeline.rows(ACCOUNTS)
    for release, table, found, accepted, collapsed, quarantined, stored, in_quarantine in rows:
        if (
            found != accepted + collapsed + quarantined
            or stored != accepted
            or in_quarantine != quarantined
        ):
            yield (
                f"{table} of {release}: {found} found, {accepted} accepted, {collapsed} collapsed, "
                f"{quarantined} quarantined; {stored} stored, {in_quarantine} in quarantine"
            )


def development_matches_the_pages(system: SystemUnderTest) -> Iterator[str]:
    """Development has exactly the rows that the loaded pages print."""
    appearances = system.pipeline.table(APPEARANCES)
    loaded = appearances.select(PAGE)
    unknown = set(loaded.join(system.archived_pages, on=PAGE, how="anti").iter_rows())
    unknown -= system.moved_away
    if unknown:
        yield f"{len(unknown)} pages of {APPEARANCES.name} are not in the lake"
    undamaged = loaded.join(system.undamaged_pages, on=PAGE, how="semi")
    for table, name in PRINTED.items():
        expected = system.truth.table(name).join(undamaged, on=PAGE, how="semi")
        found = system.pipeline.table(table).join(system.undamaged_pages, on=PAGE, how="semi")
        yield from compare_table(table, found, expected)
    details = system.truth.table("students").select(DETAILS)
    expected = undamaged.join(details, on="hall_ticket")
    found = appearances.join(undamaged, on=PAGE, how="semi")
    yield from compare_frames("appearances", found, expected, [*PAGE, *DETAILS[1:]])


def archived_pages_match_the_site(system: SystemUnderTest) -> Iterator[str]:
    """The lake has no truncated page, no other student's page, and no error page."""
    for part in list_parts(system.lake):
        if part.path in system.verified_parts:
            continue
        for release, ticket, _, _, _, body in part.read_pages().iter_rows():
            is_whole = system.truth.is_whole_page(release, ticket, body)
            if is_whole is None:
                system.damaged_pages.add((release, ticket))
            elif not is_whole:
                yield f"{part.path.name} has a page of {release} that the site never printed"
        system.verified_parts.add(part.path)


def no_archived_page_is_lost(system: SystemUnderTest) -> Iterator[str]:
    """A student who was found once stays found, unless the page was in a damaged part."""
    now = set(system.archived_pages.iter_rows())
    lost = system.known_pages - now - system.moved_away
    for release, pages in Counter(release for release, _ in lost).items():
        yield f"{pages} students found in {release} are gone"
    system.known_pages = now
    system.moved_away -= now


def no_page_is_fetched_twice(system: SystemUnderTest) -> Iterator[str]:
    """A page that was found and archived is not fetched again."""
    found = read_all_answers(system.lake).filter(FOUND).select(*PAGE, "fetched_at").unique()
    repeated = found.group_by(PAGE).len("times").filter(pl.col("times") > 1)
    for release, pages in repeated.group_by("release").len("pages").iter_rows():
        yield f"{pages} pages of {release} were fetched more than once"


def no_key_is_duplicated(system: SystemUnderTest) -> Iterator[str]:
    """No table of either database has a duplicate key, read without its indexes."""
    for side, tables in ((Side.DEVELOPMENT, PIPELINE_TABLES), (Side.PRODUCTION, PUBLISHED_TABLES)):
        with system.pipeline.connected(side) as connection:
            connection.execute("SET enable_indexscan = off")
            connection.execute("SET enable_indexonlyscan = off")
            for table in tables:
                duplicates = _count_duplicate_keys(connection, table)
                if duplicates:
                    yield f"{side} {table.qualified_name} has {duplicates} duplicate keys"


def production_is_one_publication(system: SystemUnderTest) -> Iterator[str]:
    """Every table has the rows and the checksum that the latest publication recorded."""
    with system.pipeline.connected(Side.PRODUCTION) as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        exists = _has_table(connection, "ops.publications")
        publications = read_publications(connection) if exists else []
        for table in PUBLISHED_TABLES if publications else ():
            latest = publications[0]
            state = latest.states[table.qualified_name]
            rows, checksum = count_and_checksum(connection, table)
            if (rows, checksum) != (state.rows, state.checksum):
                yield f"{table.name} ({rows} rows) differs from publication {latest.number}"
    numbers = [publication.number for publication in publications]
    if numbers != list(range(len(numbers), 0, -1)):
        yield f"publications are numbered {numbers}"
    if len(numbers) < system.last_publication:
        yield f"publication {system.last_publication} is gone, the latest is {len(numbers)}"
    system.last_publication = len(numbers)


def readers_see_no_problem(system: SystemUnderTest) -> Iterator[str]:
    """Readers never saw a partial publication, an older one than before, or a cold cache."""
    system.tally.readings = system.readers.read_notes()
    yield from system.tally.readings.problems


def no_stage_is_left_running(system: SystemUnderTest) -> Iterator[str]:
    """The history has an outcome for every stage, also those of killed runs."""
    rows = system.pipeline.rows(
        "SELECT run_id, asset FROM ops.stage_runs WHERE outcome = 'running' OR ended IS NULL"
    )
    yield from (
        f"{asset} of run {str(run)[:8]} is still recorded as running" for run, asset in rows
    )


def dagster_has_no_unfinished_run(system: SystemUnderTest) -> Iterator[str]:
    """Dagster lists no run as queued or running, and no liveness file of a run is left."""
    folder = system.home / "dagster"
    with sqlite3.connect(f"file:{folder / 'history' / 'runs.db'}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT run_id, status FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"
        ).fetchall()
    yield from (f"run {run[:8]} is {status}" for run, status in rows)
    files = (folder / "alive").glob("[!.]*")
    yield from (f"the liveness file of run {path.name[:8]} is left" for path in files)


def every_page_is_loaded(system: SystemUnderTest) -> Iterator[str]:
    """Every page of every release is archived, and loaded into the tables or the quarantine."""
    yield from compare_frames("the lake", system.archived_pages, system.truth.pages, PAGE)
    loaded = system.pipeline.table(APPEARANCES).select(PAGE)
    missing = system.undamaged_pages.join(loaded, on=PAGE, how="anti")
    if missing.height:
        yield f"{missing.height} undamaged pages of the lake are in no table"


def students_match_the_ground_truth(system: SystemUnderTest) -> Iterator[str]:
    """Details, standings, SGPAs and CGPAs are right for students without a damaged page."""
    damaged = {ticket for _, ticket in system.damaged_pages}
    is_undamaged = ~pl.col("hall_ticket").is_in(list(damaged))
    for table, name in COMPUTED.items():
        expected = system.truth.table(name).filter(is_undamaged)
        yield from compare_table(table, system.pipeline.table(table).filter(is_undamaged), expected)


def production_and_cache_verify(system: SystemUnderTest) -> Iterator[str]:
    """`ouspark publication verify` and `ouspark cache verify` find no difference."""
    for command in ("publication", "cache"):
        done = system.complete(command, "verify")
        if done.process.returncode:
            yield f"{command} verify: {done.errors.strip()}"


def another_run_changes_nothing(system: SystemUnderTest) -> Iterator[str]:
    """A run with nothing new changes no table, publication or cache generation."""
    before = _read_state(system)
    done = system.complete("run", "--all")
    after = _read_state(system)
    if done.process.returncode == 0 and before != after:
        changed = [name for name in before if before[name] != after[name]]
        yield f"a run with nothing new changed the {' and the '.join(changed)}"


ALWAYS: Mapping[str, Invariant] = {
    "archived pages are what the site printed": archived_pages_match_the_site,
    "no archived page is lost": no_archived_page_is_lost,
    "no archived page is fetched twice": no_page_is_fetched_twice,
    "found = accepted + identical duplicates + quarantined": records_are_accounted_for,
    "development has what the pages print": development_matches_the_pages,
    "no key is duplicated": no_key_is_duplicated,
    "production is exactly one publication": production_is_one_publication,
    "readers never see a mix, an older state or a cold cache": readers_see_no_problem,
}
AT_REST: Mapping[str, Invariant] = {
    "no stage of a dead run is left running": no_stage_is_left_running,
    "Dagster has no unfinished run": dagster_has_no_unfinished_run,
    "everything on the site is archived and loaded": every_page_is_loaded,
    "students have the right results": students_match_the_ground_truth,
    "`publication verify` and `cache verify` find nothing": production_and_cache_verify,
    "another run changes nothing": another_run_changes_nothing,
}


def _count_duplicate_keys(connection: Connection, table: Table) -> int:
    if not _has_table(connection, table.qualified_name):
        return 0
    query = sql.SQL(
        "SELECT count(*) FROM (SELECT 1 FROM {} GROUP BY {} HAVING count(*) > 1) AS duplicates"
    ).format(
        sql.Identifier(table.schema, table.name),
        sql.SQL(", ").join(map(sql.Identifier, table.key)),
    )
    return connection.cursor(row_factory=scalar_row).execute(query).fetchone() or 0


def _has_table(connection: Connection, name: str) -> bool:
    cursor = connection.cursor(row_factory=scalar_row)
    return cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone() is True


def _read_state(system: SystemUnderTest) -> dict[str, object]:
    with system.pipeline.cache() as cache:
        generation = cache.get("ouspark:current")
    return {
        "tables": system.pipeline.rows("SELECT max(version) FROM ops.versions"),
        "publication": system.pipeline.rows(
            "SELECT max(number), count(*) FROM ops.publications", Side.PRODUCTION
        ),
        "cache generation": generation,
    }
