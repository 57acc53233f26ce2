"""The exported truth, compared with a second computation from the rows of the releases."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ouspark_assets.standin.cohorts import Scale
from ouspark_assets.standin.truth import compute_truth
from ouspark_assets.standin.world import World

POINTS = {"S": 10, "A": 9, "B": 8, "C": 7, "D": 6, "E": 5, "F": 0, "Ab": 0}
PASSES = "SABCDE"
COLUMNS = {
    "students": "hall_ticket name father_name gender medium college_code branch_code "
    "admission_year serial lateral_entry",
    "attempts": "release hall_ticket subject_code subject_name semester credits grade points",
    "results": "release hall_ticket semester status sgpa cgpa",
    "standings": "hall_ticket subject_code semester credits grade points state attempts "
    "first_release cleared_release",
    "semester_gpas": "hall_ticket semester credits sgpa",
    "student_cgpas": "hall_ticket cgpa credits_counted semesters_finished open_subjects "
    "pending_subjects",
    "releases": "release title kind scheme session_year session_month published_on semesters "
    "revises pages",
}
Row = dict[str, Any]


@pytest.fixture(scope="module")
def six_years() -> dict[str, pl.DataFrame]:
    """Six years with graduates, detained students and lateral entrants."""
    return compute_truth(World(Scale(seed=3, students=800, releases=27)))


def state_of(grade: str) -> str:
    if grade in PASSES and grade:
        return "passed"
    return {"F": "failed", "Ab": "absent"}.get(grade, "pending")


def round_half_up(number: Fraction) -> float:
    exact = Decimal(number.numerator) / Decimal(number.denominator)
    return float(exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))


def compute_gpa(rows: list[Row]) -> float | None:
    weight = sum(Fraction(row["credits"]) for row in rows)
    earned = sum(Fraction(row["credits"]) * POINTS[row["grade"]] for row in rows)
    return round_half_up(earned / weight) if weight else None


class History:
    """The standings of all students, computed from the marks rows in order of publication."""

    def __init__(self) -> None:
        self.standings: dict[str, dict[str, Row]] = defaultdict(dict)

    def add(self, row: Row, kind: str) -> None:
        subjects = self.standings[row["hall_ticket"]]
        known = subjects.get(row["subject_code"])
        passed = state_of(row["grade"]) == "passed"
        standing = known or {
            "semester": row["semester"], "credits": row["credits"], "attempts": 0,
            "first_release": row["release"], "cleared_release": None, "grade": row["grade"],
        }  # fmt: skip
        if kind == "main" and row["grade"] != "Ab":
            standing["attempts"] += 1
        if passed and standing["cleared_release"] is None:
            standing["cleared_release"] = row["release"]
            standing["grade"] = row["grade"]
        elif standing["cleared_release"] is None or (
            passed and POINTS[row["grade"]] >= POINTS[standing["grade"]]
        ):
            standing["grade"] = row["grade"]
        subjects[row["subject_code"]] = standing

    def semester(self, ticket: str, semester: int) -> list[Row]:
        return [row for row in self.standings[ticket].values() if row["semester"] == semester]

    def is_finished(self, ticket: str, semester: int) -> bool:
        rows = self.semester(ticket, semester)
        return bool(rows) and all(state_of(row["grade"]) == "passed" for row in rows)


def replay(truth: dict[str, pl.DataFrame]) -> Iterator[tuple[Row, pl.DataFrame, History]]:
    history = History()
    attempts = truth["attempts"].partition_by("release", as_dict=True)
    for release in truth["releases"].iter_rows(named=True):
        rows = attempts[release["release"],]
        for row in rows.iter_rows(named=True):
            history.add(row, release["kind"])
        yield release, rows, history


def final_history(truth: dict[str, pl.DataFrame]) -> History:
    return list(replay(truth))[-1][2]


@pytest.mark.parametrize("table", COLUMNS)
def test_every_file_has_its_columns(truth: dict[str, pl.DataFrame], table: str) -> None:
    assert truth[table].columns == COLUMNS[table].split()
    assert len(truth[table])


def test_a_standing_is_the_best_pass_or_else_the_latest_attempt(
    six_years: dict[str, pl.DataFrame],
) -> None:
    history = final_history(six_years)
    rows = list(six_years["standings"].iter_rows(named=True))
    assert len(rows) == sum(map(len, history.standings.values()))
    for row in rows:
        expected = history.standings[row["hall_ticket"]][row["subject_code"]]
        assert {name: row[name] for name in expected} == expected
        assert row["state"] == state_of(row["grade"])
        assert row["points"] == POINTS.get(row["grade"])


def test_gpas_are_points_weighted_by_credits_and_rounded_half_up(
    six_years: dict[str, pl.DataFrame],
) -> None:
    history = final_history(six_years)
    for row in six_years["semester_gpas"].iter_rows(named=True):
        rows = history.semester(row["hall_ticket"], row["semester"])
        assert row["credits"] == sum(each["credits"] for each in rows)
        done = history.is_finished(row["hall_ticket"], row["semester"])
        assert row["sgpa"] == (compute_gpa(rows) if done else None)
    for row in six_years["student_cgpas"].iter_rows(named=True):
        finished = [s for s in range(1, 9) if history.is_finished(row["hall_ticket"], s)]
        counted = [each for s in finished for each in history.semester(row["hall_ticket"], s)]
        states = [
            state_of(each["grade"]) for each in history.standings[row["hall_ticket"]].values()
        ]
        assert row["cgpa"] == compute_gpa(counted)
        assert row["credits_counted"] == sum(each["credits"] for each in counted)
        assert row["semesters_finished"] == len(finished)
        assert row["open_subjects"] == states.count("failed") + states.count("absent")
        assert row["pending_subjects"] == states.count("pending")


def test_printed_sgpas_and_statuses_match_the_standings_at_that_time(
    six_years: dict[str, pl.DataFrame],
) -> None:
    lines = six_years["results"].partition_by("release", as_dict=True)
    for release, _, history in replay(six_years):
        for row in lines[release["release"],].iter_rows(named=True):
            done = history.is_finished(row["hall_ticket"], row["semester"])
            rows = history.semester(row["hall_ticket"], row["semester"])
            assert row["sgpa"] == (compute_gpa(rows) if done else None)
            assert done == (row["status"] in ("PASSED", "COMPLETED") or row["sgpa"] is not None)


def test_statuses_have_their_meaning_on_real_pages(six_years: dict[str, pl.DataFrame]) -> None:
    """For example, PASSED leaves nothing open, and PROMOTED-N follows ALREADY PROMOTED."""
    lines = six_years["results"].partition_by("release", as_dict=True)
    statuses: set[str] = set()
    for release, _, history in replay(six_years):
        for (ticket,), page in lines[release["release"],].group_by("hall_ticket"):
            *older, current = page.sort("semester").rows(named=True)
            statuses.update(
                row["status"] + "-" * (row["sgpa"] is not None) for row in (*older, current)
            )
            started = {row["semester"] for row in history.standings[str(ticket)].values()}
            unfinished = {s for s in started if not history.is_finished(str(ticket), s)}
            assert {row["semester"] for row in page.iter_rows(named=True)} >= unfinished
            for row in older:
                cleared = row["semester"] not in unfinished
                assert row["status"] == ("COMPLETED" if cleared else "ALREADY PROMOTED") or (
                    row["status"] == "DETAINED" and not cleared
                )
            if current["status"] == "PASSED":
                assert not unfinished
            if current["status"] == "PROMOTED" and current["sgpa"] is not None:
                assert "ALREADY PROMOTED" in [row["status"] for row in older]
    assert statuses == {
        "PASSED-", "PROMOTED", "PROMOTED-", "COMPLETED-", "ALREADY PROMOTED", "DETAINED",
    }  # fmt: skip


def test_the_cgpa_is_printed_only_when_all_semesters_are_finished(
    six_years: dict[str, pl.DataFrame],
) -> None:
    printed = six_years["results"].filter(pl.col("cgpa").is_not_null())
    final = six_years["student_cgpas"].join(
        printed.unique("hall_ticket", keep="last", maintain_order=True), on="hall_ticket"
    )
    assert len(final)
    assert (final["open_subjects"] == 0).all()
    assert (final["cgpa"] == final["cgpa_right"]).all()
    entry = final.join(six_years["students"], on="hall_ticket")
    expected = pl.when(pl.col("lateral_entry")).then(6).otherwise(8)
    assert entry.select((pl.col("semesters_finished") == expected).all()).item()
    assert set(entry["lateral_entry"]) == {True, False}


def test_students_are_detained_only_in_some_years(six_years: dict[str, pl.DataFrame]) -> None:
    lines = six_years["results"].join(six_years["releases"], on="release")
    even_main = lines.filter((pl.col("kind") == "main") & (pl.col("session_month") == 7))
    years = set(even_main.filter(pl.col("status") == "DETAINED")["session_year"])
    assert len(years) > 1
    assert not years & {2025, 2028}


def test_detained_students_begin_the_next_semester_a_year_later(
    six_years: dict[str, pl.DataFrame],
) -> None:
    lines = six_years["results"].join(six_years["releases"], on="release", maintain_order="left")
    key = ["hall_ticket", "session_year", "semester"]
    at_end_of_year = lines.filter(pl.col("session_month") == 7).unique(
        key, keep="last", maintain_order=True
    )
    detained = at_end_of_year.filter(pl.col("status") == "DETAINED").select(key)
    begun = lines.group_by("hall_ticket", pl.col("semester") - 1).agg(
        pl.col("session_year").min().alias("begun")
    )
    continued = detained.unique(key[::2], keep="first").join(begun, on=key[::2])
    assert len(continued)
    assert (continued["begun"] >= continued["session_year"] + 2).all()


def test_revaluation_changes_a_few_percent_mostly_upwards(
    six_years: dict[str, pl.DataFrame],
) -> None:
    pairs = (
        six_years["releases"].filter(pl.col("kind") == "revaluation").select("release", "revises")
    )
    key = ["hall_ticket", "subject_code"]
    after = six_years["attempts"].join(pairs, on="release")
    both = after.join(
        six_years["attempts"],
        left_on=["revises", *key],
        right_on=["release", *key],
        suffix="_before",
    )
    assert len(both) == len(after)
    changed = both.filter(pl.col("grade") != pl.col("grade_before"))
    revised = six_years["attempts"].join(pairs, left_on="release", right_on="revises")
    assert 0.005 < len(changed) / len(revised) < 0.05
    up = changed.filter(pl.col("points") > pl.col("points_before"))
    down = changed.filter(pl.col("points") < pl.col("points_before"))
    assert len(up) > 4 * len(down) > 0
    assert set(after["hall_ticket"] + after["release"]) == set(
        changed["hall_ticket"] + changed["release"]
    )


def test_most_pending_results_become_passes_in_a_later_release(
    six_years: dict[str, pl.DataFrame],
) -> None:
    pending = six_years["attempts"].filter(pl.col("points").is_null())
    assert set(pending["grade"]) == {"", "WH", "MP", "RL"}
    fate = (
        pending.select("hall_ticket", "subject_code")
        .unique()
        .join(six_years["standings"], on=["hall_ticket", "subject_code"])
    )
    assert (fate["state"] == "passed").sum() > len(fate) / 2


def test_releases_count_the_students_they_show(six_years: dict[str, pl.DataFrame]) -> None:
    shown = (
        six_years["attempts"].group_by("release").agg(pl.col("hall_ticket").n_unique().alias("n"))
    )
    counted = six_years["releases"].join(shown, on="release", how="left")
    assert (counted["pages"] == counted["n"]).all()


def test_only_students_with_a_page_are_exported(truth: dict[str, pl.DataFrame]) -> None:
    seen = set(truth["attempts"]["hall_ticket"])
    for table in ("students", "standings", "semester_gpas", "student_cgpas", "results"):
        assert set(truth[table]["hall_ticket"]) == seen


def test_a_supplementary_session_holds_only_backlogs(six_years: dict[str, pl.DataFrame]) -> None:
    extra = six_years["releases"].filter(pl.col("session_month") == 9)["release"]
    rows = six_years["attempts"].filter(pl.col("release").is_in(extra.implode()))
    standings = six_years["standings"].join(rows, on=["hall_ticket", "subject_code"])
    assert len(extra)
    assert (standings["first_release"] != standings["release"]).all()


@pytest.fixture(scope="module")
def changed() -> dict[str, pl.DataFrame]:
    """The truth of a world in which new schemes change codes, and of the same world without."""
    return compute_truth(World(Scale(seed=3, students=300, releases=8, changed_codes=True)))


@pytest.fixture(scope="module")
def unchanged() -> dict[str, pl.DataFrame]:
    """The truth of the same world with the codes of the first scheme."""
    return compute_truth(World(Scale(seed=3, students=300, releases=8)))


def test_changed_codes_change_nothing_but_the_codes(
    changed: dict[str, pl.DataFrame], unchanged: dict[str, pl.DataFrame]
) -> None:
    newest = {"101": "BS101MT", "201": "BS251MT", "251": "BS251MT"}
    assert unchanged["equivalent_codes"].is_empty()
    for name in COLUMNS:
        after, before = changed[name], unchanged[name]
        if "subject_code" in after.columns:
            codes = pl.col("subject_code").replace(newest)
            assert set(after["subject_code"]) - set(before["subject_code"])
            after, before = after.with_columns(codes), before.with_columns(codes)
        # The semester of an attempt is what its code tells.
        columns = [column for column in after.columns if (name, column) != ("attempts", "semester")]
        assert_frame_equal(after.select(columns), before.select(columns), check_row_order=False)


def test_from_a_session_on_every_page_prints_the_new_code(changed: dict[str, pl.DataFrame]) -> None:
    session = pl.format(
        "{}-{}", "session_year", pl.col("session_month").cast(pl.String).str.zfill(2)
    )
    sessions = changed["releases"].select("release", session.alias("session"))
    seen = changed["attempts"].join(sessions, on="release")
    newer = changed["equivalent_codes"].select("old_code", "new_code").rows()
    assert newer == [("101", "BS101MT"), ("201", "251"), ("251", "BS251MT")]
    for old, new in newer:
        first, last = (seen.filter(subject_code=code)["session"] for code in (new, old))
        assert last.max() < first.min()
    semesters = dict(seen.select("subject_code", "semester").unique().iter_rows())
    assert (semesters["BS101MT"], semesters["251"]) == (None, 2)


def test_students_pass_under_the_new_code_what_they_failed_under_the_old_one(
    changed: dict[str, pl.DataFrame],
) -> None:
    attempts = changed["attempts"]
    failed = attempts.filter(pl.col("subject_code") == "101", pl.col("grade") == "F")
    passed = attempts.filter(pl.col("subject_code") == "BS101MT", pl.col("points") > 0)
    moved = failed.join(passed, on="hall_ticket").select("hall_ticket").unique()
    standings = changed["standings"].join(moved, on="hall_ticket").filter(subject_code="BS101MT")
    assert standings.height == moved.height > 0
    assert set(standings["state"]) == {"passed"}
    assert "101" not in changed["standings"]["subject_code"]
