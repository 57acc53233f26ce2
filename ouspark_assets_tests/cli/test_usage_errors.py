"""Something wrong on the command line is reported at once, and recorded nowhere."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ouspark_assets.cli.commands import publication, run
from ouspark_assets.domain.errors import SiteError, UsageError
from ouspark_assets.operations.alerts.alert_store import AlertStore
from ouspark_assets.settings import load_settings
from ouspark_assets.standin.process import running_standin
from ouspark_assets_tests.support.stores import Stores


def failed_stages(stores: Stores) -> list[tuple[object, ...]]:
    query = "SELECT asset, error FROM ops.stage_runs WHERE outcome <> 'succeeded'"
    return stores.development.execute(query).fetchall()


@pytest.fixture(autouse=True)
def dagster_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))


@pytest.mark.full
def test_an_unknown_release_is_no_failed_run_and_no_alert(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_standin(students=20, releases=1, seed=3) as site:
        monkeypatch.setenv("OUSPARK_SITE_URL", site.url)
        done = CliRunner().invoke(run, ["--release", "nosuch"])
    assert isinstance(done.exception, UsageError)
    assert "Release nosuch is not known" in str(done.exception)
    assert failed_stages(stores) == []
    assert AlertStore.in_home(load_settings().servers.home).read_overview(0).open == ()


@pytest.mark.parametrize(
    ("content", "expected"),
    [("160421733001\nhello\n", "line 2: a hall ticket has exactly"), ("", "no hall tickets")],
)
@pytest.mark.usefixtures("only_development")
def test_an_unusable_tickets_file_is_refused_before_anything_is_contacted(
    tmp_path: Path, content: str, expected: str
) -> None:
    tickets = tmp_path / "tickets.txt"
    tickets.write_text(content)
    done = CliRunner().invoke(run, ["--tickets", str(tickets)])
    assert isinstance(done.exception, UsageError)
    assert expected in str(done.exception)


@pytest.mark.usefixtures("only_development")
def test_a_malformed_file_of_sentences_is_refused_before_anything_is_contacted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentences = tmp_path / "sentences.csv"
    sentences.write_text("pattern,outcome\nfee not paid,found\n")
    monkeypatch.setenv("OUSPARK_SITE_SENTENCES", str(sentences))
    done = CliRunner().invoke(run, [])
    assert isinstance(done.exception, SiteError)
    assert "line 2: the outcome 'found' must be one of" in str(done.exception)


@pytest.mark.parametrize("number", ["1", "99"])
def test_a_rollback_to_no_earlier_publication_is_not_a_failed_stage(
    stores: Stores, number: str
) -> None:
    stores.load(1)
    stores.publish()
    done = CliRunner().invoke(publication, ["rollback", number])
    assert isinstance(done.exception, UsageError)
    assert failed_stages(stores) == []
