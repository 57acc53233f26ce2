"""Numbered states of a small university, readers that hammer them, and victims to be killed.

State k is what publication k holds: every name in it says so, so that a mixture shows.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import polars as pl
import redis

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cache.documents import documents
from ouspark_assets.cache.generation import living_generation
from ouspark_assets.cache.prewarming import USUAL, Prewarming, prewarm, read_published
from ouspark_assets.cache.verifying import verify_cache
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.clean import MARKS, STUDENTS
from ouspark_assets.warehouse.connection import Connection, Side, connected
from ouspark_assets.warehouse.publications import last_publication
from ouspark_assets.warehouse.publishing import Terms, publish
from ouspark_assets.warehouse.verifying import verify
from ouspark_assets.warehouse.writing import writing
from ouspark_assets_tests.conftest import Databases
from ouspark_assets_tests.factories import frame, marks

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


READER = f"""
import json, random, sys, threading, time
import psycopg, redis
TICKETS = {STUDENT_COUNT}
# Hundreds of reads a second, and some of the processor left to who publishes.
PAUSE = 0.001
seen = {{"production": 0, "cache": 0, "numbers": [], "problems": []}}
stop = threading.Event()

def problem(where, what):
    seen["problems"].append(where + ": " + repr(what))

def read_production():
    number = 0
    with psycopg.connect(sys.argv[2], autocommit=True) as connection:
        while not stop.is_set():
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                (now,) = connection.execute("SELECT max(number) FROM ops.publications").fetchone()
                found = [
                    connection.execute(
                        f"SELECT count(*), min({{name}}), max({{name}}) FROM clean.{{table}}"
                    ).fetchone()
                    for table, name in (("students", "name"), ("marks", "subject_name"))
                ]
            text = f"STATE {{now}}"
            if found != [(TICKETS, text, text), (TICKETS * {SUBJECT_COUNT}, text, text)]:
                problem("production", (now, found))
            if now < number:
                problem("production went back", (number, now))
            number = now
            seen["production"] += 1
            time.sleep(PAUSE)

def read_cache():
    number = 0
    client = redis.Redis.from_url(sys.argv[3])
    while not stop.is_set():
        name = client.get("ouspark:current").decode()
        ticket = "160499733%03d" % random.randint(1, TICKETS)
        keys = ["meta", "student:" + ticket, "class:1604-733-2099"]
        values = client.mget([f"ouspark:{{name}}:{{key}}" for key in keys])
        if None in values:
            problem("cache missed", (name, ticket))
            continue
        meta, student, sheet = map(json.loads, values)
        now = meta["publication"]
        names = {{student["name"], *(it["name"] for it in sheet["students"])}}
        if names != {{f"STATE {{now}}"}} or not name.startswith(f"{{now}}-"):
            problem("cache", (name, now, sorted(names)))
        if now < number:
            problem("cache went back", (number, now))
        number = now
        seen["cache"] += 1
        time.sleep(PAUSE)
        if now not in seen["numbers"]:
            seen["numbers"].append(now)

def guarded(work):
    try:
        work()
    except Exception as error:
        problem("reader", error)

threads = [threading.Thread(target=guarded, args=(it,)) for it in (read_production, read_cache)]
for thread in threads:
    thread.start()
print("ready", flush=True)
sys.stdin.read()
stop.set()
for thread in threads:
    thread.join()
print(json.dumps(seen))
"""


@dataclass
class Readings:
    """What a reader has seen in the end."""

    production: int = 0
    cache: int = 0
    numbers: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@contextmanager
def hammered(world: World) -> Iterator[Readings]:
    """A process that reads production and cache all the while; filled in at the end."""
    readings = Readings()
    process = _python(READER, world)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        yield readings
    finally:
        output, _ = process.communicate()
    vars(readings).update(json.loads(output))


# Imports cost a second, so they are done once: every publisher is a fork of this process, which
# itself has no connection and no thread.
PUBLISHERS = """
import os, signal, sys
from ouspark_assets_tests.conftest import Databases
from ouspark_assets_tests.publishing import World
world = World(Databases(*sys.argv[1:3]), sys.argv[3])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in sys.stdin:
    if os.fork() == 0:
        with world.open() as opened:
            print("begins", os.getpid(), flush=True)
            opened.publish()
            opened.prewarm()
            print("done", os.getpid(), flush=True)
            os._exit(0)
"""


@dataclass(frozen=True)
class Publishers:
    """Processes that publish and prewarm, to be killed or waited for."""

    process: subprocess.Popen[str]
    heard: list[tuple[str, int]] = field(default_factory=list)

    def begin(self) -> int:
        """Start one; its process id, now that it is about to publish."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.next("begins")

    def next(self, word: str) -> int:
        """Wait until one of them says a word; who said it."""
        assert self.process.stdout is not None
        while not (said := [it for it in self.heard if it[0] == word]):
            what, pid = self.process.stdout.readline().split()
            self.heard.append((what, int(pid)))
        self.heard.remove(said[0])
        return said[0][1]


@contextmanager
def publishers(world: World) -> Iterator[Publishers]:
    """A way to start publishers."""
    process = _python(PUBLISHERS, world)
    yield Publishers(process)
    process.communicate()


def _python(program: str, world: World) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *world.addresses],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
