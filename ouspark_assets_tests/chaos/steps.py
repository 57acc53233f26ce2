"""What happens, in which order: a sequence that its seed determines, without end.

Kinds of events and how they are drawn; doing them is `events.py`. At which moment of a run an event
strikes is given by the stage that is at work, so that a slow machine is struck where a fast one is.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can happen."""

    RUN_KILLED = "the run and its workers are killed"
    RUN_KILLED_ALONE = "the run is killed, its workers are not"
    RUN_INTERRUPTED = "the run is interrupted (SIGINT)"
    RUN_TERMINATED = "the run is told to end (SIGTERM)"
    RUN_FROZEN = "the run stands still for a while"
    WORKER_KILLED = "a process that reads pages is killed"
    POSTGRES_KILLED = "PostgreSQL is killed"
    BACKEND_KILLED = "a backend of PostgreSQL is killed"
    BACKEND_ENDED = "a connection to PostgreSQL is ended"
    POSTGRES_FROZEN = "PostgreSQL stands still for a while"
    CACHE_KILLED = "Valkey is killed"
    CACHE_FROZEN = "Valkey stands still for a while"
    CACHE_EMPTIED = "the cache is restarted empty"
    SUPERVISOR_KILLED = "the servers' supervisor is killed"
    SUPERVISOR_FROZEN = "the servers' supervisor stands still for a while"
    SERVERS_RESTARTED = "the servers are stopped and started"
    SITE_DOWN = "the site is gone for a while"
    SITE_FROZEN = "the site stands still for a while"
    DISK_FULL = "the disk is full for a while"
    PART_DAMAGED = "a part of the lake is damaged"
    TWO_RUNS = "two runs at once"
    TWO_RUNS_ONE_KILLED = "two runs at once, of which one is killed"
    CLOCK_STEPPED = "the clock of a run is wrong"


class NotHereError(Exception):
    """This machine can't have such an event, or not at this moment."""


class Work(StrEnum):
    """What there is to do when it happens."""

    RELEASE = "a new release"
    SETTING = "another setting"
    NOTHING = "nothing new"


FIRST_STAGE = "source.release_index"
STAGES_OF_A_RELEASE = ("raw.result_pages", "raw.result_pages", "clean.pages")
STAGES_AFTER_ALL = (
    "clean.students",
    "analytics.standings",
    "analytics.student_rankings",
    "production.publication",
    "production.publication",
    "cache.generation",
    "cache.generation",
)
# What a run comes by; None is its start, before any stage.
MOMENTS = {
    Work.RELEASE: (None, FIRST_STAGE, *STAGES_OF_A_RELEASE, *STAGES_AFTER_ALL),
    Work.SETTING: (None, FIRST_STAGE, *STAGES_AFTER_ALL),
    Work.NOTHING: (None, FIRST_STAGE),
}
WORK = (Work.RELEASE, Work.RELEASE, Work.SETTING, Work.SETTING, Work.NOTHING)
FIRST_SECONDS = 4.0
LONGEST_DELAY, LONGEST_HOLD = 0.6, 6.0
CALM_SHARE = 0.3
# Longer than a client waits for an answer of the cache.
LONG_HOLD, LONG_HOLD_SHARE = 36.0, 0.05


@dataclass(frozen=True)
class Moment:
    """So many seconds after a stage of the run has begun; without a stage, after the run has."""

    stage: str | None
    delay: float

    def __str__(self) -> str:
        """In words."""
        since = f"{self.stage} begins" if self.stage else "the start"
        return f"{self.delay:.2f} s after {since}"


@dataclass(frozen=True)
class Step:
    """One event: what there is to do, what strikes when and for how long."""

    number: int
    kind: Kind
    work: Work
    moment: Moment
    hold: float
    # Which of several: parts, backends, ways of damage.
    choice: float
    # Whether everything is brought to rest, and looked at, before the next one.
    calm: bool

    def __str__(self) -> str:
        """In words."""
        return f"{self.number}. {self.kind} ({self.work}; {self.moment})"


def steps(seed: int, only: Sequence[Kind] = ()) -> Iterator[Step]:
    """The events of a seed, of some kinds or of all; each comes before any comes again."""
    chance = random.Random(seed)
    for number, kind in enumerate(_kinds(chance, only or tuple(Kind)), 1):
        work = chance.choice(WORK)
        yield Step(
            number,
            kind,
            work,
            _moment(chance, work),
            _hold(chance),
            chance.random(),
            chance.random() < CALM_SHARE,
        )


def _kinds(chance: random.Random, among: Sequence[Kind]) -> Iterator[Kind]:
    while True:
        bag = list(among)
        chance.shuffle(bag)
        yield from bag


def _moment(chance: random.Random, work: Work) -> Moment:
    stage = chance.choice(MOMENTS[work])
    return Moment(stage, chance.uniform(0.0, LONGEST_DELAY if stage else FIRST_SECONDS))


def _hold(chance: random.Random) -> float:
    usual = chance.uniform(0.2, LONGEST_HOLD)
    return LONG_HOLD if chance.random() < LONG_HOLD_SHARE else usual
