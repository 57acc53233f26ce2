"""A command is judged by its exit code and its messages."""

import os
import signal
import sys
from pathlib import Path

import pytest

from ouspark_assets_tests.chaos.processes import wait_until
from ouspark_assets_tests.chaos.runs import Ending, Run, start_command

CLEAR = "Error: The cache can't be reached. Start it."
NOTICE = "17:00:00 WARNING the site is down"
TRACEBACK = "Traceback (most recent call last):"
BUG = "Error: clean: KeyError (the traceback is in the run's log)"


def run_to_end(folder: Path, *lines: str, code: int) -> Run:
    program = "import sys; sys.stderr.write(sys.argv[1]); sys.exit(int(sys.argv[2]))"
    command = [sys.executable, "-S", "-c", program, "\n".join(lines), str(code)]
    run = start_command("command", command, os.environ, folder)
    run.wait()
    return run


@pytest.mark.parametrize(
    ("lines", "code"),
    [((), 0), ((NOTICE, CLEAR), 1), ((CLEAR,), 2), (("Interrupted; again",), 130)],
)
def test_one_clear_error_line_is_accepted(
    tmp_path: Path, lines: tuple[str, ...], code: int
) -> None:
    assert list(run_to_end(tmp_path, *lines, code=code).find_problems()) == []


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ((), 1),
        ((CLEAR, CLEAR), 1),
        ((CLEAR, NOTICE), 1),
        ((TRACEBACK, CLEAR), 1),
        ((BUG,), 1),
        ((CLEAR,), 0),
        ((CLEAR * 100,), 1),
        (("Aborted!",), 130),
    ],
    ids=lambda value: str(value)[:30],
)
def test_any_other_ending_is_a_problem(tmp_path: Path, lines: tuple[str, ...], code: int) -> None:
    assert len(list(run_to_end(tmp_path, *lines, code=code).find_problems())) == 1


def test_a_killed_command_needs_no_message_and_a_stuck_one_is_killed(tmp_path: Path) -> None:
    runs = [
        start_command(name, ["sleep", "600"], os.environ, tmp_path) for name in ("killed", "stuck")
    ]
    runs[0].send(signal.SIGKILL)
    assert [run.wait(1) for run in runs] == [Ending.KILLED, Ending.STUCK]
    assert list(runs[0].find_problems()) == []
    wait_until(lambda: all(run.is_over for run in runs), "both to end")
