"""Production with the roles that the administrator's script creates, without a superuser."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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

    def administer(self, statements: str) -> None:
        """Execute statements as the administrator."""
        with psycopg.connect(self.administrator, autocommit=True) as connection:
            connection.execute(statements)  # type: ignore[call-overload]

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
                create = "CREATE ROLE {} LOGIN CONNECTION LIMIT 20"
                connection.execute(sql.SQL(create).format(sql.Identifier(role)))
        connection.execute(roles_script())  # type: ignore[call-overload]
        connection.execute(roles_script())  # type: ignore[call-overload]
        connection.execute("GRANT ouspark_reader TO my_application")
    return ManagedDatabase(administrator)


@pytest.fixture
def private_managed(private_postgres: Endpoints) -> Iterator[ManagedDatabase]:
    """Return an empty database, without any role, on a server of its own."""
    server = ManagedDatabase(private_postgres.dev_dsn)
    server.administer("CREATE DATABASE managed")
    yield ManagedDatabase(server.as_role("postgres").replace("/ouspark_dev", "/managed"))
    server.administer("DROP DATABASE managed WITH (FORCE)")
    with psycopg.connect(server.administrator, autocommit=True) as connection:
        roles = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname <> 'postgres' AND rolname !~ '^pg_'"
            " ORDER BY rolname LIKE 'ouspark%', rolname = 'operator'"
        ).fetchall()
        for (role,) in roles:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


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
    assert "OUSPARK_PROD_DSN logs in as my_application." in str(refused.value)


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


# What an administrator may break, the action that then fails, and after which the script is run.
BROKEN = {
    "no right to the schema": "REVOKE ALL ON SCHEMA clean FROM ouspark_publisher",
    "no right to write a table": "REVOKE INSERT, UPDATE ON clean.marks FROM ouspark_publisher",
    "no right to temporary tables": (
        "DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC, "
        "ouspark_publisher', current_database()); END $$"
    ),
    "no right to connect": (
        "DO $$ BEGIN EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC, "
        "ouspark_publisher', current_database()); END $$"
    ),
    "tables of another owner": "ALTER TABLE ops.publications OWNER TO anon",
    "schemas of another owner": (
        "ALTER SCHEMA ops OWNER TO anon; REVOKE ALL ON SCHEMA ops FROM ouspark_publisher"
    ),
}


@pytest.mark.parametrize("damage", BROKEN.values(), ids=BROKEN.keys())
def test_the_script_restores_what_the_error_that_names_it_is_about(
    published: ManagedDatabase, development: Connection, damage: str
) -> None:
    load(development, "B", 8)
    published.administer(damage)

    def publish_again() -> None:
        with published.publisher() as production:
            assert publish(development, production, PUBLISHED_TABLES, "run") is not None

    assert_the_script_repairs(published, publish_again)


def test_the_script_restores_the_right_to_hold_and_to_resume(published: ManagedDatabase) -> None:
    published.administer("REVOKE UPDATE ON ops.holds FROM ouspark_publisher")

    def resume() -> None:
        with published.publisher() as production:
            lift_hold(production)

    assert_the_script_repairs(published, resume)


def test_the_script_lets_the_first_migration_of_a_role_without_rights_succeed(
    managed: ManagedDatabase,
) -> None:
    managed.administer("DROP SCHEMA clean, analytics, ops")
    address = managed.as_role("ouspark_publisher")
    assert_the_script_repairs(managed, lambda: migrate(address, Side.PRODUCTION))


def test_a_role_that_published_before_can_go_on_after_the_script(
    managed: ManagedDatabase, development: Connection
) -> None:
    managed.administer(
        "DROP SCHEMA clean, analytics, ops; CREATE ROLE first_publisher LOGIN CONNECTION LIMIT 10;"
        "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO first_publisher', "
        "current_database()); END $$"
    )
    address = managed.as_role("first_publisher")
    try:
        migrate(address, Side.PRODUCTION)
        for grade in "AB":
            load(development, grade, 9)
            with connected(address, Side.PRODUCTION) as production:
                assert publish(development, production, PUBLISHED_TABLES, "run") is not None
            managed.administer(roles_script())
        load(development, "C", 7)
        with managed.publisher() as production:
            assert publish(development, production, PUBLISHED_TABLES, "run") is not None
    finally:
        managed.administer("DROP OWNED BY first_publisher; DROP ROLE first_publisher")


def test_the_script_restores_what_a_reading_role_has_lost(published: ManagedDatabase) -> None:
    published.administer(
        "REVOKE ALL ON ALL TABLES IN SCHEMA clean, analytics, ops FROM ouspark_reader;"
        "REVOKE USAGE ON SCHEMA clean, analytics, ops FROM ouspark_reader"
    )
    with connected(published.as_role("my_application"), Side.PRODUCTION) as application:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            read_table(application, MARKS)
        published.administer(roles_script())
        assert read_table(application, MARKS).height == 40
        assert application.execute("SELECT max(number) FROM ops.publications").fetchone() == (1,)


def test_an_administrator_without_superuser_rights_can_run_the_script_again(
    private_managed: ManagedDatabase, development: Connection
) -> None:
    database = conninfo_to_dict(private_managed.administrator)["dbname"]
    private_managed.administer(
        f"CREATE ROLE operator LOGIN CREATEROLE; ALTER DATABASE {database} OWNER TO operator"
    )
    operator = ManagedDatabase(private_managed.as_role("operator"))
    operator.administer(roles_script())
    operator.administer(roles_script())
    migrate(private_managed.as_role("ouspark_publisher"), Side.PRODUCTION)
    load(development, "A", 9)
    with private_managed.publisher() as production:
        assert publish(development, production, PUBLISHED_TABLES, "run") is not None
    operator.administer("REVOKE ALL ON ALL TABLES IN SCHEMA clean FROM ouspark_publisher")
    operator.administer(roles_script())
    load(development, "B", 8)
    with private_managed.publisher() as production:
        assert publish(development, production, PUBLISHED_TABLES, "run") is not None


def test_idle_readers_leave_a_publication_the_connections_that_it_needs(
    private_managed: ManagedDatabase, development: Connection
) -> None:
    private_managed.administer(roles_script())
    applications = [f"application_{number}" for number in range(6)]
    for role in applications:
        private_managed.administer(f"CREATE ROLE {role} LOGIN IN ROLE ouspark_reader")
    private_managed.administer("CREATE ROLE stranger LOGIN")
    private_managed.administer(roles_script())
    migrate(private_managed.as_role("ouspark_publisher"), Side.PRODUCTION)
    load(development, "A", 9)
    with ExitStack() as idle:
        opened = [fill_with_readers(idle, private_managed.as_role(role)) for role in applications]
        assert max(opened) == 20
        fill_with_readers(idle, private_managed.as_role("stranger"))
        with private_managed.publisher() as production:
            assert publish(development, production, PUBLISHED_TABLES, "run") is not None
            assert verify(development, production, PUBLISHED_TABLES).is_clean
        # The server is full for everybody else.
        with pytest.raises(psycopg.OperationalError, match="reserved"):
            psycopg.connect(private_managed.as_role(applications[-1]))


def test_a_limit_that_was_chosen_for_an_application_is_kept(
    private_managed: ManagedDatabase,
) -> None:
    private_managed.administer(roles_script())
    private_managed.administer(
        "CREATE ROLE chosen LOGIN CONNECTION LIMIT 3 IN ROLE ouspark_reader;"
        "CREATE ROLE unlimited LOGIN IN ROLE ouspark_reader"
    )
    private_managed.administer(roles_script())
    with psycopg.connect(private_managed.administrator) as connection:
        limits = connection.execute(
            "SELECT rolname, rolconnlimit FROM pg_roles"
            " WHERE rolname IN ('chosen', 'unlimited', 'ouspark_publisher', 'postgres')"
        ).fetchall()
    assert dict(limits) == {
        "chosen": 3, "unlimited": 20, "ouspark_publisher": 10, "postgres": -1
    }  # fmt: skip


def fill_with_readers(idle: ExitStack, address: str) -> int:
    """Open connections until the server refuses another one; return their number."""
    for opened in range(200):
        try:
            idle.enter_context(psycopg.connect(address))
        except psycopg.OperationalError:
            return opened
    message = "the server refuses no connection"
    raise AssertionError(message)


def assert_the_script_repairs(managed: ManagedDatabase, action: Callable[[], object]) -> None:
    """Check that the action fails with an error that names the script, and succeeds after it."""
    with pytest.raises(WarehouseError, match="script that `ouspark publication roles` prints") as (
        refused
    ):
        action()
    assert "\n" not in str(refused.value)
    assert "Give the role" not in str(refused.value)
    managed.administer(roles_script())
    action()
