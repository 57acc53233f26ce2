"""Processes that read or publish the stores of a test: continuous readers, and publishers to kill.

The stores and their numbered states are in `stores.py`.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ouspark_assets_tests.support.stores import STUDENT_COUNT, SUBJECT_COUNT, StoreAddresses

READER = f"""
import json, random, sys, threading, time
import psycopg, redis
TICKETS = {STUDENT_COUNT}
# Hundreds of reads per second, leaving processor time to the publisher.
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
        names = {{student["name"], *(row["name"] for row in sheet["students"])}}
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

threads = [threading.Thread(target=guarded, args=(read,)) for read in (read_production, read_cache)]
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
    """What the readers have seen: how often they read, which publications, and what was wrong."""

    production: int = 0
    cache: int = 0
    numbers: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@contextmanager
def concurrent_readers(store_addresses: StoreAddresses) -> Iterator[Readings]:
    """Read production and cache in another process during the block; filled in at its end."""
    readings = Readings()
    process = _python(READER, store_addresses)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        yield readings
    finally:
        output, _ = process.communicate()
    vars(readings).update(json.loads(output))


# Imports take a second and are done once: every publisher is a fork of this process, which itself
# has no connection and no thread.
PUBLISHERS = """
import os, signal, sys
from ouspark_assets_tests.support.stores import Databases, StoreAddresses
store_addresses = StoreAddresses(Databases(*sys.argv[1:3]), sys.argv[3])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)

def say(word):
    # One write call: two publishers may write at the same time.
    os.write(1, f"{word} {os.getpid()}\\n".encode())

for _ in sys.stdin:
    if os.fork() == 0:
        with store_addresses.connect() as stores:
            say("begins")
            stores.publish()
            stores.prewarm()
            say("done")
            os._exit(0)
"""


@dataclass(frozen=True)
class Publishers:
    """Processes that publish and prewarm, to be killed or waited for."""

    process: subprocess.Popen[str]
    heard: list[tuple[str, int]] = field(default_factory=list)

    def begin(self) -> int:
        """Start a publisher and return its process id as soon as it is about to publish."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.next("begins")

    def next(self, word: str) -> int:
        """Wait until a publisher prints this word, and return its process id."""
        assert self.process.stdout is not None
        while not (found := [message for message in self.heard if message[0] == word]):
            what, pid = self.process.stdout.readline().split()
            self.heard.append((what, int(pid)))
        self.heard.remove(found[0])
        return found[0][1]


@contextmanager
def publishers(store_addresses: StoreAddresses) -> Iterator[Publishers]:
    """Start the process that publishers are forked from."""
    process = _python(PUBLISHERS, store_addresses)
    yield Publishers(process)
    process.communicate()


def _python(program: str, store_addresses: StoreAddresses) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *store_addresses.as_arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
