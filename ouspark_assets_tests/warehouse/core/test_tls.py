"""Connections to production through TLS, with and without verification of the certificate."""

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
from ouspark_assets_tests.support.stores import Databases
from ouspark_assets_tests.warehouse.core.proxies import TlsProxy, tls_proxy
from ouspark_assets_tests.warehouse.publication.states import FORTY_MARKS


@pytest.fixture
def proxy(databases: Databases, tmp_path: Path) -> Iterator[TlsProxy]:
    """Yield a TLS proxy for the embedded server."""
    given = conninfo_to_dict(databases.production)
    with tls_proxy(Path(str(given["host"])) / f".s.PGSQL.{given['port']}", tmp_path) as proxy:
        yield proxy


def address_through(proxy: TlsProxy, databases: Databases, mode: str) -> str:
    database = conninfo_to_dict(databases.production)["dbname"]
    return f"postgresql://postgres@127.0.0.1:{proxy.port}/{database}?sslmode={mode}"


@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_a_publication_works_through_tls(
    development: Connection, databases: Databases, proxy: TlsProxy, mode: str
) -> None:
    with write_transaction(development, "load") as writer:
        writer.merge(MARKS, [FORTY_MARKS], {"release": "20250402"})
    dsn = address_through(proxy, databases, mode) + f"&sslrootcert={proxy.authority}"
    migrate(dsn, Side.PRODUCTION)
    with connected(dsn, Side.PRODUCTION) as production:
        assert production.pgconn.ssl_in_use
        assert publish(development, production, PUBLISHED_TABLES, "run") is not None
        assert verify(development, production, PUBLISHED_TABLES).is_clean
    assert (proxy.encrypted, proxy.plain) == (2, 0)


def test_a_server_with_an_untrusted_certificate_is_refused(
    databases: Databases, proxy: TlsProxy
) -> None:
    dsn = address_through(proxy, databases, "verify-full") + "&sslrootcert=system"
    with pytest.raises(WarehouseError, match="certificate verify failed"):
        migrate(dsn, Side.PRODUCTION)
