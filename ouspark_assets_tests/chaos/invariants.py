"""What must hold at every moment, whatever has just happened: a function for each promise.

Each looks at the scene and gives what is wrong, a line each; nothing is changed. What must hold
only once everything has come to rest is `at_rest.py`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import polars as pl
from psycopg import sql

from ouspark_assets.schemas import PIPELINE_TABLES, PUBLISHED_TABLES
from ouspark_assets.schemas.clean import APPEARANCES, MARKS, RESULTS
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection, Side
from ouspark_assets.warehouse.publication.changes import count_and_checksum
from ouspark_assets.warehouse.publication.publications import read_publications
from ouspark_assets_tests.chaos.ground_truth import PAGE, differences, differences_of
from ouspark_assets_tests.chaos.lake_parts import FOUND, answers_in, parts_of
from ouspark_assets_tests.chaos.system_under_test import Scene

Invariant = Callable[[Scene], Iterator[str]]
PRINTED = {MARKS: "attempts", RESULTS: "results"}
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


def everything_found_is_accounted_for(scene: Scene) -> Iterator[str]:
    """Found = accepted + identical duplicates + quarantined, and the tables hold exactly those."""
    for row in scene.pipeline.rows(ACCOUNTS):
        release, table, found, accepted, collapsed, held, stored, kept = row
        counts = (int(str(accepted)), int(str(collapsed)), int(str(held)))
        if found != sum(counts) or stored != accepted or kept != held:
            yield (
                f"{table} of {release}: {found} found, {accepted} accepted, {collapsed} collapsed, "
                f"{held} quarantined; {stored} stored, {kept} in quarantine"
            )


def development_says_what_the_pages_print(scene: Scene) -> Iterator[str]:
    """Row by row, for every page that the tables were made from."""
    appearances = scene.pipeline.table(APPEARANCES)
    loaded = appearances.select(PAGE)
    stray = set(loaded.join(scene.archived, on=PAGE, how="anti").iter_rows()) - scene.moved_away
    if stray:
        yield f"{len(stray)} pages of {APPEARANCES.name} are not in the lake"
    whole = loaded.join(scene.whole, on=PAGE, how="semi")
    for table, name in PRINTED.items():
        true = scene.truth.table(name).join(whole, on=PAGE, how="semi")
        found = scene.pipeline.table(table).join(scene.whole, on=PAGE, how="semi")
        yield from differences_of(table, found, true)
    details = scene.truth.table("students").select(DETAILS)
    true = whole.join(details, on="hall_ticket")
    found = appearances.join(whole, on=PAGE, how="semi")
    yield from differences("appearances", found, true, [*PAGE, *DETAILS[1:]])


def archived_pages_are_the_sites(scene: Scene) -> Iterator[str]:
    """No cut page, no other student's page, no error page: only what the site prints."""
    for part in parts_of(scene.lake):
        if part.path in scene.looked_at:
            continue
        for release, ticket, _, _, _, body in part.pages().iter_rows():
            whole = scene.truth.says(release, ticket, body)
            if whole is None:
                scene.damaged.add((release, ticket))
            elif not whole:
                yield f"{part.path.name} has a page of {release} that the site never printed"
        scene.looked_at.add(part.path)


def nothing_archived_is_lost(scene: Scene) -> Iterator[str]:
    """A student who was found once stays found, but for what a damaged part held."""
    now = set(scene.archived.iter_rows())
    lost = scene.found - now - scene.moved_away
    for release, pages in Counter(release for release, _ in lost).items():
        yield f"{pages} students found in {release} are gone"
    scene.found = now
    scene.moved_away -= now


def no_page_is_fetched_twice(scene: Scene) -> Iterator[str]:
    """Whoever was found and archived is not asked again."""
    found = answers_in(scene.lake).filter(FOUND).select(*PAGE, "fetched_at").unique()
    again = found.group_by(PAGE).len("times").filter(pl.col("times") > 1)
    for release, times in again.group_by("release").len("pages").iter_rows():
        yield f"{times} pages of {release} were fetched more than once"


def no_key_is_there_twice(scene: Scene) -> Iterator[str]:
    """In no table of either database, looked at without their indexes."""
    for side, tables in ((Side.DEVELOPMENT, PIPELINE_TABLES), (Side.PRODUCTION, PUBLISHED_TABLES)):
        with scene.pipeline.connected(side) as connection:
            connection.execute("SET enable_indexscan = off")
            connection.execute("SET enable_indexonlyscan = off")
            for table in tables:
                twice = _keys_twice(connection, table)
                if twice:
                    yield f"{side} {table.qualified_name}: {twice} keys are there twice"


def production_is_one_whole_publication(scene: Scene) -> Iterator[str]:
    """Every table has the rows and the checksum that the newest publication noted of it."""
    with scene.pipeline.connected(Side.PRODUCTION) as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        made = read_publications(connection) if _exists(connection, "ops.publications") else []
        for table in PUBLISHED_TABLES if made else ():
            state = made[0].states[table.qualified_name]
            rows, checksum = count_and_checksum(connection, table)
            if (rows, checksum) != (state.rows, state.checksum):
                yield f"{table.name} is not as publication {made[0].number} noted ({rows} rows)"
    numbers = [it.number for it in made]
    if numbers != list(range(len(numbers), 0, -1)):
        yield f"publications are numbered {numbers}"
    if len(numbers) < scene.publication:
        yield f"publication {scene.publication} is gone, the newest is {len(numbers)}"
    scene.publication = len(numbers)


def readers_are_never_let_down(scene: Scene) -> Iterator[str]:
    """No half publication, none that goes back, no cold cache, in any of their readings."""
    scene.tally.readings = scene.readers.readings()
    yield from scene.tally.readings.problems


ALWAYS: Mapping[str, Invariant] = {
    "archived pages are what the site printed": archived_pages_are_the_sites,
    "nothing that was archived is lost": nothing_archived_is_lost,
    "no page that was archived is fetched twice": no_page_is_fetched_twice,
    "found = accepted + identical duplicates + quarantined": everything_found_is_accounted_for,
    "development says what the pages print": development_says_what_the_pages_print,
    "no key is there twice": no_key_is_there_twice,
    "production is exactly one whole publication": production_is_one_whole_publication,
    "readers never see a mix, a step back or a cold cache": readers_are_never_let_down,
}


def _keys_twice(connection: Connection, table: Table) -> int:
    if not _exists(connection, table.qualified_name):
        return 0
    query = sql.SQL(
        "SELECT count(*) FROM (SELECT 1 FROM {} GROUP BY {} HAVING count(*) > 1) AS twice"
    ).format(
        sql.Identifier(table.schema, table.name),
        sql.SQL(", ").join(map(sql.Identifier, table.key)),
    )
    row = connection.execute(query).fetchone()
    return int(str(row[0])) if row else 0


def _exists(connection: Connection, name: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone()
    return row is not None and row[0] is True
