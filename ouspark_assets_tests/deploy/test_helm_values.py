"""The values for Dagster's Helm chart: keys that the chart knows, secrets by reference only."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ouspark_assets.settings import PREFIX, variable_names
from ouspark_assets_tests.deploy.deployment_files import of_last_stage, services
from ouspark_assets_tests.support.pipeline import ROOT

VALUES_FILE = ROOT / "deploy" / "helm" / "values.yaml"
VALUES: dict[str, Any] = yaml.safe_load(VALUES_FILE.read_text(encoding="utf-8"))

# The chart refuses what it does not know, or passes over it in silence.
KEYS = yaml.safe_load((Path(__file__).parent / "helm_chart_keys.yaml").read_text(encoding="utf-8"))


def unknown(values: Any, schema: Any, path: str = "") -> Iterator[str]:
    """The keys that the chart does not know."""
    if schema is None:
        return
    for each in values if isinstance(values, list) else [values]:
        for key, value in each.items():
            if key not in schema:
                yield f"{path}.{key}"
            else:
                yield from unknown(value, schema[key], f"{path}.{key}")


def texts(values: Any) -> Iterator[str]:
    if isinstance(values, Mapping):
        for value in values.values():
            yield from texts(value)
    elif isinstance(values, list):
        for value in values:
            yield from texts(value)
    else:
        yield str(values)


def deployment() -> dict[str, Any]:
    (only,) = VALUES["dagster-user-deployments"]["deployments"]
    found: dict[str, Any] = only
    return found


def test_every_key_is_one_of_the_chart() -> None:
    assert list(unknown(VALUES, KEYS)) == []
    assert list(unknown({"dagsterDaemon": {"runRetry": {}}}, KEYS)) == [".dagsterDaemon.runRetry"]


def test_secrets_are_named_and_never_written() -> None:
    assert VALUES["generatePostgresqlPasswordSecret"] is False
    assert "postgresqlPassword" not in VALUES["postgresql"]
    assert deployment()["envSecrets"] == [{"name": "ouspark"}]
    assert "env" not in deployment()
    assert not [it for it in texts(VALUES) if re.search(r"://[^/]*:[^/]*@", it)]


def test_what_its_comment_asks_for_are_settings_and_all_that_compose_gives() -> None:
    comment = VALUES_FILE.read_text(encoding="utf-8").partition("\nglobal:")[0]
    asked = set(re.findall(rf"{PREFIX}\w+", comment))
    assert asked <= variable_names()
    given = set(services()["code"].environment)
    assert given - asked == {"OUSPARK_CELERY_BROKER", "OUSPARK_EXECUTOR"}


@pytest.mark.parametrize(
    "security",
    [
        deployment()["podSecurityContext"],
        VALUES["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]["podSpecConfig"][
            "securityContext"
        ],
    ],
    ids=["code", "run"],
)
def test_pods_run_as_the_user_of_the_image(security: dict[str, Any]) -> None:
    (user,) = of_last_stage("USER")
    assert f"{security['runAsUser']}:{security['runAsGroup']}" == user
    assert security["runAsNonRoot"] is True


def test_the_code_server_listens_where_the_image_says() -> None:
    assert [str(deployment()["port"])] == of_last_stage("EXPOSE")
    assert {it["mountPath"] for it in deployment()["volumeMounts"]} == {"/tmp", "/var/lib/ouspark"}  # noqa: S108


def test_readers_have_a_webserver_that_refuses_changes_and_nothing_is_exposed() -> None:
    assert VALUES["dagsterWebserver"]["enableReadOnly"] is True
    assert VALUES["dagsterWebserver"]["service"]["type"] == "ClusterIP"
    assert VALUES["ingress"] == {"enabled": False}


def test_runs_are_watched_queued_and_retried_as_in_the_instance_of_the_repository() -> None:
    ours = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    daemon = VALUES["dagsterDaemon"]
    assert daemon["runMonitoring"]["enabled"] is ours["run_monitoring"]["enabled"]
    assert daemon["runRetries"] == {
        "enabled": ours["run_retries"]["enabled"],
        "maxRetries": ours["run_retries"]["max_retries"],
        "retryOnAssetOrOpFailure": ours["run_retries"]["retry_on_asset_or_op_failure"],
    }
    most = ours["concurrency"]["runs"]["max_concurrent_runs"]
    assert VALUES["concurrency"]["runs"]["maxConcurrentRuns"] == most
