"""Commands of the pipeline as processes: started, signalled, awaited.

Only exit code and messages are judged here; whether the data is right is in `invariants`.
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

from ouspark_assets_tests.chaos.processes import DEFAULT_TIMEOUT

INTERRUPTED = 130
TERMINATED = 128 + signal.SIGTERM
MAX_MESSAGE_LENGTH = 1_500
ERROR, TRACEBACK = "Error: ", "Traceback (most recent call last)"
# Part of the message about a bug, which the operator can do nothing about.
BUG = "the traceback is in the run's log"
INTERRUPTION = "Interrupted; "


class Ending(StrEnum):
    """How a command ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    KILLED = "killed"
    STUCK = "stuck"


@dataclass
class Run:
    """A process that runs a command."""

    name: str
    process: subprocess.Popen[str]
    folder: Path
    started: float = field(default_factory=time.time)
    signalled: bool = False
    output: str = ""
    errors: str = ""

    def __post_init__(self) -> None:
        """Start reading the output: a full pipe would block the command."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self.process.pid

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def send(self, number: signal.Signals, *, workers: bool = True) -> None:
        """Send a signal to the process and, unless told otherwise, to its workers."""
        if self.is_over:
            return
        self.signalled = self.signalled or number not in (signal.SIGSTOP, signal.SIGCONT)
        with suppress(ProcessLookupError):
            (os.killpg if workers else os.kill)(self.pid, number)

    def wait(self, timeout: float = DEFAULT_TIMEOUT) -> Ending:
        """Wait for the end and return it; kill the process after the timeout."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            return Ending.STUCK
        finally:
            self._reader.join(timeout)
            transcript = f"exit code {self.process.returncode}\n{self.output}\n--- errors\n"
            (self.folder / f"{self.name}.txt").write_text(transcript + self.errors, "utf-8")
        if self.process.returncode == 0:
            return Ending.SUCCEEDED
        return Ending.KILLED if self._was_killed else Ending.FAILED

    def find_problems(self) -> Iterator[str]:
        """Yield what is wrong with its messages: a failure must end with one clear error line."""
        code, lines = self.process.returncode, self.errors.splitlines()
        last = next((line for line in reversed(lines) if line.strip()), "nothing")
        errors = [line for line in lines if line.startswith(ERROR)]
        if TRACEBACK in self.errors or TRACEBACK in self.output:
            yield f"{self.name} printed a traceback: {last}"
        if code == 0 and errors:
            yield f"{self.name} succeeded and printed {errors[0]}"
        if code not in (0, INTERRUPTED) and not self._was_killed:
            if len(errors) != 1 or lines[-1:] != errors:
                yield f"{self.name} ended with {code} and not with one error line: {lines[-3:]}"
            elif BUG in errors[0]:
                yield f"{self.name} failed because of a bug: {errors[0]}"
            elif len(errors[0]) > MAX_MESSAGE_LENGTH:
                yield f"{self.name} printed too long an error: {errors[0][:MAX_MESSAGE_LENGTH]}"
        if code == INTERRUPTED and not any(INTERRUPTION in line for line in lines):
            yield f"{self.name} was interrupted without saying so: {last}"

    @property
    def _was_killed(self) -> bool:
        code = self.process.returncode
        return self.signalled and (code < 0 or code == TERMINATED)

    def _read(self) -> None:
        self.output, self.errors = self.process.communicate()


def start_command(
    name: str, command: list[str], environment: Mapping[str, str], folder: Path
) -> Run:
    """Start a command in a session of its own.

    The folder is never the checkout: the developer's `.env` there would name other servers.
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
