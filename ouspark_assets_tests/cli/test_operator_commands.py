"""`explain`, `report`, `status`, `history`, `metrics`, `forget` after a run of a small pipeline."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from ouspark_assets.cli import ouspark
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.standin.process import running_standin
from ouspark_assets.warehouse.core.connection import Side
from ouspark_assets_tests.support.pipeline import Pipeline

MAX_WIDTH = 100


@dataclass(frozen=True)
class Commands:
    """Runs commands on a pipeline within this process, which is faster than starting one each."""

    pipeline: Pipeline
    # The log lines of the initial run.
    lines: Sequence[str]

    def __call__(self, *arguments: str, answer: str | None = None) -> str:
        """Return what a command prints."""
        with self._environment():
            done = CliRunner().invoke(ouspark, arguments, input=answer, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def refused(self, *arguments: str) -> str:
        """Return the one line that a command fails with."""
        with self._environment(), pytest.raises(OuSparkError) as error:
            CliRunner().invoke(ouspark, arguments, catch_exceptions=False, standalone_mode=False)
        message = str(error.value)
        assert "\n" not in message
        return message

    def json(self, *arguments: str) -> Any:
        """Return what a command prints as JSON."""
        return json.loads(self(*arguments, "--json"))

    @contextmanager
    def _environment(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.pipeline.environment.items():
                patch.setenv(name, value)
            yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    with running_standin(students=30, releases=2, seed=5) as site:
        pipeline = Pipeline(tmp_path_factory.mktemp("commands") / "home", site.url)
        done = pipeline.ouspark("run", "--all", OUSPARK_LOG_FORMAT="json")
        yield Commands(pipeline, done.stderr.splitlines())
        pipeline.ouspark("services", "down")


def ticket_with(run: Commands, condition: str) -> str:
    """Return the first student for whom the condition holds."""
    rows = run.pipeline.rows(
        "SELECT hall_ticket FROM analytics.student_cgpas JOIN analytics.student_rankings "
        f"USING (hall_ticket) WHERE scope = 'class' AND {condition} ORDER BY hall_ticket LIMIT 1"
    )
    return str(rows[0][0])


def test_an_explanation_has_every_section_and_fits_the_terminal(run: Commands) -> None:
    shown = run("explain", ticket_with(run, "open_subjects > 0"))
    for section in ("Semester 1", "Semesters: SGPA", "CGPA", "Credits", "Backlogs", "Production"):
        assert section in shown
    assert "not ranked: " in shown
    assert "publication 1" in shown
    assert max(map(len, shown.splitlines())) <= MAX_WIDTH


def test_an_explanation_cuts_no_name(run: Commands) -> None:
    ticket = ticket_with(run, "open_subjects > 0")
    shown = run("explain", ticket)
    names = {subject["name"] for subject in run.json("explain", ticket)["subjects"]}
    assert max(map(len, names)) > 22
    assert "…" not in shown
    words = set(shown.split())
    assert all(set(name.split()) <= words for name in names)


def test_a_stage_or_release_that_has_not_run_is_refused_with_those_that_have(
    run: Commands,
) -> None:
    refused = run.refused("history", "--asset", "nosuch")
    assert refused.startswith("No stage nosuch has run. The stages that have run: ")
    assert "clean.pages" in refused
    assert "nosuch has not run" in run.refused("history", "--release", "nosuch", "--json")
    (release,) = run.pipeline.rows("SELECT min(release) FROM clean.marks")[0]
    refused = run.refused("history", "--asset", "source.release_index", "--release", str(release))
    assert refused == f"The stage source.release_index has not run for release {release}."


def test_services_and_quarantine_show_their_state_by_default(run: Commands) -> None:
    assert "Development database" in run("services")
    assert run("quarantine") == run("quarantine", "list")


def test_the_stored_cgpa_follows_from_the_sum_shown(run: Commands) -> None:
    ticket = ticket_with(run, "rank = 1")
    explanation = run.json("explain", ticket)
    sum_ = explanation["cgpa"]["sum"]
    assert sum_["value"] == explanation["cgpa"]["value"]
    assert abs(sum_["weighted"] / sum_["credits"] - sum_["value"]) < 0.0051
    stored = run.pipeline.rows(
        f"SELECT cgpa::float8 FROM analytics.student_cgpas WHERE hall_ticket = '{ticket}'"
    )
    assert stored == [(explanation["cgpa"]["value"],)]
    assert all(subject["derived_grade"] is None for subject in explanation["subjects"])
    attempts = run.pipeline.rows(f"SELECT 1 FROM clean.marks WHERE hall_ticket = '{ticket}'")
    assert sum(len(subject["attempts"]) for subject in explanation["subjects"]) == len(attempts)


@pytest.mark.parametrize(
    ("ticket", "says"),
    [
        ("160499733999", "never requested"),
        ("12", "is not a hall ticket"),
        ("x" * 12, "twelve digits"),
    ],
)
def test_an_unknown_ticket_is_reported_in_one_line(run: Commands, ticket: str, says: str) -> None:
    assert says in run.refused("explain", ticket)


def test_for_a_ticket_without_a_result_the_requested_releases_are_listed(run: Commands) -> None:
    (missing, *_), release = _not_found(run)
    assert f"releases requested ({release}" in run.refused("explain", missing)


def test_unchanged_reports_are_not_written_again(run: Commands, tmp_path: Path) -> None:
    first = run("report", "--out", str(tmp_path))
    assert re.search(r"^\d+ workbooks and \d+ pages in .*: \d+ new\.$", first.strip())
    classes = run.pipeline.rows(
        "SELECT DISTINCT college_code || '-' || branch_code || '-' || admission_year "
        "FROM clean.students"
    )
    books = {path.stem for path in tmp_path.rglob("*.xlsx")}
    assert books == {str(name) for (name,) in classes}
    again = run("report", "--out", str(tmp_path))
    assert re.search(r": \d+ unchanged\.$", again.strip())


def test_the_report_of_a_release_has_only_its_classes(run: Commands, tmp_path: Path) -> None:
    (release,) = run.pipeline.rows("SELECT min(release) FROM clean.marks")[0]
    run("report", "--release", str(release), "--out", str(tmp_path))
    shown = run.pipeline.rows(
        f"SELECT DISTINCT left(hall_ticket, 9) FROM clean.marks WHERE release = '{release}'"
    )
    assert len(list(tmp_path.rglob(f"*_{release}.xlsx"))) == len(shown)
    college = next(tmp_path.iterdir()).name
    run("report", "--college", college, "--out", str(tmp_path / "one"))
    assert [path.name for path in (tmp_path / "one").iterdir()] == [college]


def test_an_empty_report_is_refused(run: Commands, tmp_path: Path) -> None:
    refused = run.refused("report", "--college", "0000", "--out", str(tmp_path))
    assert refused.startswith("College 0000 has no students. Colleges that have: ")
    students = run.pipeline.rows("SELECT DISTINCT college_code FROM clean.students ORDER BY 1")
    assert refused.endswith(f"{', '.join(str(code) for (code,) in students)}.")
    assert "Unknown release nope." in run.refused(
        "report", "--release", "nope", "--out", str(tmp_path)
    )


def test_after_a_complete_run_nothing_is_stale_or_failed(run: Commands) -> None:
    seen = run.json("status")
    assert (seen["last_run"]["outcome"], seen["failed"], seen["stale"]) == ("succeeded", [], [])
    assert len(seen["last_run"]["releases"]) == len(seen["releases"]) == 2
    assert seen["publication"]["number"] == 1
    assert seen["quarantine_open"] == 0
    assert {service["setting"] for service in seen["services"]} == {
        "dev_dsn", "prod_dsn", "redis_url", "site_url"
    }  # fmt: skip


def test_status_lists_stale_failed_and_quarantined_items(run: Commands) -> None:
    with run.pipeline.connected(Side.DEVELOPMENT) as development:
        development.execute(
            "UPDATE ops.loads SET fingerprint = 'x' "
            "WHERE release = (SELECT min(release) FROM ops.loads)"
        )
        development.execute(
            "INSERT INTO ops.versions (version, run_id, tables) VALUES (999, 'r', '{}')"
        )
        development.execute(
            "INSERT INTO ops.stage_runs (run_id, asset, ended, outcome, error) VALUES "
            "('r', 'production.publication', now(), 'failed', 'WarehouseError: unreachable')"
        )
        development.execute(
            "INSERT INTO clean.quarantine (release, hall_ticket, table_name, fingerprint, "
            "reasons, raw, run_id) VALUES ('x', '160421733001', 'marks', 'f', "
            "'{no such grade}', '{}', 'r')"
        )
    shown = run("status")
    assert "pages of the lake not loaded into the tables" in shown
    assert "development has changed since the newest publication" in shown
    assert "unreachable" in shown
    assert "1 × marks: no such grade" in shown
    with run.pipeline.connected(Side.DEVELOPMENT) as development:
        development.execute("DELETE FROM ops.versions WHERE version = 999")
        development.execute("DELETE FROM ops.stage_runs WHERE run_id = 'r'")
        development.execute("DELETE FROM clean.quarantine")


def test_the_history_has_every_stage_of_the_run(run: Commands) -> None:
    stages = {(stage["asset"], stage["release"]): stage for stage in run.json("history")}
    graph = {"source.release_index", "clean.students", "cache.generation", "analytics.backlogs"}
    assert graph <= {asset for asset, _ in stages}
    releases = {release["release"] for release in run.json("status")["releases"]}
    for name in ("raw.result_pages", "clean.pages"):
        assert {release for asset, release in stages if asset == name} == releases
    assert {stage["outcome"] for stage in stages.values()} == {"succeeded"}
    assert all(stage["seconds"] > 0 for stage in stages.values())
    shown = run("history", "--asset", "clean.pages", "--release", max(releases))
    assert f"clean.pages {max(releases)}" in shown
    assert max(map(len, run("history").splitlines())) <= 120


def test_status_and_metrics_include_the_site_and_its_scrapes(run: Commands) -> None:
    (site,) = run.json("status")["sites"]
    assert (site["breaker"], site["scraping"], site["alive"]) == ("closed", False, False)
    assert run.pipeline.site_url.endswith(site["host"])
    shown = run("metrics", "--timeout", "60")
    requests = run.pipeline.rows("SELECT sum(requests) FROM ops.scrapes")[0][0]
    counted = re.findall(r"ouspark_scrape_requests_total{.*} ([0-9.]+)", shown)
    assert sum(map(float, counted)) == requests
    for line in ("up 1.0", "publication_number 1.0", "cache_behind 0.0", "failed_checks 0.0"):
        assert f"ouspark_{line}\n" in shown
    assert 'ouspark_releases{state="complete"} 2.0' in shown


def test_every_json_log_line_of_a_run_has_its_run_stage_and_release(run: Commands) -> None:
    lines = [json.loads(line) for line in run.lines]
    scraped = [line for line in lines if line.get("stage") == "raw.result_pages"]
    releases = {release["release"] for release in run.json("status")["releases"]}
    assert {line["release"] for line in scraped} == releases
    runs = {stage["run_id"] for stage in run.json("history")}
    assert {line["run"] for line in lines if "stage" in line} <= runs


def test_with_json_logging_an_error_is_a_json_line(run: Commands) -> None:
    done = run.pipeline.command("ouspark", "explain", "12", OUSPARK_LOG_FORMAT="json")
    assert done.returncode == 1
    (line,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert line["level"] == "ERROR"
    assert "is not a hall ticket" in line["message"]


def test_commands_run_by_hand_are_in_the_history(run: Commands) -> None:
    run("cache", "rebuild")
    (latest,) = [stage for stage in run.json("history") if stage["asset"] == "cache.generation"]
    assert latest["run_id"].startswith("cli ")
    assert latest["rows_written"] > 0
    assert run.json("status")["last_run"]["run_ids"][-1] == latest["run_id"]


def test_forget_asks_for_confirmation_and_does_nothing_without_it(run: Commands) -> None:
    ticket = ticket_with(run, "rank = 1")
    with run._environment():
        done = CliRunner().invoke(ouspark, ["forget", ticket], input="n\n")
    assert done.exit_code != 0
    assert "cannot be undone" in done.output
    assert str(done.exception).startswith("Not confirmed: nothing was removed")
    assert "again" not in f"{done.output}{done.exception}"
    assert run.json("explain", ticket)["details"]["hall_ticket"] == ticket


def test_a_forgotten_student_is_removed_everywhere_and_stays_removed(run: Commands) -> None:
    ticket = ticket_with(run, "rank = 1")
    output = run("forget", ticket, "--yes")
    for place in ("lake", "clean.marks", "production", "publication history", "cache"):
        assert place in output
    assert_removed_everywhere(run, ticket)
    assert "was forgotten" in run.refused("explain", ticket)
    assert "Nothing was left of" in run("forget", ticket, "--yes")
    run("run", "--release", newest_publication(run), "--refetch")
    assert_removed_everywhere(run, ticket)


def newest_publication(run: Commands) -> str:
    return str(run.json("status")["releases"][-1]["release"])


def assert_removed_everywhere(run: Commands, ticket: str) -> None:
    """Assert that no row, key, value, page or log names the ticket."""
    for side in Side:
        with run.pipeline.connected(side) as connection:
            tables = connection.execute(
                "SELECT table_schema || '.' || table_name FROM information_schema.tables "
                "WHERE table_schema IN ('source', 'clean', 'analytics', 'ops')"
            ).fetchall()
            assert tables
            for (table,) in tables:
                query = f"SELECT count(*) FROM {table} t WHERE strpos(t::text, '{ticket}') > 0"
                assert connection.execute(query.encode()).fetchone() == (0,), table
    with run.pipeline.cache() as client:
        for key in client.scan_iter("ouspark:*"):
            value = client.get(key) if client.type(key) == b"string" else b""
            assert ticket.encode() not in key + (value or b"")
    for page in (run.pipeline.home / "lake").rglob("*.parquet"):
        answers = pl.read_parquet(page)
        assert ticket not in answers["hall_ticket"]
        assert not any(ticket.encode() in body for body in answers["body"].drop_nulls())
    for file in (run.pipeline.home / "dagster").rglob("*"):
        assert not file.is_file() or ticket.encode() not in file.read_bytes()


def _not_found(run: Commands) -> tuple[list[str], str]:
    release = str(run.pipeline.rows("SELECT min(release) FROM clean.marks")[0][0])
    parts = (run.pipeline.home / "lake/raw/result_pages" / f"release={release}").glob("*.parquet")
    answers = pl.concat([pl.read_parquet(part) for part in parts])
    return answers.filter(pl.col("outcome") == "not_found")["hall_ticket"].to_list(), release
