"""The values for Dagster's Helm chart have known keys and refer to secrets by name only."""

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from ouspark_assets.orchestration.request_guard import LOOPBACK_HOSTS
from ouspark_assets.settings import PREFIX, variable_names
from ouspark_assets_tests.deploy.deployment_files import last_stage_arguments, read_services
from ouspark_assets_tests.support.pipeline import ROOT

VALUES_FILE = ROOT / "deploy" / "helm" / "values.yaml"
VALUES: dict[str, Any] = yaml.safe_load(VALUES_FILE.read_text(encoding="utf-8"))

# The chart rejects or silently ignores unknown keys.
KEYS = yaml.safe_load((Path(__file__).parent / "helm_chart_keys.yaml").read_text(encoding="utf-8"))


def find_unknown_keys(values: Any, schema: Any, path: str = "") -> Iterator[str]:
    """Yield the keys that the chart does not have."""
    if schema is None:
        return
    for each in values if isinstance(values, list) else [values]:
        for key, value in each.items():
            if key not in schema:
                yield f"{path}.{key}"
            else:
                yield from find_unknown_keys(value, schema[key], f"{path}.{key}")


def list_texts(values: Any) -> Iterator[str]:
    if isinstance(values, Mapping):
        for value in values.values():
            yield from list_texts(value)
    elif isinstance(values, list):
        for value in values:
            yield from list_texts(value)
    else:
        yield str(values)


def deployment() -> dict[str, Any]:
    (only,) = VALUES["dagster-user-deployments"]["deployments"]
    deployment: dict[str, Any] = only
    return deployment


def test_every_key_exists_in_the_chart() -> None:
    assert list(find_unknown_keys(VALUES, KEYS)) == []
    assert list(find_unknown_keys({"dagsterDaemon": {"runRetry": {}}}, KEYS)) == [
        ".dagsterDaemon.runRetry"
    ]


def test_secrets_are_referenced_by_name_only() -> None:
    assert VALUES["generatePostgresqlPasswordSecret"] is False
    assert "postgresqlPassword" not in VALUES["postgresql"]
    assert deployment()["envSecrets"] == [{"name": "ouspark"}]
    assert "env" not in deployment()
    assert not [text for text in list_texts(VALUES) if re.search(r"://[^/]*:[^/]*@", text)]


def test_its_comment_lists_settings_including_all_that_compose_sets() -> None:
    comment = VALUES_FILE.read_text(encoding="utf-8").partition("\nglobal:")[0]
    listed = set(re.findall(rf"{PREFIX}\w+", comment))
    assert listed <= variable_names()
    given = set(read_services()["code"].environment)
    assert given - listed == {"OUSPARK_CELERY_BROKER", "OUSPARK_EXECUTOR"}


@pytest.mark.parametrize(
    "security",
    [
        deployment()["podSecurityContext"],
        VALUES["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]["podSpecConfig"][
            "securityContext"
        ],
        VALUES["dagsterWebserver"]["podSecurityContext"],
        VALUES["dagsterDaemon"]["podSecurityContext"],
    ],
    ids=["code", "run", "webserver", "daemon"],
)
def test_pods_run_as_the_user_of_the_image(security: dict[str, Any]) -> None:
    (user,) = last_stage_arguments("USER")
    assert f"{security['runAsUser']}:{security['runAsGroup']}" == user
    assert security["runAsNonRoot"] is True


def test_the_code_server_listens_on_the_exposed_port_of_the_image() -> None:
    assert [str(deployment()["port"])] == last_stage_arguments("EXPOSE")
    mounts = {mount["mountPath"] for mount in deployment()["volumeMounts"]}
    assert mounts == {"/tmp", "/var/lib/ouspark"}  # noqa: S108


def test_the_pod_is_restarted_when_its_user_code_ends_or_does_not_answer() -> None:
    assert "codeServerArgs" not in deployment()
    assert deployment()["dagsterApiGrpcArgs"][:2] == ["-m", "ouspark_assets.definitions"]
    server = f"127.0.0.1:{deployment()['port']}"
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = deployment()[probe]["exec"]["command"]
        assert asked == ["ouspark", "health", "code", "--code-server", server]


def test_the_reader_webserver_is_read_only_and_nothing_is_exposed() -> None:
    assert VALUES["dagsterWebserver"]["enableReadOnly"] is True
    assert VALUES["dagsterWebserver"]["service"]["type"] == "ClusterIP"
    assert VALUES["ingress"] == {"enabled": False}


def test_runs_are_monitored_queued_and_retried_as_in_dagster_yaml() -> None:
    instance = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    daemon = VALUES["dagsterDaemon"]
    assert daemon["runMonitoring"]["enabled"] is instance["run_monitoring"]["enabled"]
    assert daemon["runRetries"] == {
        "enabled": instance["run_retries"]["enabled"],
        "maxRetries": instance["run_retries"]["max_retries"],
        "retryOnAssetOrOpFailure": instance["run_retries"]["retry_on_asset_or_op_failure"],
    }
    max_runs = instance["concurrency"]["runs"]["max_concurrent_runs"]
    assert VALUES["concurrency"]["runs"]["maxConcurrentRuns"] == max_runs


@pytest.mark.parametrize("name", ["dagsterWebserver", "dagsterDaemon"])
def test_dagsters_pods_use_the_image_without_privileges(name: str) -> None:
    assert VALUES[name]["image"] == deployment()["image"]
    assert VALUES[name]["image"]["tag"] == version("ouspark-assets")
    assert VALUES[name]["securityContext"] == deployment()["securityContext"]
    assert VALUES[name]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert [mount["mountPath"] for mount in VALUES[name]["volumeMounts"]] == ["/tmp"]  # noqa: S108


def test_webservers_refuse_forged_requests_but_answer_the_probe() -> None:
    instance = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    assert VALUES["additionalInstanceConfig"]["instance_class"] == instance["instance_class"]
    webserver = VALUES["dagsterWebserver"]
    assert [variable["name"] for variable in webserver["env"]] == ["OUSPARK_UI_HOSTS"]
    probe = webserver["readinessProbe"]["httpGet"]
    assert probe["port"] == webserver["service"]["port"]
    (header,) = probe["httpHeaders"]
    assert header["name"] == "Host"
    assert header["value"] in LOOPBACK_HOSTS
