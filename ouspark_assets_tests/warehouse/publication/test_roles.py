"""Production with the roles that the administrator's script creates, without a superuser."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.services import Endpoints
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.migrate import migrate
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.publication.guards import roles_script
from ouspark_assets.warehouse.publication.publications import lift_hold
from ouspark_assets.warehouse.publication.publish_transaction import Terms, publish
from ouspark_assets.warehouse.publication.rollback import roll_back
from ouspark_assets.warehouse.publication.verification import verify
from ouspark_assets_tests.support.factories import marks
from ouspark_assets_tests.support.stores import Databases

RELEASE = {"release": "20250402"}


@dataclass(frozen=True)
class ManagedDatabase:
    """A production database prepared by an administrator with the script."""

    administrator: str

    def as_role(self, role: str) -> str:
        """Return the address for a role."""
        given = conninfo_to_dict(self.administrator)
        host = quote(str(given["host"]), safe="")
        return f"postgresql://{role}@/{given['dbname']}?host={host}&port={given['port']}"

    @contextmanager
    def publisher(self) -> Iterator[Connection]:
        """Yield a connection of the publishing role."""
        with connected(self.as_role("ouspark_publisher"), Side.PRODUCTION) as connection:
            yield connection


@pytest.fixture
def managed(servers: Endpoints, databases: Databases) -> ManagedDatabase:
    """Return an empty database after two runs of the script, with roles like a managed server's."""
    administrator = databases.production
    with psycopg.connect(administrator, autocommit=True) as connection:
        for schema in ("clean", "analytics", "ops"):
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
        for role in ("anon", "my_application"):
            if not connection.execute(
                "SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)
            ).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        connection.execute(roles_script())  # type: ignore[call-overload]
        connection.execute(roles_script())  # type: ignore[call-overload]
        connection.execute("GRANT ouspark_reader TO my_application")
    return ManagedDatabase(administrator)


@pytest.fixture
def published(managed: ManagedDatabase, development: Connection) -> ManagedDatabase:
    """Return the managed database, migrated and published to by the publishing role."""
    migrate(managed.as_role("ouspark_publisher"), Side.PRODUCTION)
    load(development, "A", 9)
    with managed.publisher() as production:
        assert publish(development, production, PUBLISHED_TABLES, "run") is not None
    return managed


def load(development: Connection, grade: str, points: int) -> None:
    rows = (
        {"subject_code": str(code), "grade": grade, "points": points} for code in range(101, 141)
    )
    with write_transaction(development, "load") as writer:
        writer.merge(MARKS, [marks(*rows)], RELEASE)


def test_the_publishing_role_can_publish_verify_and_roll_back(
    published: ManagedDatabase, development: Connection
) -> None:
    load(development, "B", 8)
    with published.publisher() as production:
        publish(development, production, PUBLISHED_TABLES, "run")
        publish(development, production, PUBLISHED_TABLES, "run", Terms(full=True))
        assert verify(development, production, PUBLISHED_TABLES).is_clean
        roll_back(production, PUBLISHED_TABLES, 1, "cli")
        assert set(read_table(production, MARKS)["grade"]) == {"A"}
        lift_hold(production)
        publish(development, production, PUBLISHED_TABLES, "run")
        assert verify(development, production, PUBLISHED_TABLES).is_clean


def test_the_publishing_role_can_do_nothing_else(published: ManagedDatabase) -> None:
    with published.publisher() as production:
        for statement in (
            "CREATE ROLE another",
            "CREATE DATABASE another",
            "CREATE EXTENSION hstore",
            "CREATE TABLE public.mine (x int)",
            "SELECT pg_read_file('/etc/passwd')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                production.execute(statement)


def test_an_application_can_only_read_published_data(published: ManagedDatabase) -> None:
    with connected(published.as_role("my_application"), Side.PRODUCTION) as application:
        for table in PUBLISHED_TABLES:
            read_table(application, table)
        assert read_table(application, MARKS).height == 40
        assert application.execute("SELECT max(number) FROM ops.publications").fetchone() == (1,)
        for statement in (
            "SELECT * FROM ops.publication_changes",
            "SELECT * FROM ops.holds",
            "UPDATE clean.marks SET grade = 'S'",
            "DELETE FROM clean.marks",
            "CREATE TABLE clean.mine (x int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(statement)


def test_row_level_security_hides_all_rows_from_a_role_with_too_many_grants(
    published: ManagedDatabase,
) -> None:
    with psycopg.connect(published.administrator, autocommit=True) as administrator:
        administrator.execute("GRANT USAGE ON SCHEMA clean, analytics, ops TO anon")
        administrator.execute("GRANT ALL ON ALL TABLES IN SCHEMA clean, analytics, ops TO anon")
        tables = administrator.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname IN ('clean', 'analytics', 'ops')"
        ).fetchall()
    assert len(tables) > len(PUBLISHED_TABLES)
    with connected(published.as_role("anon"), Side.PRODUCTION) as anonymous:
        for (table,) in tables:
            found = anonymous.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[call-overload]
            assert found == (0,), table
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            anonymous.execute("INSERT INTO ops.holds (publication) VALUES (1)")


def test_every_table_of_production_has_row_level_security(production: Connection) -> None:
    rows = production.execute(
        """
        SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname IN ('clean', 'analytics', 'ops') AND c.relkind = 'r'
           AND NOT c.relrowsecurity
        """
    ).fetchall()
    assert rows == []


def test_the_error_for_a_role_without_publishing_rights_says_what_to_do(
    published: ManagedDatabase, development: Connection
) -> None:
    load(development, "B", 8)
    with (
        connected(published.as_role("my_application"), Side.PRODUCTION) as application,
        pytest.raises(WarehouseError, match="ouspark publication roles") as refused,
    ):
        publish(development, application, PUBLISHED_TABLES, "run")
    assert "\n" not in str(refused.value)


def test_the_script_transfers_tables_of_another_owner_to_the_publishing_role(
    databases: Databases, development: Connection
) -> None:
    load(development, "A", 9)
    with connected(databases.production, Side.PRODUCTION) as superuser:
        publish(development, superuser, PUBLISHED_TABLES, "run")
        superuser.execute(roles_script())  # type: ignore[call-overload]
    load(development, "B", 8)
    with ManagedDatabase(databases.production).publisher() as production:
        done = publish(development, production, PUBLISHED_TABLES, "run")
        assert done is not None
        assert done.publication.kind == "changes"
