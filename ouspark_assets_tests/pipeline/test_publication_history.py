"""Any order of loads, runs, rollbacks, holds, forgotten students, lost keys and crashes.

A state machine performs random actions and compares production and the cache with a plain model.
A reader looks after every action, and in the middle of publications and builds: it must never be
shown an older publication than before, nor a mixture of two. Hiding a student without forgetting
them is not an action here, because the project has no command for it.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg import sql

from ouspark_assets.cache import generation
from ouspark_assets.cache.keys import CURRENT_KEY, GENERATIONS_KEY, META, PREFIX
from ouspark_assets.cache.prewarm import prewarm_cache
from ouspark_assets.domain.errors import CacheError, OuSparkError
from ouspark_assets.pipeline.forget import forget_after_publication, forget_at_source
from ouspark_assets.schemas.clean import MARKS, STUDENTS
from ouspark_assets.settings import CacheSettings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.forgotten_tickets import ListKey
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.publication import publish_transaction
from ouspark_assets.warehouse.publication.publications import (
    PublishingHeldError,
    hold_publishing,
    last_publication,
    lift_hold,
)
from ouspark_assets.warehouse.publication.publish_transaction import Terms, publish
from ouspark_assets.warehouse.publication.rollback import roll_back
from ouspark_assets_tests.support.factories import frame, marks
from ouspark_assets_tests.support.stores import RELEASE, STUDENT, StoreAddresses, Stores

TABLES = (STUDENTS, MARKS)
TICKETS = tuple(f"160499733{serial:03d}" for serial in range(1, 7))
SUBJECTS = ("101", "102")
KEEP = 3
# One forgotten student is more than a quarter of what two others leave.
TERMS = Terms(keep=KEEP, allow_shrink=True)


class CrashError(Exception):
    """Stands for the death of the process at this moment."""


@dataclass(frozen=True, repr=False)
class Point:
    """A moment in a run: before or after a call, in a publication or in building a generation."""

    module: ModuleType
    function: str
    is_after: bool

    def __repr__(self) -> str:
        return f"{'after' if self.is_after else 'before'} {self.function}"

    @property
    def is_before_commit(self) -> bool:
        """Whether production is not yet changed."""
        return self.module is publish_transaction

    @property
    def is_before_switch(self) -> bool:
        """Whether readers still use the previous generation."""
        return self.function != "retire_others"


POINTS = tuple(
    Point(module, function, is_after)
    for module, function in (
        (publish_transaction, "insert_publication"),
        (publish_transaction, "prune_history"),
        (generation, "_check_sample"),
        (generation, "_persist"),
        (generation, "retire_others"),
    )
    for is_after in (False, True)
)
BETWEEN = "between publication and cache"
CRASHES = st.one_of(st.none(), st.just(BETWEEN), st.sampled_from(POINTS))


@contextmanager
def passing(visit: Callable[[Point], None]) -> Iterator[None]:
    """Call `visit` at every point that the block passes."""

    def wrap(module: ModuleType, name: str) -> Callable[..., Any]:
        original = getattr(module, name)

        def wrapped(*args: Any, **options: Any) -> Any:
            visit(Point(module, name, is_after=False))
            result = original(*args, **options)
            visit(Point(module, name, is_after=True))
            return result

        return wrapped

    with pytest.MonkeyPatch.context() as patch:
        for point in POINTS[::2]:
            patch.setattr(point.module, point.function, wrap(point.module, point.function))
        yield


@dataclass(frozen=True)
class Content:
    """What a publication shows: the state of all rows, and the students."""

    state: int | None
    tickets: frozenset[str]

    def without(self, ticket: str) -> "Content":
        """Return the content after a student was removed from it."""
        left = self.tickets - {ticket}
        return Content(self.state if left else None, left)


NOTHING = Content(None, frozenset())


@dataclass
class Reader:
    """A reader of the cache, and of production while the cache has no complete generation."""

    stores: Stores
    connection: Connection
    seen: dict[int, Content] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)

    def look(self) -> None:
        """Read the cache and production, and compare with what was shown before."""
        published = self.read_production()
        cached = self.read_cache()
        if published is not None:
            self._record("production", *published)
        if shown := cached or published:
            self._record("application", *shown)

    def read_cache(self) -> tuple[int, Content] | None:
        """Return publication and content of the current generation; None if it is incomplete."""
        client = self.stores.client
        name = generation.current_generation(client)
        meta = name and generation.read_meta(client, name)
        if not meta:
            return None
        prefix = f"{PREFIX}:{name}:"
        keys = [key.decode() for key in client.scan_iter(match=f"{prefix}*", count=1000)]
        if len(set(keys)) != meta["keys"] + 1:
            return None
        values = b"\n".join(value for value in client.mget(sorted(set(keys))) if value)
        students = f"{prefix}student:"
        tickets = frozenset(key.removeprefix(students) for key in keys if key.startswith(students))
        return meta["publication"], _content(re.findall(rb"STATE (\d+)", values), tickets)

    def read_production(self) -> tuple[int, Content] | None:
        """Return number and content of the newest publication, in one snapshot."""
        with self.connection.transaction():
            self.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            newest = last_publication(self.connection)
            rows = self.connection.execute(
                "SELECT hall_ticket, name FROM clean.students UNION ALL "
                "SELECT hall_ticket, subject_name FROM clean.marks"
            ).fetchall()
        states = [name.removeprefix("STATE ") for _, name in rows]
        content = _content(states, frozenset(ticket for ticket, _ in rows))
        return None if newest is None else (newest.number, content)

    def _record(self, source: str, number: int, content: Content) -> None:
        assert number >= self.newest.get(source, 0), f"{source} went back to {number}"
        self.newest[source] = number
        before = self.seen.setdefault(number, content)
        assert content.tickets <= before.tickets, f"publication {number} gained students"
        assert before.tickets - content.tickets <= self.forgotten
        assert content.state in (before.state, None), f"publication {number} changed"
        self.seen[number] = content


def _content(states: list[Any], tickets: frozenset[str]) -> Content:
    found = {int(state) for state in states}
    assert len(found) <= 1, f"a mixture of states {sorted(found)}"
    return Content(next(iter(found), None), tickets)


class PublicationHistory(RuleBasedStateMachine):
    """Actions of operators, runs and bad luck, with the model of what they must lead to."""

    def __init__(self, stores: Stores, reader: Connection, lake: Path) -> None:
        super().__init__()
        self.stores = stores
        self.reader = Reader(stores, reader)
        self.archive = PageArchive(str(lake), ListKey(lake.with_suffix(".key")))
        # The model.
        self.loads = 0
        self.development = NOTHING
        self.forgotten: set[str] = set()
        self.publications: list[Content] = []
        self.is_held = False
        # The publication whose generation is current, and whether no key of it is missing.
        self.cached: int | None = None
        self.is_complete = False

    @initialize()
    def start_empty(self) -> None:
        for connection in (self.stores.development, self.stores.production):
            empty(connection)
        self.stores.client.flushdb()

    # Actions

    @rule()
    def load(self) -> None:
        self.loads += 1
        tickets = frozenset(TICKETS) - self.forgotten
        name = f"STATE {self.loads}"
        students = [
            {**STUDENT, "hall_ticket": ticket, "serial": int(ticket[-3:]), "name": name}
            for ticket in sorted(tickets)
        ]
        rows = marks(
            *(
                {"hall_ticket": ticket, "subject_code": code, "subject_name": name}
                for ticket in sorted(tickets)
                for code in SUBJECTS
            )
        )
        with write_transaction(self.stores.development, "load") as writer:
            writer.merge(STUDENTS, [frame(STUDENTS, students)])
            writer.merge(MARKS, [rows], {"release": RELEASE})
        self.development = Content(self.loads if tickets else None, tickets)

    @rule(crash=CRASHES)
    def run(self, crash: Point | str | None) -> None:
        """Publish and prewarm, as a run does; it may die on the way."""
        will_publish = self.will_publish()
        number = len(self.publications) + will_publish
        will_build = number > 0 and (self.cached != number or not self.is_complete)
        dies_publishing = isinstance(crash, Point) and crash.is_before_commit and will_publish
        dies_building = isinstance(crash, Point) and not crash.is_before_commit and will_build
        dies_between = crash == BETWEEN
        expects_crash = dies_publishing or dies_between or (dies_building and number > 0)

        def visit(point: Point) -> None:
            self.reader.look()
            if point == crash:
                raise CrashError

        with passing(visit), pytest.raises(CrashError) if expects_crash else nullcontext():
            self.publish(expected=number if will_publish else None)
            if dies_between:
                raise CrashError
            self.prewarm()
        if will_publish and not dies_publishing:
            self.publications.append(self.development)
        if will_build and not (dies_publishing or dies_between):
            assert not isinstance(crash, str)
            if not (dies_building and crash is not None and crash.is_before_switch):
                self.cached, self.is_complete = number, True

    @precondition(lambda self: len(self.publications) > 1)
    @rule(back=st.integers(1, KEEP + 1))
    def roll_back(self, back: int) -> None:
        newest = len(self.publications)
        number = newest - back
        action = partial(roll_back, self.stores.production, TABLES, number, "cli", TERMS)
        if number < 1 or back > KEEP:
            with pytest.raises(OuSparkError, match="Cannot roll back"):
                action()
            return
        assert action().publication.number == newest + 1
        self.publications.append(self.publications[number - 1])
        self.is_held = True

    @precondition(lambda self: self.publications and not self.is_held)
    @rule()
    def hold(self) -> None:
        hold_publishing(self.stores.production, len(self.publications))
        self.is_held = True

    @rule()
    def resume(self) -> None:
        assert lift_hold(self.stores.production) is self.is_held
        self.is_held = False

    @precondition(lambda self: self.publications)
    @rule(ticket=st.sampled_from(TICKETS))
    def forget(self, ticket: str) -> None:
        self.reader.forgotten.add(ticket)
        removed = forget_at_source(
            self.stores.development, self.archive, ticket, 10, lambda _: None
        )
        self.forgotten.add(ticket)
        self.development = self.development.without(ticket)
        self.run(None)
        production = self.publications[-1]
        refused = pytest.raises(OuSparkError, match="still has rows")
        with refused if ticket in production.tickets else nullcontext():
            forget_after_publication(
                lambda _: nullcontext(self.stores.development),
                lambda _: nullcontext(self.stores.production),
                lambda: nullcontext(self.stores.client),
                ticket,
                removed,
            )
            self.publications = [content.without(ticket) for content in self.publications]

    @precondition(lambda self: self.cached is not None)
    @rule(what=st.sampled_from(["pointer", "meta", "document", "everything"]))
    def evict(self, what: str) -> None:
        client = self.stores.client
        name = client.get(CURRENT_KEY).decode()
        if what == "everything":
            client.flushdb()
        elif what == "document":
            # A publication without students has no documents.
            for key in sorted(client.scan_iter(match=f"{PREFIX}:{name}:*:*"))[:1]:
                client.delete(key)
                self.is_complete = False
            return
        else:
            client.delete(CURRENT_KEY if what == "pointer" else f"{PREFIX}:{name}:{META}")
        self.cached, self.is_complete = None, False

    # What must hold after every action

    @invariant()
    def the_reader_is_shown_whole_publications_in_order(self) -> None:
        self.reader.look()

    @invariant()
    def production_is_the_newest_publication_of_the_model(self) -> None:
        found = self.reader.read_production()
        expected = self.publications and (len(self.publications), self.publications[-1])
        assert found == (expected or None)

    @invariant()
    def the_cache_is_the_generation_of_the_model(self) -> None:
        found = self.reader.read_cache()
        assert (found and found[0]) == (self.cached if self.is_complete else None)

    # Parts of actions

    def will_publish(self) -> bool:
        if self.is_held:
            return False
        return not self.publications or self.publications[-1] != self.development

    def publish(self, expected: int | None) -> None:
        held = pytest.raises(PublishingHeldError) if self.is_held else nullcontext()
        with held:
            done = publish(self.stores.development, self.stores.production, TABLES, "run", TERMS)
            assert (done and done.publication.number) == expected

    def prewarm(self) -> None:
        connections = {"prewarm lock": self.stores.lock, "prewarm": self.stores.production}
        nothing = last_publication(self.stores.production) is None
        with (
            pytest.raises(CacheError, match="nothing has been published")
            if nothing
            else (nullcontext())
        ):
            prewarm_cache(
                lambda purpose: nullcontext(connections[purpose]),
                lambda: nullcontext(self.stores.client),
                CacheSettings(),
                wait_seconds=10,
            )
            self.assert_others_expire()

    def assert_others_expire(self) -> None:
        client = self.stores.client
        current = client.get(CURRENT_KEY)
        assert client.smembers(GENERATIONS_KEY) == {current}
        for key in client.scan_iter(match=f"{PREFIX}:*-*", count=1000):
            is_current = key.startswith(f"{PREFIX}:{current.decode()}:".encode())
            assert (client.ttl(key) == -1) is is_current, key


def empty(connection: Connection) -> None:
    """Empty all tables of a database, except its revision and its identity."""
    tables = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN "
        "('source', 'clean', 'analytics', 'ops') AND tablename NOT IN ('migrations', 'identity')"
    ).fetchall()
    names = sql.SQL(", ").join(sql.Identifier(*table) for table in tables)
    connection.execute(sql.SQL("TRUNCATE {}").format(names))


@pytest.fixture
def reading(store_addresses: StoreAddresses) -> Iterator[Connection]:
    """Return the connection of a reader of production."""
    with connected(store_addresses.databases.production, Side.PRODUCTION, "reader") as connection:
        yield connection


def check_histories(stores: Stores, reading: Connection, lake: Path, **limits: Any) -> None:
    profile = settings(
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        **limits,
    )
    machines = iter(range(10**6))

    def machine() -> PublicationHistory:
        # Forgotten tickets are remembered by the lake.
        return PublicationHistory(stores, reading, lake / str(next(machines)))

    run_state_machine_as_test(machine, settings=profile)


def test_readers_see_whole_publications_in_order_whatever_happens(
    stores: Stores, reading: Connection, tmp_path: Path
) -> None:
    # The same histories every time; the long profile tries others.
    check_histories(
        stores, reading, tmp_path, max_examples=5, stateful_step_count=12, derandomize=True,
        phases=(Phase.generate,),
    )  # fmt: skip


@pytest.mark.full
def test_readers_see_whole_publications_in_order_in_many_histories(
    stores: Stores, reading: Connection, tmp_path: Path
) -> None:
    check_histories(stores, reading, tmp_path, max_examples=150, stateful_step_count=40)
