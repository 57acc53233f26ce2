"""What `ouspark run` prints at its end."""

import pytest

from ouspark_assets.cli.summary import show_summary
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets_tests.operations.alerts.pipeline_events import load_index, record_load

LOADED, OLDER = "20250402", "19990101"
pytestmark = pytest.mark.usefixtures("only_development")


def test_older_releases_are_suggested_only_if_there_are_any_to_bring_in(
    development: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    def hint() -> str:
        show_summary([])
        lines = capsys.readouterr().out.splitlines()
        return next(line for line in lines if "lack results of earlier semesters" in line)

    with write_transaction(development, "test"):
        development.execute(
            """
            INSERT INTO analytics.student_cgpas
                   (hall_ticket, credits_counted, semesters_finished, passed_subjects,
                    open_subjects, pending_subjects, incomplete, incomplete_because)
            VALUES ('160499733001', 0, 0, 0, 0, 0, true, 'semester 1 is missing')
            """
        )
    load_index(development, {"release": LOADED})
    record_load(development, LOADED, 1)
    alone = "1 of 1 students lack results of earlier semesters and are not ranked."
    assert hint() == alone
    load_index(development, {"release": LOADED}, {"release": OLDER, "session_year": 1999})
    assert hint() == f"{alone} To bring in older releases: ouspark run --all"
