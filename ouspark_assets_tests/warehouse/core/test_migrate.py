"""Migrations create the tables that the models describe, once, even when started concurrently."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import psycopg
import pytest
from psycopg import sql

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas import PIPELINE_TABLES, PUBLISHED_TABLES
from ouspark_assets.schemas.table import Table
from ouspark_assets.services import Endpoints
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.locks import Lock, acquire
from ouspark_assets.warehouse.core.migrate import migrate, newest_revision
from ouspark_assets.warehouse.core.statements import BOOKKEEPING
from ouspark_assets_tests.conftest import connected_copy
from ouspark_assets_tests.support.waiting import wait_until_blocked


# One database per side for the whole module: most tests only read the migrated schema.
@pytest.fixture(scope="module")
def development(servers: Endpoints, templates: dict[Side, str]) -> Iterator[Connection]:
    with connected_copy(servers, templates[Side.DEVELOPMENT], Side.DEVELOPMENT) as connection:
        yield connection


@pytest.fixture(scope="module")
def production(servers: Endpoints, templates: dict[Side, str]) -> Iterator[Connection]:
    with connected_copy(servers, templates[Side.PRODUCTION], Side.PRODUCTION) as connection:
        yield connection


def columns(connection: Connection, schema: str, name: str) -> dict[str, bool]:
    rows = connection.execute(
        """
        SELECT column_name, is_nullable = 'YES' FROM information_schema.columns
         WHERE table_schema = %s AND table_name = %s
        """,
        (schema, name),
    ).fetchall()
    return {str(column): bool(nullable) for column, nullable in rows}


@pytest.mark.parametrize("table", PIPELINE_TABLES, ids=lambda table: table.qualified_name)
def test_development_tables_have_the_columns_of_their_models(
    development: Connection, table: Table
) -> None:
    stored = columns(development, table.schema, table.name)
    nullable = {name: column.nullable for name, column in table.model.to_schema().columns.items()}
    assert {name: stored.get(name) for name in nullable} == nullable
    if table.published:
        assert set(stored) == {*nullable, *BOOKKEEPING}


@pytest.mark.parametrize("table", PUBLISHED_TABLES, ids=lambda table: table.qualified_name)
def test_production_tables_have_the_columns_of_their_models(
    production: Connection, table: Table
) -> None:
    assert set(columns(production, table.schema, table.name)) == set(table.columns)


@pytest.mark.parametrize("table", PIPELINE_TABLES, ids=lambda table: table.qualified_name)
def test_the_key_of_a_model_is_a_unique_key_of_its_table(
    development: Connection, table: Table
) -> None:
    rows = development.execute(
        """
        SELECT array_agg(a.attname::text ORDER BY array_position(i.indkey::int[], a.attnum::int))
          FROM pg_index i
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
         WHERE i.indrelid = to_regclass(%s) AND i.indisunique
         GROUP BY i.indexrelid
        """,
        (table.qualified_name,),
    ).fetchall()
    assert [*table.key] in [row[0] for row in rows]


def test_migrating_again_does_nothing(servers: Endpoints) -> None:
    with fresh_database(servers) as dsn:
        assert migrate(dsn, Side.DEVELOPMENT)
        assert not migrate(dsn, Side.DEVELOPMENT)


def test_concurrent_migrations_by_processes_and_threads_all_succeed(servers: Endpoints) -> None:
    program = (
        "import sys, threading\n"
        "from ouspark_assets.warehouse.core.connection import Side\n"
        "from ouspark_assets.warehouse.core.migrate import migrate\n"
        "threading.Thread(target=migrate, args=(sys.argv[1], Side.PRODUCTION)).start()\n"
        "migrate(sys.argv[1], Side.PRODUCTION)\n"
    )
    with fresh_database(servers) as dsn:
        processes = [
            subprocess.Popen([sys.executable, "-W", "error", "-c", program, dsn]) for _ in range(3)
        ]
        assert [process.wait() for process in processes] == [0, 0, 0]
        with connected(dsn, Side.PRODUCTION) as connection:
            found = connection.execute("SELECT version_num FROM ops.migrations").fetchall()
        assert found == [(newest_revision(Side.PRODUCTION),)]


def test_a_migration_waits_until_the_one_in_progress_has_ended(servers: Endpoints) -> None:
    with fresh_database(servers) as dsn:
        second = Thread(target=migrate, args=(dsn, Side.PRODUCTION))
        with (
            connected(dsn, Side.PRODUCTION, "first") as first,
            connected(dsn, Side.PRODUCTION, "observer") as observer,
        ):
            with first.transaction():
                acquire(first, Lock.MIGRATE)
                second.start()
                wait_until_blocked(observer, "migrate", second)
                found = observer.execute("SELECT to_regclass('ops.publications')").fetchone()
                assert found == (None,)
            second.join()
            found = observer.execute("SELECT version_num FROM ops.migrations").fetchone()
            assert found == (newest_revision(Side.PRODUCTION),)


def test_an_unreachable_database_is_reported_in_one_line_without_its_password() -> None:
    dsn = "postgresql://someone:hidden-word@127.0.0.1:1/none"
    with pytest.raises(WarehouseError) as refused:
        migrate(dsn, Side.PRODUCTION)
    message = str(refused.value)
    assert "OUSPARK_PROD_DSN" in message
    assert "hidden-word" not in message
    assert "\n" not in message


@contextmanager
def fresh_database(servers: Endpoints) -> Iterator[str]:
    name = f"fresh_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(servers.dev_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield servers.dev_dsn.replace("/ouspark_dev", f"/{name}")
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
