from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.migrate import migrate
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.publication.publish_transaction import publish
from ouspark_assets.warehouse.publication.verification import verify
from ouspark_assets_tests.support.factories import marks
from ouspark_assets_tests.support.stores import Databases
from ouspark_assets_tests.warehouse.core.doors import TlsProxy, tls_in_front_of

SUBJECTS = marks(*({"subject_code": str(code)} for code in range(101, 141)))


@pytest.fixture
def proxy(databases: Databases, tmp_path: Path) -> Iterator[TlsProxy]:
    """TLS in front of the embedded server."""
    given = conninfo_to_dict(databases.production)
    with tls_in_front_of(Path(str(given["host"])) / f".s.PGSQL.{given['port']}", tmp_path) as it:
        yield it


def through(proxy: TlsProxy, databases: Databases, mode: str) -> str:
    database = conninfo_to_dict(databases.production)["dbname"]
    return f"postgresql://postgres@127.0.0.1:{proxy.port}/{database}?sslmode={mode}"


@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_a_publication_through_tls(
    development: Connection, databases: Databases, proxy: TlsProxy, mode: str
) -> None:
    with write_transaction(development, "load") as writer:
        writer.merge(MARKS, [SUBJECTS], {"release": "20250402"})
    dsn = through(proxy, databases, mode) + f"&sslrootcert={proxy.authority}"
    migrate(dsn, Side.PRODUCTION)
    with connected(dsn, Side.PRODUCTION) as production:
        assert production.pgconn.ssl_in_use
        assert publish(development, production, PUBLISHED_TABLES, "run") is not None
        assert verify(development, production, PUBLISHED_TABLES).is_clean
    assert (proxy.encrypted, proxy.plain) == (2, 0)


def test_a_server_that_can_not_prove_who_it_is_is_refused(
    databases: Databases, proxy: TlsProxy
) -> None:
    dsn = through(proxy, databases, "verify-full") + "&sslrootcert=system"
    with pytest.raises(WarehouseError, match="certificate verify failed"):
        migrate(dsn, Side.PRODUCTION)
