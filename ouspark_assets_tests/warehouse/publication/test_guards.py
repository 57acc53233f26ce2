import threading
from typing import Any

import polars as pl
import psycopg
import pytest
from psycopg import sql

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.warehouse.core.connection import Connection, Side, connected, open_connection
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.locks import Lock, acquire
from ouspark_assets.warehouse.core.migrate import migrate
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.publication.guards import refuse_shrinking, translate_errors
from ouspark_assets.warehouse.publication.publications import TableState
from ouspark_assets.warehouse.publication.publish_transaction import Published, Terms, publish
from ouspark_assets_tests.support.factories import marks
from ouspark_assets_tests.support.stores import Databases

RELEASE = {"release": "20250402"}
SUBJECTS = marks(*({"subject_code": str(code)} for code in range(101, 141)))


def load(development: Connection, frame: pl.DataFrame) -> None:
    with write_transaction(development, "load") as writer:
        writer.merge(MARKS, [frame], RELEASE)


def published(development: Connection, production: Connection, **how: Any) -> Published | None:
    return publish(development, production, PUBLISHED_TABLES, "run", Terms(**how))


def numbers(production: Connection) -> list[int]:
    rows = production.execute("SELECT number FROM ops.publications ORDER BY 1").fetchall()
    return [int(str(row[0])) for row in rows]


@pytest.mark.parametrize("full", [False, True])
def test_a_table_that_melts_away_is_not_published_unless_told(
    development: Connection, production: Connection, *, full: bool
) -> None:
    load(development, SUBJECTS)
    published(development, production)
    load(development, SUBJECTS.head(20))
    with pytest.raises(WarehouseError, match=r"clean\.marks from 40 to 20 rows.*--allow-shrink"):
        published(development, production, full=full)
    assert read_table(production, MARKS).height == 40
    assert published(development, production, full=full, allow_shrink=True) is not None
    assert read_table(production, MARKS).height == 20


def test_a_loss_within_the_share_is_published(
    development: Connection, production: Connection
) -> None:
    load(development, SUBJECTS)
    published(development, production)
    load(development, SUBJECTS.head(30))
    assert published(development, production, most_shrink=0.25) is not None


@pytest.mark.parametrize(
    ("table", "before", "after", "refused"),
    [
        ("clean.marks", 4, 2, True),
        ("analytics.demographics", 8, 4, False),
        ("analytics.demographics", 8, 0, True),
        ("analytics.demographics", 80, 40, True),
        ("analytics.backlogs", 900, 100, False),
        ("analytics.standings", 100, 200, False),
    ],
)
def test_what_counts_as_melting_away(table: str, before: int, after: int, *, refused: bool) -> None:
    states = ({table: TableState(rows, 0, 0)} for rows in (before, after))
    if refused:
        with pytest.raises(WarehouseError, match=table):
            refuse_shrinking(*states, 0.25)
    else:
        refuse_shrinking(*states, 0.25)


