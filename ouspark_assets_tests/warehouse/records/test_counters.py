"""Counters over the whole history of stages."""

from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.records.counters import BUCKETS, read_counters
from ouspark_assets.warehouse.records.stage_runs import close_stage_runs, record_stage


def test_stages_are_counted_by_outcome(development: Connection) -> None:
    development.execute(
        """
        INSERT INTO ops.stage_runs (run_id, asset, release, started, ended, outcome, rows_in)
        VALUES ('r', 'a', 'x', now(), now() + interval '0.2 s', 'succeeded', 7),
               ('r', 'a', 'y', now(), now() + interval '20 s', 'failed', NULL),
               ('r', 'a', 'z', now(), now() + interval '1 day', 'succeeded', 5),
               ('dead', 'a', NULL, now() - interval '1 day', NULL, 'running', NULL)
        """
    )
    close_stage_runs(development, ["dead"], "gone")
    with record_stage(development, "r", "a"):
        (stage,) = read_counters(development).stages
    assert (stage.succeeded, stage.failed, stage.died) == (2, 1, 1)
    assert (stage.running, stage.dead, stage.rows_in) == (1, 0, 12)
    # The duration of a killed stage is unknown.
    assert (stage.ended, stage.seconds) == (3, 86_420.2)
    assert dict(zip(BUCKETS, stage.within, strict=True)) == {
        0.1: 0, 0.3: 1, 1.0: 1, 3.0: 1, 10.0: 1, 30.0: 2, 100.0: 2, 300.0: 2, 1000.0: 2, 3000.0: 2,
    }  # fmt: skip


def test_the_latest_finished_stage_counts_while_the_next_one_is_running(
    development: Connection,
) -> None:
    with record_stage(development, "r", "a", "x"):
        pass
    with record_stage(development, "r", "a", "x"):
        (latest,) = read_counters(development).latest
    assert (latest.asset, latest.release, latest.succeeded) == ("a", "x", True)


def test_a_table_without_open_records_is_counted_as_zero(
    development: Connection,
) -> None:
    development.execute(
        "INSERT INTO clean.quarantine (release, hall_ticket, table_name, fingerprint, reasons, "
        "raw, run_id, status) VALUES ('x', '160421733001', 'marks', 'f', '{}', '{}', 'r', "
        "'resolved')"
    )
    (table,) = read_counters(development).quarantine
    assert (table.table_name, table.records) == ("marks", 0)


def test_an_empty_history_counts_nothing(development: Connection) -> None:
    history = read_counters(development)
    assert [*history.stages, *history.latest, *history.scrapes, *history.sites] == []
