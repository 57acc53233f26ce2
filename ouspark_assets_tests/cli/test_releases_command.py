"""`ouspark releases`: listing releases, and adding one by its key."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ouspark_assets.cli.commands import releases
from ouspark_assets.domain.errors import UsageError

KEY, TITLE = "20250402", "B.E. (CBCS) II, IV Sem (Main) July/Aug-2025"


@pytest.fixture(autouse=True)
def settings(only_development: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("OUSPARK_SITE_URL", "http://127.0.0.1:1")


def add(*arguments: str) -> Result:
    return CliRunner().invoke(releases, ["add", *arguments])


def listed() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(
        CliRunner().invoke(releases, ["list", "--json"]).stdout
    )
    return rows


def test_a_release_is_added_by_its_key_and_its_title_can_be_added_later() -> None:
    assert f"ouspark run --release {KEY}" in add(KEY).stdout
    (row,) = listed()
    assert (row["release"], row["title"], row["session"]) == (KEY, "", None)
    add(KEY, "--title", TITLE)
    add(KEY, "--title", TITLE)
    add(KEY)
    (row,) = listed()
    assert (row["title"], row["session"], row["scheme"]) == (TITLE, "2025-07", "CBCS")


def test_a_title_that_contradicts_the_known_one_is_refused() -> None:
    add(KEY, "--title", TITLE)
    done = add(KEY, "--title", TITLE.replace("2025", "2024"))
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == f"Release {KEY} is already known with the title {TITLE!r}."
    assert [row["title"] for row in listed()] == [TITLE]


def test_a_title_of_another_course_is_refused_before_anything_is_registered() -> None:
    done = add(KEY, "--title", "B.Sc (CBCS) II Sem (Main) July/Aug-2025")
    assert isinstance(done.exception, UsageError)
    assert "does not name a B.E. examination" in str(done.exception)
    assert listed() == []
