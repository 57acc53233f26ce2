"""Which executor the settings select, which settings it needs, and that it shows no secret."""

import dagster as dg
import pytest

from ouspark_assets.domain.errors import SettingsError
from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.orchestration.executors.executor import require_celery_broker, select_executor
from ouspark_assets.orchestration.keys import RESULT_PAGES
from ouspark_assets.settings import RunSettings

BROKER = "redis://:canary@127.0.0.1:6379/1"
DAGSTER_DSN = "postgresql://dagster:canary@127.0.0.1:5432/dagster"
QUEUE_TAG = "dagster-celery/queue"


def definitions_with(monkeypatch: pytest.MonkeyPatch, executor: str) -> dg.Definitions:
    monkeypatch.setenv("OUSPARK_EXECUTOR", executor)
    monkeypatch.setenv("OUSPARK_CELERY_BROKER", BROKER)
    monkeypatch.setenv("OUSPARK_DAGSTER_DSN", DAGSTER_DSN)
    return build_definitions()


@pytest.mark.parametrize("name", ["in_process", "multiprocess", "celery"])
def test_one_setting_selects_the_executor(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    definitions = definitions_with(monkeypatch, name)
    dg.Definitions.validate_loadable(definitions)
    selected = definitions.executor
    assert isinstance(selected, dg.ExecutorDefinition)
    assert selected.name == name


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"celery_broker": BROKER}, "OUSPARK_DAGSTER_DSN"),
        ({"dagster_dsn": DAGSTER_DSN}, "OUSPARK_CELERY_BROKER"),
        ({}, "OUSPARK_CELERY_BROKER and OUSPARK_DAGSTER_DSN"),
    ],
)
def test_missing_settings_of_celery_are_reported_in_one_line(
    given: dict[str, str], missing: str
) -> None:
    with pytest.raises(SettingsError, match=f"need {missing}:") as refused:
        select_executor(RunSettings(executor="celery", **given))
    assert "\n" not in str(refused.value)
    assert "canary" not in str(refused.value)


def test_a_broker_alone_does_not_select_celery() -> None:
    assert select_executor(RunSettings(celery_broker=BROKER)).name == "in_process"


def test_only_the_scraping_step_uses_the_scraping_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    job = definitions_with(monkeypatch, "celery").resolve_implicit_global_asset_job_def()
    queues = {node.name: node.tags.get(QUEUE_TAG) for node in job.nodes}
    scraping = RESULT_PAGES.to_python_identifier()
    assert {name for name, queue in queues.items() if queue} == {scraping}
    assert queues[scraping] == "scraping"


@pytest.mark.parametrize(
    ("executor", "together"), [("in_process", True), ("multiprocess", True), ("celery", False)]
)
def test_backfills_use_one_run_per_release_with_celery_only(
    monkeypatch: pytest.MonkeyPatch, executor: str, *, together: bool
) -> None:
    graph = definitions_with(monkeypatch, executor).resolve_asset_graph()
    policies = {
        graph.get(key).backfill_policy
        for key in graph.materializable_asset_keys
        if graph.get(key).is_partitioned
    }
    single, one_each = dg.BackfillPolicy.single_run(), dg.BackfillPolicy.multi_run(1)
    assert policies == {single if together else one_each}


def test_the_broker_url_is_not_part_of_the_run_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    definitions = definitions_with(monkeypatch, "celery")
    selected = definitions.executor
    assert isinstance(selected, dg.ExecutorDefinition)
    fields = selected.config_schema.config_type.fields  # type: ignore[union-attr]
    assert set(fields) == {"retries"}
    assert (
        require_celery_broker(RunSettings(celery_broker=BROKER, dagster_dsn=DAGSTER_DSN)) == BROKER
    )
