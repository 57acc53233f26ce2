"""Guards of a publication: shrinking tables, concurrency, timeouts, lost connections."""

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
from ouspark_assets.warehouse.publication.guards import refuse_shrinking, translate_errors
from ouspark_assets.warehouse.publication.publications import TableState
from ouspark_assets.warehouse.publication.publish_transaction import (
    Published,
    Terms,
    publication_transaction,
    publish,
)
from ouspark_assets_tests.support.stores import Databases
from ouspark_assets_tests.support.waiting import wait_until_blocked
from ouspark_assets_tests.warehouse.publication.states import FORTY_MARKS, load, publish_with


def publication_numbers(production: Connection) -> list[int]:
    rows = production.execute("SELECT number FROM ops.publications ORDER BY 1").fetchall()
    return [int(str(row[0])) for row in rows]


@pytest.mark.parametrize("full", [False, True])
def test_a_table_that_shrinks_too_much_is_published_only_if_allowed(
    development: Connection, production: Connection, *, full: bool
) -> None:
    load(development, FORTY_MARKS)
    publish_with(development, production)
    load(development, FORTY_MARKS.head(20))
    with pytest.raises(WarehouseError, match=r"clean\.marks from 40 to 20 rows.*--allow-shrink"):
        publish_with(development, production, full=full)
    assert read_table(production, MARKS).height == 40
    assert publish_with(development, production, full=full, allow_shrink=True) is not None
    assert read_table(production, MARKS).height == 20


def test_a_loss_within_the_limit_is_published(
    development: Connection, production: Connection
) -> None:
    load(development, FORTY_MARKS)
    publish_with(development, production)
    load(development, FORTY_MARKS.head(30))
    done = publish_with(development, production, most_shrink=0.25)
    assert done is not None
    assert (done.publication.number, done.rows_changed) == (2, 10)
    assert read_table(production, MARKS).height == 30


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
def test_a_loss_is_refused_beyond_the_limit_of_its_table(
    table: str, before: int, after: int, *, refused: bool
) -> None:
    earlier, later = ({table: TableState(rows, 0, 0)} for rows in (before, after))
    if refused:
        with pytest.raises(WarehouseError, match=table):
            refuse_shrinking(earlier, later, 0.25)
    else:
        refuse_shrinking(earlier, later, 0.25)


def test_concurrent_publications_give_the_same_result_as_one(databases: Databases) -> None:
    with connected(databases.development, Side.DEVELOPMENT) as development:
        load(development, FORTY_MARKS)
    done: list[Published | None] = []

    def publish_alone() -> None:
        with (
            connected(databases.development, Side.DEVELOPMENT) as development,
            connected(databases.production, Side.PRODUCTION) as production,
        ):
            done.append(publish_with(development, production))

    threads = [threading.Thread(target=publish_alone) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result is None for result in done) == [False, True, True, True]
    with connected(databases.production, Side.PRODUCTION) as production:
        assert publication_numbers(production) == [1]


def test_a_publication_waits_until_the_one_in_progress_has_ended(databases: Databases) -> None:
    done: list[Published | None] = []

    def publish_alone() -> None:
        with (
            connected(databases.development, Side.DEVELOPMENT) as development,
            connected(databases.production, Side.PRODUCTION, "second") as production,
        ):
            done.append(publish_with(development, production))

    second = threading.Thread(target=publish_alone)
    with (
        connected(databases.development, Side.DEVELOPMENT) as development,
        connected(databases.production, Side.PRODUCTION) as production,
        connected(databases.production, Side.PRODUCTION) as observer,
    ):
        load(development, FORTY_MARKS)
        with publication_transaction(production, Terms()):
            second.start()
            wait_until_blocked(observer, "second", second)
            assert done == []
        second.join()
        assert [published is not None for published in done] == [True]
        assert publication_numbers(observer) == [1]


def test_a_publication_that_waits_too_long_names_the_process_that_holds_the_lock(
    databases: Databases, development: Connection, production: Connection
) -> None:
    load(development, FORTY_MARKS)
    with (
        connected(databases.production, Side.PRODUCTION, "ouspark publish elsewhere") as other,
        other.transaction(),
    ):
        acquire(other, Lock.PUBLISH)
        with pytest.raises(WarehouseError, match="'ouspark publish elsewhere'"):
            publish_with(development, production, wait_seconds=0.1)
    assert publish_with(development, production) is not None


