"""The log lines of Dagster runs on the console, with and without a configured logger."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from ouspark_assets.operations.logging import log_context
from ouspark_assets.orchestration.console_logger import console, replace_default_console_logger

TICKET = "160421733001"
QUIET = {"loggers": {"console": {"config": {"log_level": "critical"}}}}
NAMED = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}


@dg.asset(key=["clean", "things"], partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
def things(context: dg.AssetExecutionContext) -> None:
    context.log.info(f"redis://:hidden-word@x knows {TICKET}")
    with log_context(context.run.run_id, "clean.pages", "from the stage"):
        context.log.info("within", extra={"rows": 3})
        if context.partition_key == "b":
            message = "it went wrong"
            raise ValueError(message)


@pytest.fixture(autouse=True)
def lines_as_json(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OUSPARK_LOG_FORMAT", "json")
    usual = vars(dg.colored_console_logger)["_logger_fn"]
    replace_default_console_logger()
    yield
    vars(dg.colored_console_logger)["_logger_fn"] = usual


def run(partition: str = "a", config: dict[str, Any] | None = None) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions(assets=[things], loggers={"console": console})
    job = definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(partition_key=partition, run_config=config, raise_on_error=False)


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


@pytest.mark.parametrize("config", [None, NAMED], ids=["not-configured", "configured"])
def test_every_line_is_json_with_run_stage_and_release(
    capfd: pytest.CaptureFixture[str], config: dict[str, Any] | None
) -> None:
    run_id = run(config=config).run_id
    logged = lines(capfd)
    assert {line["run"] for line in logged} == {run_id}
    first, within = (line for line in logged if line["level"] == "INFO")
    assert (first["stage"], first["release"]) == ("clean.things", "a")
    assert first["message"] == "redis://:***@x knows 160421733xxx"
    assert (within["stage"], within["release"]) == ("clean.pages", "from the stage")
    assert (within["message"], within["rows"]) == ("within", 3)


def test_a_run_without_logger_configuration_also_logs_dagsters_events(
    capfd: pytest.CaptureFixture[str],
) -> None:
    run()
    events = [line.get("event") for line in lines(capfd)]
    assert events[0] == "PIPELINE_START"
    assert {"STEP_START", "ASSET_MATERIALIZATION", "PIPELINE_SUCCESS"} <= set(events)


def test_an_error_is_a_field_of_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    run("b", NAMED)
    (failure,) = [line for line in lines(capfd) if line.get("event") == "STEP_FAILURE"]
    assert failure["error"]["type"] == "ValueError"
    assert failure["error"]["message"] == "ValueError: it went wrong"
    assert "Traceback" in failure["error"]["traceback"] or "File" in failure["error"]["traceback"]


def test_a_quiet_run_logs_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    run(config=QUIET)
    assert lines(capfd) == []


def test_the_level_of_the_settings_applies_if_the_run_names_none(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_LOG_LEVEL", "ERROR")
    run("b")
    assert {line["level"] for line in lines(capfd)} == {"ERROR"}
    run("b", {"loggers": {"console": {}}})
    assert {line["level"] for line in lines(capfd)} == {"ERROR"}


def test_text_lines_have_a_short_prefix(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_LOG_FORMAT", "text")
    run_id = run(config=NAMED).run_id
    shown = capfd.readouterr().err
    assert f"INFO    [{run_id[:8]} clean.pages from the stage] within" in shown
    assert "hidden-word" not in shown
