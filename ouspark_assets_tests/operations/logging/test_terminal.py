"""Where lines go, in processes of their own: the logging of this one is pytest's."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SETTING_UP = """
import logging, warnings
from ouspark_assets.operations.logging.terminal import show_lines
from ouspark_assets.settings import load_settings
show_lines(load_settings())
log = logging.getLogger("ouspark_assets.room")
"""
BAR = """
from rich.progress import Progress
with Progress() as bar:
    task = bar.add_task("Scraping", total=3)
    for number in range(3):
        log.warning("line %d", number)
        bar.advance(task)
"""


def run(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SETTING_UP + program],
        env={"PATH": os.environ["PATH"], **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def levels(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [json.loads(line)["level"] for line in done.stderr.splitlines()]


EVERY_LEVEL = "for level in (10, 20, 30, 40): log.log(level, 'x')\nlogging.getLogger('y').info('z')"


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("", ["INFO", "WARNING", "ERROR"]),
        ("debug", ["DEBUG", "INFO", "WARNING", "ERROR"]),
        ("ERROR", ["ERROR"]),
    ],
)
def test_json_lines_begin_at_the_level_that_is_set(level: str, shown: list[str]) -> None:
    done = run(EVERY_LEVEL, OUSPARK_LOG_FORMAT="json", OUSPARK_LOG_LEVEL=level)
    assert levels(done) == shown


def test_without_settings_only_warnings_are_shown_and_as_text() -> None:
    lines = run(EVERY_LEVEL).stderr.splitlines()
    assert [line.split()[1] for line in lines] == ["WARNING", "ERROR"]


def test_warnings_of_libraries_and_faults_are_json_too() -> None:
    done = run("warnings.warn('old')\nraise ValueError('a fault')", OUSPARK_LOG_FORMAT="json")
    assert done.returncode != 0
    assert levels(done) == ["WARNING", "CRITICAL"]
    assert json.loads(done.stderr.splitlines()[1])["error"]["type"] == "ValueError"


def test_setting_up_twice_shows_every_line_once() -> None:
    assert len(run("show_lines(load_settings())\nlog.error('x')").stderr.splitlines()) == 1


def test_a_progress_bar_and_lines_in_one_terminal_leave_each_other_whole() -> None:
    shown = in_a_terminal(error_too=True)
    lines = [line.split("\r")[-1] for line in shown.splitlines()]
    written = [line for line in lines if "WARNING" in line]
    assert [line[-6:] for line in written] == ["line 0", "line 1", "line 2"]
    assert all("Scraping" not in line for line in written)
    assert "Scraping" in shown


def test_lines_that_go_into_a_file_are_not_drawn_into_the_bar(tmp_path: Path) -> None:
    file = tmp_path / "errors"
    shown = in_a_terminal(error_to=file)
    assert "line" not in shown
    assert [line[-6:] for line in file.read_text().splitlines()] == ["line 0", "line 1", "line 2"]


def in_a_terminal(*, error_too: bool = False, error_to: Path | None = None) -> str:
    """What a terminal is sent while a bar is shown and lines are written."""
    ours, theirs = pty.openpty()
    with (error_to or Path(os.devnull)).open("w") as elsewhere:
        process = subprocess.Popen(
            [sys.executable, "-c", SETTING_UP + BAR],
            env={"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "100"},
            cwd=ROOT,
            stdout=theirs,
            stderr=theirs if error_too else elsewhere,
        )
    os.close(theirs)
    sent = b""
    try:
        while part := os.read(ours, 65536):
            sent += part
    except OSError:
        pass  # the terminal hung up: the process has ended
    os.close(ours)
    assert process.wait() == 0
    return sent.decode()
