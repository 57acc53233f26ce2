"""`ouspark quarantine`: wrong arguments, and an empty quarantine."""

import json

import pytest
from click.testing import CliRunner

from ouspark_assets.cli.commands import quarantine
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets_tests.support.stores import Databases


@pytest.fixture(autouse=True)
def databases_in_use(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", databases.development)
    monkeypatch.setenv("OUSPARK_PROD_DSN", databases.production)


@pytest.mark.parametrize("command", ["show", "fix", "discard"])
def test_an_unknown_record_is_refused(command: str) -> None:
    more = {"fix": ["points=1"], "discard": ["--why", "x"]}.get(command, [])
    done = CliRunner().invoke(quarantine, [command, "99", *more])
    assert isinstance(done.exception, OuSparkError)
    assert str(done.exception).startswith("There is no quarantined record 99.")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["fix", "99", "points"], "'points' is not FIELD=VALUE"),
        (["replay"], "Name records by their ID"),
        (["replay", "1", "--all"], "Name records by their ID"),
    ],
    ids=["no-assignment", "nothing-named", "everything-and-one"],
)
def test_wrong_arguments_are_refused_with_what_is_expected(
    arguments: list[str], expected: str
) -> None:
    done = CliRunner().invoke(quarantine, arguments)
    assert done.exit_code != 0
    assert expected in done.output


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ([], {"open"}),
        (["--status", "resolved"], {"resolved"}),
        (["--status", "discarded"], {"discarded"}),
        (["--status", "any"], {"open", "resolved", "discarded"}),
    ],
    ids=["default", "resolved", "discarded", "any"],
)
def test_records_of_the_chosen_status_are_listed(
    development: Connection, status: list[str], expected: set[str]
) -> None:
    for number, one in enumerate(("open", "resolved", "discarded")):
        development.execute(
            "INSERT INTO clean.quarantine (release, hall_ticket, table_name, fingerprint, reasons, "
            "raw, run_id, status) VALUES ('x', %s, 'marks', 'f', '{unreadable}', '{}', 'r', %s)",
            (f"16042173300{number}", one),
        )
    done = CliRunner().invoke(quarantine, ["list", "--json", *status])
    assert done.exit_code == 0
    assert {record["status"] for record in json.loads(done.output)} == expected


def test_an_empty_quarantine_is_reported() -> None:
    done = CliRunner().invoke(quarantine, ["list"])
    assert done.exit_code == 0
    assert "Quarantine: none" in done.output
    assert "Quarantine is empty" in CliRunner().invoke(quarantine, ["replay", "--all"]).output
