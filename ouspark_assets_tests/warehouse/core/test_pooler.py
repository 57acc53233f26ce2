"""Publishing through a transaction pooler, like those of managed databases on port 6543."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.warehouse.core.connection import (
    TRANSACTION_POOLER_PORT,
    Connection,
    Side,
    connected,
)
from ouspark_assets.warehouse.core.migrate import migrate
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.publication.publications import lift_hold
from ouspark_assets.warehouse.publication.publish_transaction import Terms, publish
from ouspark_assets.warehouse.publication.rollback import roll_back
from ouspark_assets.warehouse.publication.verification import verify
from ouspark_assets_tests.support.factories import marks
from ouspark_assets_tests.support.stores import Databases
from ouspark_assets_tests.support.waiting import wait_until
from ouspark_assets_tests.warehouse.core.proxies import plain_proxy

START_TIMEOUT = 10
CONFIGURATION = """\
[databases]
* = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
server_tls_sslmode = disable
"""


@pytest.fixture
def pooled(databases: Databases, tmp_path: Path) -> Iterator[str]:
    """Yield the address of the production database behind a transaction pooler."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    assert program, "PgBouncer is missing: install it (Debian: apt-get install pgbouncer)"
    given = conninfo_to_dict(databases.production)
    with plain_proxy(Path(str(given["host"])) / f".s.PGSQL.{given['port']}") as server:
        file = tmp_path / "pgbouncer.ini"
        file.write_text(CONFIGURATION.format(server=server, port=TRANSACTION_POOLER_PORT))
        # PgBouncer refuses to run as root.
        user = ("-u", "nobody") if os.geteuid() == 0 else ()
        with running_pooler([program, "-q", *user, str(file)]):
            yield f"postgresql://postgres@127.0.0.1:{TRANSACTION_POOLER_PORT}/{given['dbname']}"


@contextmanager
def running_pooler(command: list[str]) -> Iterator[None]:
    """Run the pooler during the block, which starts when it listens."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_until(
        "PgBouncer listens",
        lambda: process.poll() is not None or is_listening(),
        timeout=START_TIMEOUT,
    )
    assert process.poll() is None, process.stderr and process.stderr.read()
    yield
    process.terminate()
    process.communicate()


def is_listening() -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", TRANSACTION_POOLER_PORT)) == 0


def load(development: Connection, grade: str, points: int) -> None:
    rows = (
        {"subject_code": str(code), "grade": grade, "points": points} for code in range(101, 141)
    )
    with write_transaction(development, "load") as writer:
        writer.merge(MARKS, [marks(*rows)], {"release": "20250402"})


@pytest.mark.full
def test_publishing_verifying_and_rolling_back_work_through_a_transaction_pooler(
    development: Connection, production: Connection, pooled: str
) -> None:
    for schema in ("clean", "analytics", "ops"):
        production.execute(f"DROP SCHEMA {schema} CASCADE")  # type: ignore[call-overload]
    assert migrate(pooled, Side.PRODUCTION)
    with connected(pooled, Side.PRODUCTION) as first, connected(pooled, Side.PRODUCTION) as other:
        for grade, points in (
            ("A", 9),
            ("B", 8),
            ("C", 7),
            ("D", 6),
            ("S", 10),
            ("E", 5),
            ("A", 9),
        ):
            load(development, grade, points)
            assert publish(development, first, PUBLISHED_TABLES, "run") is not None
            assert publish(development, other, PUBLISHED_TABLES, "run") is None
        publish(development, other, PUBLISHED_TABLES, "run", Terms(full=True))
        assert verify(development, other, PUBLISHED_TABLES).is_clean
        assert roll_back(first, PUBLISHED_TABLES, 6, "cli").differing == ()
        lift_hold(other)
        assert publish(development, first, PUBLISHED_TABLES, "run") is not None
        assert verify(development, first, PUBLISHED_TABLES).is_clean
