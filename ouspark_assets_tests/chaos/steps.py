"""The endless sequence of events, determined by its seed.

The kinds of events and their random choice are here; their execution is in `events`. The moment of
an event is given by a stage of the run, so that it is the same on slow and fast machines.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of events."""

    RUN_KILLED = "the run and its workers are killed"
    RUN_KILLED_ALONE = "the run is killed, its workers are not"
    RUN_INTERRUPTED = "the run is interrupted (SIGINT)"
    RUN_TERMINATED = "the run is terminated (SIGTERM)"
    RUN_FROZEN = "the run is frozen for a while"
    WORKER_KILLED = "a process that reads pages is killed"
    POSTGRES_KILLED = "PostgreSQL is killed"
    BACKEND_KILLED = "a backend of PostgreSQL is killed"
    BACKEND_ENDED = "a connection to PostgreSQL is terminated"
    POSTGRES_FROZEN = "PostgreSQL is frozen for a while"
    CACHE_KILLED = "Valkey is killed"
    CACHE_FROZEN = "Valkey is frozen for a while"
    CACHE_EMPTIED = "the cache is restarted empty"
    SUPERVISOR_KILLED = "the servers' supervisor is killed"
    SUPERVISOR_FROZEN = "the servers' supervisor is frozen for a while"
    SERVERS_RESTARTED = "the servers are stopped and started"
    SITE_DOWN = "the site is down for a while"
    SITE_FROZEN = "the site is frozen for a while"
    DISK_FULL = "the disk is full for a while"
    PART_DAMAGED = "a part of the lake is damaged"
    TWO_RUNS = "two runs at once"
    TWO_RUNS_ONE_KILLED = "two runs at once, one of which is killed"
    CLOCK_STEPPED = "the clock of a run is wrong"


class EventImpossibleError(Exception):
    """An event is not possible on this machine or at this moment."""


class Work(StrEnum):
    """What the run has to do when the event happens."""

    RELEASE = "a new release"
    SETTING = "other settings"
    NOTHING = "nothing new"


FIRST_STAGE = "source.release_index"
RELEASE_STAGES = ("raw.result_pages", "raw.result_pages", "clean.pages")
LATER_STAGES = (
    "clean.students",
    "analytics.standings",
    "analytics.student_rankings",
    "production.publication",
    "production.publication",
    "cache.generation",
    "cache.generation",
)
# The stages of a run by its work; None is the start, before any stage.
MOMENTS = {
    Work.RELEASE: (None, FIRST_STAGE, *RELEASE_STAGES, *LATER_STAGES),
    Work.SETTING: (None, FIRST_STAGE, *LATER_STAGES),
    Work.NOTHING: (None, FIRST_STAGE),
}
WORK_CHOICES = (Work.RELEASE, Work.RELEASE, Work.SETTING, Work.SETTING, Work.NOTHING)
MAX_START_DELAY = 4.0
MAX_DELAY, MAX_HOLD = 0.6, 6.0
CALM_SHARE = 0.3
# Longer than the timeout of cache clients.
LONG_HOLD, LONG_HOLD_SHARE = 36.0, 0.05


@dataclass(frozen=True)
class Moment:
    """A delay in seconds after a stage has begun; without a stage, after the run has begun."""

    stage: str | None
    delay: float

    def __str__(self) -> str:
        """Return the moment in words."""
        since = f"{self.stage} begins" if self.stage else "the start"
        return f"{self.delay:.2f} s after {since}"


@dataclass(frozen=True)
class Step:
    """One event: its kind, moment and duration, and what the run has to do."""

    number: int
    kind: Kind
    work: Work
    moment: Moment
    hold: float
    # Selects one of several parts, backends or kinds of damage; from 0 to 1.
    choice: float
    # Whether an undisturbed run and all checks follow before the next event.
    is_calm: bool

    def __str__(self) -> str:
        """Return the event in words."""
        return f"{self.number}. {self.kind} ({self.work}; {self.moment})"


def generate_steps(seed: int, only: Sequence[Kind] = ()) -> Iterator[Step]:
    """Yield the events of a seed; every kind happens once before any is repeated."""
    chance = random.Random(seed)
    for number, kind in enumerate(_shuffle_kinds(chance, only or tuple(Kind)), 1):
        work = chance.choice(WORK_CHOICES)
        stage = chance.choice(MOMENTS[work])
        delay = chance.uniform(0.0, MAX_DELAY if stage else MAX_START_DELAY)
        hold = chance.uniform(0.2, MAX_HOLD)
        if chance.random() < LONG_HOLD_SHARE:
            hold = LONG_HOLD
        choice, is_calm = chance.random(), chance.random() < CALM_SHARE
        yield Step(number, kind, work, Moment(stage, delay), hold, choice, is_calm)


def _shuffle_kinds(chance: random.Random, kinds: Sequence[Kind]) -> Iterator[Kind]:
    while True:
        bag = list(kinds)
        chance.shuffle(bag)
        yield from bag
