import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ouspark_assets.operations.logging.lines import JsonLines, TextLines
from ouspark_assets.operations.logging.place import at_work, here

TICKET = "160421733001"
Written = Callable[[], str]


def written_by(formatter: logging.Formatter) -> Iterator[tuple[logging.Logger, Written]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.getLogger("ouspark_assets.tests")
    logger.addHandler(handler)
    yield logger, stream.getvalue
    logger.removeHandler(handler)


@pytest.fixture
def as_json() -> Iterator[tuple[logging.Logger, Written]]:
    yield from written_by(JsonLines())


@pytest.fixture
def as_text() -> Iterator[tuple[logging.Logger, Written]]:
    yield from written_by(TextLines())


def only(written: Written) -> dict[str, Any]:
    (line,) = written().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_says_when_how_grave_who_and_what(
    as_json: tuple[logging.Logger, Written],
) -> None:
    log, written = as_json
    log.warning("%d links\nleft out", 3, extra={"links": 3, "names": ["x", "y"]})
    line = only(written)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "WARNING",
        "logger": "ouspark_assets.tests",
        "message": "3 links\nleft out",
        "links": 3,
        "names": ["x", "y"],
    }


def test_a_line_says_which_stage_of_which_run_is_at_work(
    as_json: tuple[logging.Logger, Written],
) -> None:
    log, written = as_json
    with at_work("5f1e5151-a29b", "raw.result_pages", "20250402"):
        log.warning("within")
    assert here().run is None
    line = only(written)
    assert (line["run"], line["stage"], line["release"]) == (
        "5f1e5151-a29b", "raw.result_pages", "20250402",
    )  # fmt: skip


def test_tasks_of_a_stage_write_under_its_name(as_json: tuple[logging.Logger, Written]) -> None:
    log, written = as_json

    async def ask() -> None:
        log.warning("in a task")

    async def scrape() -> None:
        await asyncio.gather(asyncio.create_task(ask()), asyncio.create_task(ask()))

    with at_work("r", "raw.result_pages", "20250402"):
        asyncio.run(scrape())
    assert [json.loads(line)["release"] for line in written().splitlines()] == ["20250402"] * 2


def test_an_exception_is_a_field_and_no_further_line(
    as_json: tuple[logging.Logger, Written],
) -> None:
    log, written = as_json
    message = f"redis://:hidden-word@x knows {TICKET}\nand more"
    try:
        raise ValueError(message)
    except ValueError:
        log.exception("it failed")
    error = only(written)["error"]
    assert error["type"] == "ValueError"
    assert error["message"] == "redis://:***@x knows 160421733xxx\nand more"
    assert "Traceback" in error["traceback"]
    assert "hidden-word" not in written()


def test_no_field_says_a_secret_or_a_ticket(as_json: tuple[logging.Logger, Written]) -> None:
    log, written = as_json
    address = "postgresql://me:hidden-word@db/x"
    log.warning(address, extra={"dsn": address, "all": [{"ticket": TICKET}], "other": {address}})
    assert "hidden-word" not in written()
    assert TICKET not in written()


def test_what_is_not_json_is_said_as_text(as_json: tuple[logging.Logger, Written]) -> None:
    log, written = as_json
    log.warning("x", extra={"object": object(), "number": float("nan"), "dagster_event": object()})
    line = only(written)
    assert line["object"].startswith("<object")
    assert line["number"] == "nan"
    assert "dagster_event" not in line


def test_text_has_a_short_prefix_that_says_where(as_text: tuple[logging.Logger, Written]) -> None:
    log, written = as_text
    log.warning("before")
    with at_work("5f1e5151-a29b", "raw.result_pages", "20250402"):
        log.warning("postgresql://me:hidden-word@db/x is slow")
    before, within = written().splitlines()
    assert before.endswith("WARNING before")
    assert within.endswith(
        "WARNING [5f1e5151 raw.result_pages 20250402] postgresql://me:***@db/x is slow"
    )
