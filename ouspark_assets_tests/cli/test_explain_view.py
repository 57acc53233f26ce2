"""How `ouspark explain` shows a subject whose code changed."""

import pytest

from ouspark_assets.cli.explain_view import show_explanation
from ouspark_assets.operations.explain.availability import StudentPublication
from ouspark_assets_tests.analytics.universities import ANN, AUG_22, FEB_22, FEB_22_RV, FEB_23, Mark
from ouspark_assets_tests.operations.test_explain_derivation import explanation

NEWER = {"451": "461", "461": "PC451CS"}
FIRST = (FEB_22, ANN, "451", 3, "F", "COMPUTER ORGANISATION")


def shown(capsys: pytest.CaptureFixture[str], *sat: Mark) -> list[str]:
    show_explanation(explanation(sat, newer_codes=NEWER), StudentPublication(1, 1, "publication 1"))
    return capsys.readouterr().out.splitlines()


def test_attempts_are_shown_with_the_codes_printed_and_the_code_they_count_as(
    capsys: pytest.CaptureFixture[str],
) -> None:
    revalued = (FEB_22_RV, ANN, "451", 3, "F")
    lines = shown(capsys, FIRST, revalued, (FEB_23, ANN, "PC451CS", 3, "C"))
    start = next(number for number, line in enumerate(lines) if line.startswith("Code"))
    rows = lines[start + 1 : start + 5]
    assert [row.split()[0] for row in rows[:3]] == ["451", "20221299", "PC451CS"]
    assert "C passed: only pass; 451 counts as PC451CS" in " ".join("".join(rows[2:]).split())


def test_several_older_codes_are_named_together(capsys: pytest.CaptureFixture[str]) -> None:
    second = (AUG_22, ANN, "461", 3, "F")
    text = " ".join(
        " ".join(shown(capsys, FIRST, second, (FEB_23, ANN, "PC451CS", 3, "C"))).split()
    )
    assert "451 and 461 count as PC451CS" in text
