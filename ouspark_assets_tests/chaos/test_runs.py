"""How a command ends is judged by its exit code and by what it said."""

import os
import signal
import sys
from pathlib import Path

import pytest

from ouspark_assets_tests.chaos.runs import Ending, Run, start
from ouspark_assets_tests.chaos.waiting import until

CLEAR = "Error: The cache can't be reached. Start it."
NOTICE = "17:00:00 WARNING the site is down"
TRACE = "Traceback (most recent call last):"
FAULT = "Error: clean: KeyError (the traceback is in the run's log)"


def ended(folder: Path, *said: str, code: int) -> Run:
    program = "import sys; sys.stderr.write(sys.argv[1]); sys.exit(int(sys.argv[2]))"
    command = [sys.executable, "-S", "-c", program, "\n".join(said), str(code)]
    run = start("it", command, os.environ, folder)
    run.wait()
    return run


@pytest.mark.parametrize(
    ("said", "code"), [((), 0), ((NOTICE, CLEAR), 1), ((CLEAR,), 2), (("Interrupted; again",), 130)]
)
def test_one_clear_line_is_well(tmp_path: Path, said: tuple[str, ...], code: int) -> None:
    assert list(ended(tmp_path, *said, code=code).complaints()) == []


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ((), 1),
        ((CLEAR, CLEAR), 1),
        ((CLEAR, NOTICE), 1),
        ((TRACE, CLEAR), 1),
        ((FAULT,), 1),
        ((CLEAR,), 0),
        ((CLEAR * 100,), 1),
        (("Aborted!",), 130),
    ],
    ids=lambda value: str(value)[:30],
)
def test_anything_else_is_complained_of(tmp_path: Path, said: tuple[str, ...], code: int) -> None:
    assert len(list(ended(tmp_path, *said, code=code).complaints())) == 1


def test_who_was_killed_need_not_say_why_and_who_never_ends_is_ended(tmp_path: Path) -> None:
    runs = [start(name, ["sleep", "600"], os.environ, tmp_path) for name in ("killed", "stuck")]
    runs[0].send(signal.SIGKILL)
    assert [run.wait(1) for run in runs] == [Ending.KILLED, Ending.STUCK]
    assert list(runs[0].complaints()) == []
    until(lambda: all(run.is_over for run in runs), "both to end")
