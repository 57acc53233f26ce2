"""Commands of the pipeline as processes: started, watched, killed, and judged by what they said.

Judged is the manner only: exit code and messages. Whether the data is right is `always.py`.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ouspark_assets_tests.chaos.waiting import LONGEST_SECONDS

INTERRUPTED = 130
BY_SIGTERM = 128 + signal.SIGTERM
LONGEST_MESSAGE = 1_500
ERROR, TRACE = "Error: ", "Traceback (most recent call last)"
# What a fault of the program is told as, which a person at the screen can do nothing about.
FAULT = "the traceback is in the run's log"
INTERRUPTION = "Interrupted; "


class Ending(StrEnum):
    """How a command ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    KILLED = "killed"
    STUCK = "stuck"


@dataclass
class Run:
    """A command at work."""

    name: str
    process: subprocess.Popen[str]
    folder: Path
    begun: float = field(default_factory=time.time)
    signalled: bool = False
    output: str = ""
    errors: str = ""

    def __post_init__(self) -> None:
        """Begin to read what it says, or a full pipe would hold it up."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def send(self, number: signal.Signals, *, workers: bool = True) -> None:
        """Send a signal to it, and to its workers unless told otherwise."""
        if self.is_over:
            return
        self.signalled = self.signalled or number not in (signal.SIGSTOP, signal.SIGCONT)
        with suppress(ProcessLookupError):
            (os.killpg if workers else os.kill)(self.pid, number)

    def wait(self, seconds: float = LONGEST_SECONDS) -> Ending:
        """Wait until it has ended; one that never does is killed."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            return Ending.STUCK
        finally:
            self._reader.join(seconds)
            self._keep()
        return self._ending()

    def complaints(self) -> Iterator[str]:
        """What is wrong with how it ended: one clear line for a failure, nothing else."""
        code, lines = self.process.returncode, self.errors.splitlines()
        said = [line for line in lines if line.startswith(ERROR)]
        if TRACE in self.errors or TRACE in self.output:
            yield f"{self.name} showed a traceback: {_last(lines)}"
        if code == 0 and said:
            yield f"{self.name} ended well and said {said[0]}"
        if code not in (0, INTERRUPTED) and not self._was_killed:
            if len(said) != 1 or lines[-1:] != said:
                yield f"{self.name} ended with {code} and not one clear line: {lines[-3:]}"
            elif FAULT in said[0]:
                yield f"{self.name} failed by a fault of the program: {said[0]}"
            elif len(said[0]) > LONGEST_MESSAGE:
                yield f"{self.name} said far too much: {said[0][:LONGEST_MESSAGE]}"
        if code == INTERRUPTED and not any(INTERRUPTION in line for line in lines):
            yield f"{self.name} was interrupted and did not say so: {_last(lines)}"

    @property
    def _was_killed(self) -> bool:
        code = self.process.returncode
        return self.signalled and (code < 0 or code == BY_SIGTERM)

    def _ending(self) -> Ending:
        if self.process.returncode == 0:
            return Ending.SUCCEEDED
        return Ending.KILLED if self._was_killed else Ending.FAILED

    def _read(self) -> None:
        self.output, self.errors = self.process.communicate()

    def _keep(self) -> None:
        said = f"exit code {self.process.returncode}\n{self.output}\n--- errors\n{self.errors}"
        (self.folder / f"{self.name}.txt").write_text(said, "utf-8")


def start(name: str, command: list[str], environment: Mapping[str, str], folder: Path) -> Run:
    """Start a command in a session of its own.

    Its folder is never the checkout: a `.env` there would lead it to its owner's own servers.
    """
    process = subprocess.Popen(
        command,
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    return Run(name, process, folder)


def _last(lines: list[str]) -> str:
    return next((line for line in reversed(lines) if line.strip()), "nothing")
