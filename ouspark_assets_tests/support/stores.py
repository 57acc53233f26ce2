"""The two databases and the cache of one test, filled with 300 students in numbered states.

Publication k holds state k. Every name in state k contains the number k, so that a reader who sees
a mixture of two states is detected.
"""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

import polars as pl
import psycopg
import redis
from psycopg import sql

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cache.documents import build_documents
from ouspark_assets.cache.generation import current_generation
from ouspark_assets.cache.prewarm import prewarm_cache, read_published
from ouspark_assets.cache.verification import verify_cache
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.clean import MARKS, STUDENTS
from ouspark_assets.services import Endpoints
from ouspark_assets.settings import CacheSettings
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.publication.publications import last_publication
from ouspark_assets.warehouse.publication.publish_transaction import Terms, publish
from ouspark_assets.warehouse.publication.verification import verify
from ouspark_assets_tests.support.factories import frame, marks

# Nothing listens on port 1: for a server that must not be used, or must be down.
UNREACHABLE_DSN = "postgresql://nobody@127.0.0.1:1/nothing"
STUDENT_COUNT, SUBJECT_COUNT = 300, 20
TICKETS = [f"160499733{serial:03d}" for serial in range(1, STUDENT_COUNT + 1)]
RELEASE = "20250402"
STUDENT = {
    "college_code": "1604",
    "branch_code": "733",
    "admission_year": 2099,
    "lateral_entry": False,
    "last_release": RELEASE,
}


@dataclass(frozen=True)
class Databases:
    """The DSNs of the development and the production database of one test."""

    development: str
    production: str


@dataclass(frozen=True)
class StoreAddresses:
    """The addresses of both databases and the cache."""

    databases: Databases
    cache_url: str

    @contextmanager
    def connect(self) -> Iterator["Stores"]:
        """Open connections to all of them."""
        with ExitStack() as stack:
            yield Stores(
                stack.enter_context(connected(self.databases.development, Side.DEVELOPMENT)),
                stack.enter_context(connected(self.databases.production, Side.PRODUCTION)),
                stack.enter_context(connected(self.databases.production, Side.PRODUCTION)),
                stack.enter_context(connect_cache(self.cache_url)),
            )

    @property
    def as_arguments(self) -> list[str]:
        """The three addresses as command-line arguments of another process."""
        return [self.databases.development, self.databases.production, self.cache_url]


@dataclass(frozen=True)
class Stores:
    """Open connections to both databases and the cache; publishes and prewarms through them."""

    development: Connection
    production: Connection
    lock: Connection
    client: redis.Redis

    def load(self, number: int) -> None:
        """Write this state to the development database."""
        students = [
            {
                **STUDENT,
                "hall_ticket": ticket,
                "serial": int(ticket[-3:]),
                "name": f"STATE {number}",
            }
            for ticket in TICKETS
        ]
        subjects = marks(
            *(
                {"subject_code": str(101 + code), "subject_name": f"STATE {number}"}
                for code in range(SUBJECT_COUNT)
            )
        )
        tickets = pl.DataFrame({"hall_ticket": TICKETS})
        rows = MARKS.conform(subjects.drop("hall_ticket").join(tickets, how="cross"))
        with write_transaction(self.development, "load") as writer:
            writer.merge(STUDENTS, [frame(STUDENTS, students)])
            writer.merge(MARKS, [rows], {"release": RELEASE})

    def publish(self) -> int | None:
        """Publish and return the number; None when there was nothing to publish."""
        done = publish(self.development, self.production, PUBLISHED_TABLES, "run", Terms())
        return done.publication.number if done else None

    def prewarm(self, *, rebuild: bool = False) -> None:
        """Prewarm the cache for the newest publication."""
        connections = {"prewarm lock": self.lock, "prewarm": self.production}
        prewarm_cache(
            lambda purpose: nullcontext(connections[purpose]),
            lambda: nullcontext(self.client),
            CacheSettings(),
            wait_seconds=60,
            rebuild=rebuild,
        )

    def is_consistent(self) -> bool:
        """Return whether production equals development and the cache equals production."""
        name, newest = current_generation(self.client), last_publication(self.production)
        if name is None or newest is None:
            return False
        made = build_documents(read_published(self.production), CacheSettings().cache_top)
        cache_verdict = verify_cache(self.client, name, made)
        return (
            verify(self.development, self.production, PUBLISHED_TABLES).is_clean
            and cache_verdict.is_clean
            and name.startswith(f"{newest.number}-")
        )


@contextmanager
def dagster_database(servers: Endpoints) -> Iterator[str]:
    """Create an empty database for Dagster's own records and yield its DSN; drop it at the end."""
    name = f"dagster_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(servers.dev_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield servers.dev_dsn.replace("/ouspark_dev", f"/{name}")
    finally:
        with psycopg.connect(servers.dev_dsn, autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )
