"""Tests of the formats in this process, and of the handler in subprocesses."""

import asyncio
import io
import json
import logging
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ouspark_assets.operations.logging import (
    JsonFormatter,
    TextFormatter,
    current_log_context,
    log_context,
)

TICKET = "160421733001"
Output = Callable[[], str]


def logger_with(formatter: logging.Formatter) -> Iterator[tuple[logging.Logger, Output]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.getLogger("ouspark_assets.tests")
    logger.addHandler(handler)
    yield logger, stream.getvalue
    logger.removeHandler(handler)


@pytest.fixture
def as_json() -> Iterator[tuple[logging.Logger, Output]]:
    yield from logger_with(JsonFormatter())


@pytest.fixture
def as_text() -> Iterator[tuple[logging.Logger, Output]]:
    yield from logger_with(TextFormatter())


def only_line(output: Output) -> dict[str, Any]:
    (line,) = output().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_json_line_has_time_level_logger_message_and_extra_fields(
    as_json: tuple[logging.Logger, Output],
) -> None:
    log, output = as_json
    log.warning("%d links\nleft out", 3, extra={"links": 3, "names": ["x", "y"]})
    line = only_line(output)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "WARNING",
        "logger": "ouspark_assets.tests",
        "message": "3 links\nleft out",
        "links": 3,
        "names": ["x", "y"],
    }


def test_a_json_line_has_the_run_the_stage_and_the_release_of_its_context(
    as_json: tuple[logging.Logger, Output],
) -> None:
    log, output = as_json
    with log_context("5f1e5151-a29b", "raw.result_pages", "20250402"):
        log.warning("within")
    assert current_log_context().run is None
    line = only_line(output)
    assert (line["run"], line["stage"], line["release"]) == (
        "5f1e5151-a29b", "raw.result_pages", "20250402",
    )  # fmt: skip


def test_asyncio_tasks_inherit_the_context_of_their_stage(
    as_json: tuple[logging.Logger, Output],
) -> None:
    log, output = as_json

    async def ask() -> None:
        log.warning("in a task")

    async def scrape() -> None:
        await asyncio.gather(asyncio.create_task(ask()), asyncio.create_task(ask()))

    with log_context("r", "raw.result_pages", "20250402"):
        asyncio.run(scrape())
    assert [json.loads(line)["release"] for line in output().splitlines()] == ["20250402"] * 2


def test_an_exception_is_a_field_of_the_same_json_line(
    as_json: tuple[logging.Logger, Output],
) -> None:
    log, output = as_json
    message = f"redis://:hidden-word@x knows {TICKET}\nand more"
    try:
        raise ValueError(message)
    except ValueError:
        log.exception("it failed")
    error = only_line(output)["error"]
    assert error["type"] == "ValueError"
    assert error["message"] == "redis://:***@x knows 160421733xxx\nand more"
    assert "Traceback" in error["traceback"]
    assert "hidden-word" not in output()


def test_secrets_and_hall_tickets_are_masked_in_every_field(
    as_json: tuple[logging.Logger, Output],
) -> None:
    log, output = as_json
    address = "postgresql://me:hidden-word@db/x"
    log.warning(address, extra={"dsn": address, "all": [{"ticket": TICKET}], "other": {address}})
    assert "hidden-word" not in output()
    assert TICKET not in output()


def test_values_that_json_cannot_represent_become_text(
    as_json: tuple[logging.Logger, Output],
) -> None:
    log, output = as_json
    log.warning("x", extra={"object": object(), "number": float("nan"), "dagster_event": object()})
    line = only_line(output)
    assert line["object"].startswith("<object")
    assert line["number"] == "nan"
    assert "dagster_event" not in line


def test_a_text_line_has_its_context_in_brackets(as_text: tuple[logging.Logger, Output]) -> None:
    log, output = as_text
    log.warning("before")
    with log_context("5f1e5151-a29b", "raw.result_pages", "20250402"):
        log.warning("postgresql://me:hidden-word@db/x is slow")
    before, within = output().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d WARNING before", before)
    assert within.partition(" ")[2] == (
        "WARNING [5f1e5151 raw.result_pages 20250402] postgresql://me:***@db/x is slow"
    )


ROOT = Path(__file__).resolve().parents[2]
CONFIGURE = """
import logging, warnings
from ouspark_assets.operations.logging import configure_logging
from ouspark_assets.settings import load_settings
configure_logging(load_settings().logging)
log = logging.getLogger("ouspark_assets.example")
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
        [sys.executable, "-c", CONFIGURE + program],
        env={"PATH": os.environ["PATH"], **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def levels(process: subprocess.CompletedProcess[str]) -> list[str]:
    return [json.loads(line)["level"] for line in process.stderr.splitlines()]


EVERY_LEVEL = "for level in (10, 20, 30, 40): log.log(level, 'x')\nlogging.getLogger('y').info('z')"


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("", ["INFO", "WARNING", "ERROR"]),
        ("debug", ["DEBUG", "INFO", "WARNING", "ERROR"]),
        ("ERROR", ["ERROR"]),
    ],
)
def test_json_lines_start_at_the_configured_level(level: str, shown: list[str]) -> None:
    process = run(EVERY_LEVEL, OUSPARK_LOG_FORMAT="json", OUSPARK_LOG_LEVEL=level)
    assert levels(process) == shown


def test_by_default_warnings_and_errors_are_logged_as_text() -> None:
    lines = run(EVERY_LEVEL).stderr.splitlines()
    assert [line.split()[1] for line in lines] == ["WARNING", "ERROR"]


def test_python_warnings_and_uncaught_exceptions_are_json_too() -> None:
    process = run("warnings.warn('old')\nraise ValueError('a fault')", OUSPARK_LOG_FORMAT="json")
    assert process.returncode != 0
    assert levels(process) == ["WARNING", "CRITICAL"]
    assert json.loads(process.stderr.splitlines()[1])["error"]["type"] == "ValueError"


def test_configuring_twice_logs_every_line_once() -> None:
    assert (
        len(run("configure_logging(load_settings().logging)\nlog.error('x')").stderr.splitlines())
        == 1
    )


def test_log_lines_and_a_progress_bar_do_not_overwrite_each_other_in_a_terminal() -> None:
    shown = run_in_terminal()
    lines = [line.split("\r")[-1] for line in shown.splitlines()]
    written = [line for line in lines if "WARNING" in line]
    assert [line[-6:] for line in written] == ["line 0", "line 1", "line 2"]
    assert all("Scraping" not in line for line in written)
    assert "Scraping" in shown


def test_log_lines_redirected_to_a_file_contain_nothing_of_the_progress_bar(tmp_path: Path) -> None:
    file = tmp_path / "errors"
    shown = run_in_terminal(stderr_file=file)
    assert "line" not in shown
    assert [line[-6:] for line in file.read_text().splitlines()] == ["line 0", "line 1", "line 2"]


def run_in_terminal(*, stderr_file: Path | None = None) -> str:
    """Return what a pseudo-terminal receives while a bar is shown and lines are logged.

    Stderr goes to the terminal too, unless a file is given.
    """
    controller, terminal = pty.openpty()
    with (stderr_file or Path(os.devnull)).open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", CONFIGURE + BAR],
            env={"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "100"},
            cwd=ROOT,
            stdout=terminal,
            stderr=file if stderr_file else terminal,
        )
    os.close(terminal)
    received = b""
    try:
        while part := os.read(controller, 65536):
            received += part
    except OSError:
        pass  # EIO: the process has exited
    os.close(controller)
    assert process.wait() == 0
    return received.decode()
