"""The trial itself: event after event, and after each of them every promise looked at.

The order of things is here; events, promises and counts are elsewhere.
"""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psycopg
import redis

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets_tests.chaos.at_rest import AT_REST
from ouspark_assets_tests.chaos.events import happen
from ouspark_assets_tests.chaos.invariants import ALWAYS, Invariant
from ouspark_assets_tests.chaos.processes import command_of, processes_of
from ouspark_assets_tests.chaos.steps import Kind, steps
from ouspark_assets_tests.chaos.system_under_test import Scene
from ouspark_assets_tests.chaos.waiting import comes_true

SECONDS_TO_LEAVE = 60.0


@dataclass(frozen=True)
class Trial:
    """A scene and what is to happen to it."""

    scene: Scene
    seed: int
    seconds: float
    events: int | None = None
    only: Sequence[Kind] = ()
    show: Callable[[str], None] = lambda _: None

    def go_through(self) -> None:
        """Everything until the time is up, at least one event, then everything at rest."""
        ends = time.monotonic() + self.seconds
        for step in steps(self.seed, self.only):
            self.scene.tally.now = str(step)
            self.show(str(step))
            happen(self.scene, step)
            self._look_at(ALWAYS)
            if time.monotonic() > ends or step.number == self.events:
                break
            if step.calm:
                self.show(f"at rest after {step.number}.")
                self._come_to_rest()
        self.scene.tally.now = "the end"
        self.show("the end")
        self._come_to_rest()

    def leave(self) -> None:
        """The servers stop when they are told to, and no process of the home is left."""
        self.scene.readers.stop()
        self.scene.completed("services", "down")
        comes_true(lambda: not self._left_over(), SECONDS_TO_LEAVE)
        left = [f"process {pid} is left: {command_of(pid)}" for pid in self._left_over()]
        self.scene.tally.check("no process is left", left)

    def _come_to_rest(self) -> None:
        """Nothing disturbs one run: it succeeds, and everything is as it ought to be."""
        self.scene.finish(self.scene.begin_run(), must_succeed=True)
        self._look_at(ALWAYS)
        self._look_at(AT_REST)

    def _look_at(self, invariants: Mapping[str, Invariant]) -> None:
        """Check them, unless there is nothing to be checked yet."""
        for sentence, invariant in invariants.items():
            try:
                if not self.scene.has_tables:
                    return
                broken = list(invariant(self.scene))
            except (OuSparkError, psycopg.Error, redis.RedisError, sqlite3.Error) as error:
                broken = [f"it can't be looked at: {error}"]
            self.scene.tally.check(sentence, broken)

    def _left_over(self) -> list[int]:
        return processes_of(self.scene.home)