def test_a_statement_timeout_of_the_server_does_not_apply(
    databases: Databases, development: Connection
) -> None:
    load(development, FORTY_MARKS)
    with connected(databases.production, Side.PRODUCTION) as production:
        production.execute("SET statement_timeout = '1ms'")
        production.execute("SET idle_in_transaction_session_timeout = '100ms'")
        assert publish_with(development, production) is not None
        assert production.execute("SHOW statement_timeout").fetchone() == ("1ms",)


def test_the_error_for_a_statement_timeout_names_the_setting(
    databases: Databases, development: Connection, production: Connection
) -> None:
    load(development, FORTY_MARKS)
    with connected(databases.production, Side.PRODUCTION) as other, other.transaction():
        other.execute("LOCK TABLE clean.marks IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(WarehouseError, match="OUSPARK_PUBLISH_TIMEOUT"):
            publish_with(development, production, statement_seconds=0.2)
    assert publication_numbers(production) == []
    assert publish_with(development, production) is not None


def test_a_full_disk_is_not_reported_as_a_lost_connection(production: Connection) -> None:
    full = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
    with (
        pytest.raises(WarehouseError, match=r"full \(could not extend file\).* Free some space"),
        translate_errors("Publishing", production=production),
    ):
        production.execute(full)


@pytest.mark.parametrize("side", list(Side))
def test_a_connection_lost_halfway_leaves_production_unchanged(
    databases: Databases, side: Side
) -> None:
    with connected(databases.development, Side.DEVELOPMENT) as development:
        load(development, FORTY_MARKS)
        with connected(databases.production, Side.PRODUCTION) as production:
            publish_with(development, production)
        load(development, FORTY_MARKS.with_columns(grade=pl.lit("S"), points=pl.lit(10, pl.Int16)))
    with (
        connected(databases.development, Side.DEVELOPMENT) as development,
        connected(databases.production, Side.PRODUCTION) as production,
    ):
        lost = development if side is Side.DEVELOPMENT else production
        with pytest.raises(WarehouseError, match=f"the connection to the {side} database was lost"):
            publish(LossyConnection(development, lost), production, PUBLISHED_TABLES, "run")  # type: ignore[arg-type]
    with (
        connected(databases.development, Side.DEVELOPMENT) as development,
        connected(databases.production, Side.PRODUCTION) as production,
    ):
        assert publication_numbers(production) == [1]
        assert set(read_table(production, MARKS)["grade"]) == {"A"}
        assert publish_with(development, production) is not None
        assert set(read_table(production, MARKS)["grade"]) == {"S"}


class LossyConnection:
    """A development connection whose first COPY makes the server end the session of `lost`."""

    def __init__(self, development: Connection, lost: Connection) -> None:
        self.development, self.pid = development, lost.info.backend_pid

    def cursor(self, **options: Any) -> Any:
        # Only COPY uses a cursor without options.
        if options:
            return self.development.cursor(**options)
        with psycopg.connect(self.development.info.dsn, autocommit=True) as administrator:
            administrator.execute("SELECT pg_terminate_backend(%s, 5000)", (self.pid,))
        return self.development.cursor()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.development, name)


def test_migrating_a_database_of_the_other_side_is_refused(
    databases: Databases,
) -> None:
    with pytest.raises(WarehouseError, match="OUSPARK_PROD_DSN"):
        migrate_as(databases.development, Side.PRODUCTION)
    with pytest.raises(WarehouseError, match="OUSPARK_DEV_DSN"):
        migrate_as(databases.production, Side.DEVELOPMENT)


def migrate_as(dsn: str, side: Side) -> None:
    """Migrate a database as this side, after marking it as outdated."""
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
def test_production_on_another_host_requires_tls_unless_its_address_has_an_sslmode(
    monkeypatch: pytest.MonkeyPatch, dsn: str, mode: str | None
) -> None:
    requested: list[dict[str, Any]] = []

    def record_options(_dsn: str, **options: Any) -> Connection:
        requested.append(options)
        message = "not connected"
        raise psycopg.OperationalError(message)

    monkeypatch.setattr(psycopg, "connect", record_options)
    with pytest.raises(WarehouseError):
        open_connection(dsn, Side.PRODUCTION)
    assert requested[0].get("sslmode") == mode
