"""A small university in numbered states, in two databases and a cache: a world of its own.

State k is what publication k holds: every name in it says so, so that a mixture shows.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import polars as pl
import redis

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cache.documents import documents
from ouspark_assets.cache.generation import living_generation
from ouspark_assets.cache.prewarming import USUAL, Prewarming, prewarm, read_published
from ouspark_assets.cache.verifying import verify_cache
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.clean import MARKS, STUDENTS
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.writing import writing
from ouspark_assets.warehouse.publication.publications import last_publication
from ouspark_assets.warehouse.publication.publishing import Terms, publish
from ouspark_assets.warehouse.publication.verifying import verify
from ouspark_assets_tests.support.factories import frame, marks

# Where nobody listens: an address for a server that a test has no use for.
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
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
    """A development and a production database of one test."""

    development: str
    production: str


@dataclass(frozen=True)
class World:
    """Two databases and a cache."""

    databases: Databases
    cache_url: str

    @contextmanager
    def open(self) -> Iterator["Opened"]:
        """Connections to all of it."""
        with ExitStack() as stack:
            yield Opened(
                stack.enter_context(connected(self.databases.development, Side.DEVELOPMENT)),
                stack.enter_context(connected(self.databases.production, Side.PRODUCTION)),
                stack.enter_context(connected(self.databases.production, Side.PRODUCTION)),
                stack.enter_context(connect_cache(self.cache_url)),
            )

    @property
    def addresses(self) -> list[str]:
        """Development, production and cache, for processes that work on them."""
        return [self.databases.development, self.databases.production, self.cache_url]


@dataclass(frozen=True)
class Opened:
    """What is needed to publish and to prewarm."""

    development: Connection
    production: Connection
    lock: Connection
    client: redis.Redis

    def load(self, number: int) -> None:
        """Bring development to a state."""
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
        with writing(self.development, "load") as writer:
            writer.merge(STUDENTS, [frame(STUDENTS, students)])
            writer.merge(MARKS, [rows], {"release": RELEASE})

    def publish(self) -> int | None:
        """Publish; the number, if there was anything to publish."""
        done = publish(self.development, self.production, PUBLISHED_TABLES, "run", Terms())
        return done.publication.number if done else None

    def prewarm(self, *, rebuild: bool = False) -> None:
        """Bring the cache up to date."""
        prewarm(self.lock, self.production, self.client, Prewarming(rebuild=rebuild))

    def is_clean(self) -> bool:
        """Whether production is development, and the cache production."""
        name, newest = living_generation(self.client), last_publication(self.production)
        if name is None or newest is None:
            return False
        made = documents(read_published(self.production), USUAL.top)
        cache_verdict = verify_cache(self.client, name, made)
        return (
            verify(self.development, self.production, PUBLISHED_TABLES).is_clean
            and cache_verdict.is_clean
            and name.startswith(f"{newest.number}-")
        )
