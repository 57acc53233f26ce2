"""The trial: one event after the other, each followed by a check of the invariants.

Only their order is here; events, invariants and counts are in modules of their own.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import psycopg
import redis

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets_tests.chaos.events import execute_event
from ouspark_assets_tests.chaos.invariants import ALWAYS, AT_REST, Invariant
from ouspark_assets_tests.chaos.processes import (
    becomes_true,
    list_processes_of,
    read_command_line,
)
from ouspark_assets_tests.chaos.steps import Step
from ouspark_assets_tests.chaos.system_under_test import SystemUnderTest

SHUTDOWN_TIMEOUT = 60.0


@dataclass(frozen=True)
class Trial:
    """A system and the events that will happen to it."""

    system: SystemUnderTest
    # Endless, or a list that is repeated.
    steps: Iterable[Step]
    seconds: float
    show: Callable[[str], None] = lambda _: None

    def run(self) -> list[Step]:
        """Execute events until the time is up, at least one; then check everything at rest.

        Return the events that happened.
        """
        system, deadline = self.system, time.monotonic() + self.seconds
        happened: list[Step] = []
        for step in self.steps:
            happened.append(step)
            system.tally.step = str(step)
            self.show(str(step))
            execute_event(system, step)
            self._check(ALWAYS)
            if time.monotonic() > deadline:
                break
            if step.is_calm:
                self.show(f"at rest after {step.number}.")
                self._check_at_rest()
        system.tally.step = "the end"
        self.show("the end")
        self._check_at_rest()
        return happened

    def shut_down(self) -> None:
        """Stop readers and servers; check that no process of the home is left."""
        home = self.system.home
        self.system.readers.stop()
        self.system.complete("services", "down")
        becomes_true(lambda: not list_processes_of(home), SHUTDOWN_TIMEOUT)
        left = [
            f"process {pid} is left: {read_command_line(pid)}" for pid in list_processes_of(home)
        ]
        self.system.tally.record_check("no process is left", left)

    def _check_at_rest(self) -> None:
        """Check that an undisturbed run succeeds, then all invariants."""
        self.system.finish(self.system.start_run(), must_succeed=True)
        self._check(ALWAYS)
        self._check(AT_REST)

    def _check(self, invariants: Mapping[str, Invariant]) -> None:
        """Check invariants, unless no run has created the tables yet."""
        for name, invariant in invariants.items():
            try:
                if not self.system.has_tables:
                    return
                violations = list(invariant(self.system))
            except (OuSparkError, psycopg.Error, redis.RedisError, sqlite3.Error) as error:
                violations = [f"the check failed: {error}"]
            self.system.tally.record_check(name, violations)