def test_two_publications_at_once_give_what_one_gives(databases: Databases) -> None:
    with connected(databases.development, Side.DEVELOPMENT) as development:
        load(development, SUBJECTS)
    done: list[Published | None] = []

    def publish_alone() -> None:
        with (
            connected(databases.development, Side.DEVELOPMENT) as development,
            connected(databases.production, Side.PRODUCTION) as production,
        ):
            done.append(published(development, production))

    threads = [threading.Thread(target=publish_alone) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(it is None for it in done) == [False, True, True, True]
    with connected(databases.production, Side.PRODUCTION) as production:
        assert numbers(production) == [1]


def test_a_publication_that_waited_long_enough_says_who_is_at_work(
    databases: Databases, development: Connection, production: Connection
) -> None:
    load(development, SUBJECTS)
    with (
        connected(databases.production, Side.PRODUCTION, "ouspark publish elsewhere") as other,
        other.transaction(),
    ):
        acquire(other, Lock.PUBLISH)
        with pytest.raises(WarehouseError, match="'ouspark publish elsewhere'"):
            published(development, production, wait_seconds=0.1)
    assert published(development, production) is not None


def test_a_statement_timeout_of_the_server_does_not_apply(
    databases: Databases, development: Connection
) -> None:
    load(development, SUBJECTS)
    with connected(databases.production, Side.PRODUCTION) as production:
        production.execute("SET statement_timeout = '1ms'")
        production.execute("SET idle_in_transaction_session_timeout = '100ms'")
        assert published(development, production) is not None
        assert production.execute("SHOW statement_timeout").fetchone() == ("1ms",)


def test_a_statement_that_takes_too_long_is_one_line_that_names_the_setting(
    databases: Databases, development: Connection, production: Connection
) -> None:
    load(development, SUBJECTS)
    with connected(databases.production, Side.PRODUCTION) as other, other.transaction():
        other.execute("LOCK TABLE clean.marks IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(WarehouseError, match="OUSPARK_PUBLISH_TIMEOUT"):
            published(development, production, statement_seconds=0.2)
    assert numbers(production) == []
    assert published(development, production) is not None


def test_a_database_without_room_is_not_said_to_have_gone_away(production: Connection) -> None:
    full = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
    with (
        pytest.raises(WarehouseError, match=r"full \(could not extend file\).* Free some space"),
        translate_errors("Publishing", production=production),
    ):
        production.execute(full)


@pytest.mark.parametrize("side", list(Side))
def test_a_connection_that_is_lost_half_way_leaves_production_as_it_was(
    databases: Databases, side: Side
) -> None:
    with connected(databases.development, Side.DEVELOPMENT) as development:
        load(development, SUBJECTS)
        with connected(databases.production, Side.PRODUCTION) as production:
            published(development, production)
        load(development, SUBJECTS.with_columns(grade=pl.lit("S"), points=pl.lit(10, pl.Int16)))
    with (
        connected(databases.development, Side.DEVELOPMENT) as development,
        connected(databases.production, Side.PRODUCTION) as production,
    ):
        lost = development if side is Side.DEVELOPMENT else production
        with pytest.raises(WarehouseError, match=f"the connection to the {side} database was lost"):
            publish(Lossy(development, lost), production, PUBLISHED_TABLES, "run")  # type: ignore[arg-type]
    with (
        connected(databases.development, Side.DEVELOPMENT) as development,
        connected(databases.production, Side.PRODUCTION) as production,
    ):
        assert numbers(production) == [1]
        assert set(read_table(production, MARKS)["grade"]) == {"A"}
        assert published(development, production) is not None
        assert set(read_table(production, MARKS)["grade"]) == {"S"}


class Lossy:
    """A development connection at whose first COPY the server ends a session."""

    def __init__(self, development: Connection, lost: Connection) -> None:
        self.development, self.pid = development, lost.info.backend_pid

    def cursor(self) -> Any:
        with psycopg.connect(self.development.info.dsn, autocommit=True) as administrator:
            administrator.execute("SELECT pg_terminate_backend(%s, 5000)", (self.pid,))
        return self.development.cursor()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.development, name)


def test_the_databases_of_the_two_sides_are_not_taken_for_each_other(
    databases: Databases,
) -> None:
    with pytest.raises(WarehouseError, match="OUSPARK_PROD_DSN"):
        stale(databases.development, Side.PRODUCTION)
    with pytest.raises(WarehouseError, match="OUSPARK_DEV_DSN"):
        stale(databases.production, Side.DEVELOPMENT)


def stale(dsn: str, side: Side) -> None:
    """Migrate a database as a side for which it does not look up to date."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("UPDATE ops.migrations SET version_num = '0000'"))
    migrate(dsn, side)


@pytest.mark.parametrize(
    ("dsn", "mode"),
    [
        ("postgresql://u@production.invalid/p", "require"),
        ("postgresql://u@production.invalid/p?sslmode=verify-full", None),
        ("postgresql://u@production.invalid/p?sslmode=disable", None),
        ("postgresql://u@127.0.0.1/p", None),
        ("postgresql:///p?host=/run/postgresql", None),
    ],
)
def test_production_on_another_host_is_reached_through_tls_unless_its_address_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, dsn: str, mode: str | None
) -> None:
    asked: list[dict[str, Any]] = []

    def note(_dsn: str, **options: Any) -> Connection:
        asked.append(options)
        message = "asked"
        raise psycopg.OperationalError(message)

    monkeypatch.setattr(psycopg, "connect", note)
    with pytest.raises(WarehouseError):
        open_connection(dsn, Side.PRODUCTION)
    assert asked[0].get("sslmode") == mode
