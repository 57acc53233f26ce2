"""compose.yaml: published ports, secrets, dependencies and limits of the services."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from ouspark_assets.orchestration.executors.executor import SCRAPING_QUEUE
from ouspark_assets.settings import PREFIX, variable_names
from ouspark_assets_tests.deploy.deployment_files import (
    COMPOSE,
    MissingVariableError,
    Service,
    interpolate,
    read_compose_file,
    read_services,
)
from ouspark_assets_tests.support.pipeline import BIN, ROOT

EXAMPLE = ROOT / "deploy" / "secrets.env.example"
CREDENTIALS = re.compile(r"://[^:/@]*:(?P<password>.*?)@")
DAGSTER_ONLY = ("webserver", "reader", "daemon")
SERVICES = read_services()
OWN_SERVICES = {name: each for name, each in SERVICES.items() if each.has_own_image}


def read_example() -> dict[str, str]:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def environment_values() -> Iterator[tuple[str, str, str]]:
    for service in SERVICES.values():
        for name, value in service.environment.items():
            yield service.name, name, value


def test_the_file_matches_the_compose_schema() -> None:
    check = ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE))
    done = subprocess.run([BIN / check[0], *check[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_only_the_webservers_publish_ports_and_only_on_loopback() -> None:
    published = {
        name: service.definition["ports"]
        for name, service in SERVICES.items()
        if "ports" in service.definition
    }
    assert set(published) == {"webserver", "reader"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert not any("network_mode" in each.definition for each in SERVICES.values())


def test_the_file_contains_no_password() -> None:
    for service, name, value in environment_values():
        secrets = [found["password"] for found in CREDENTIALS.finditer(value)]
        if "PASSWORD" in name:
            secrets.append(value)
        for secret in secrets:
            assert re.match(r"\$\{\w+_PASSWORD:\?", secret), f"{service}: {name}"


def test_every_password_is_required_and_is_empty_in_the_example() -> None:
    given = read_example()
    assert set(given.values()) == {""}
    required = set(re.findall(r"\$\{(\w+_PASSWORD):\?", COMPOSE.read_text(encoding="utf-8")))
    assert required == set(given)
    with pytest.raises(MissingVariableError):
        interpolate(SERVICES["code"].environment["OUSPARK_DEV_DSN"], {})


def test_no_command_line_contains_a_secret() -> None:
    for service in SERVICES.values():
        for part in service.definition.get("command", ()):
            assert not re.search(r"(?<!\$)\$\{?\w*PASSWORD", part)


def test_every_dependency_exists_and_has_a_health_check() -> None:
    for service in SERVICES.values():
        for name, condition in service.definition.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert SERVICES[name].health
    assert all(service.health for service in SERVICES.values())


def test_code_and_daemon_are_healthy_only_while_user_code_answers_and_heartbeats_are_fresh() -> (
    None
):
    code, daemon = SERVICES["code"], SERVICES["daemon"]
    port = code.command[code.command.index("-p") + 1]
    asked = ["CMD", "ouspark", "health", "code", "--code-server", f"127.0.0.1:{port}"]
    assert code.definition["healthcheck"]["test"] == asked
    assert daemon.definition["healthcheck"]["test"] == ["CMD", "ouspark", "health", "daemon"]


def test_the_monitor_depends_on_neither_user_code_nor_the_daemon() -> None:
    monitor = SERVICES["monitor"]
    assert monitor.command == ["ouspark", "health", "--watch"]
    assert not {"code", "daemon"} & set(monitor.definition["depends_on"])
    # Webhooks and the dead-man's switch are outside.
    assert "outside" in monitor.definition["networks"]


def test_every_service_is_restarted_and_has_resource_limits() -> None:
    for service in SERVICES.values():
        assert service.definition["restart"] == "unless-stopped"
        assert set(service.definition["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_every_service_has_minimal_privileges(service: Service) -> None:
    assert service.definition["read_only"] is True
    assert service.definition["cap_drop"] == ["ALL"]
    assert service.definition["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "devices"} & set(service.definition)
    assert not [volume for volume in service.volumes if "docker.sock" in volume[0]]


def test_no_service_runs_as_root() -> None:
    for service in SERVICES.values():
        if service.has_own_image:
            # The user of the Dockerfile, which a test of the image verifies.
            assert "user" not in service.definition
        else:
            assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service.definition["user"])


def test_images_have_exact_tags() -> None:
    for service in SERVICES.values():
        assert re.fullmatch(r"[\w/]+:\d+(\.\d+)+(-[a-z]+)?", service.definition["image"])


def test_the_broker_has_a_server_and_a_password_of_its_own() -> None:
    cache, broker = SERVICES["valkey"], SERVICES["broker"]
    variables = [
        set(re.findall(r"\{(\w+_PASSWORD)", str(each.environment))) for each in (cache, broker)
    ]
    assert variables == [{"REDIS_PASSWORD", "CACHE_READER_PASSWORD"}, {"BROKER_PASSWORD"}]
    assert not {volume[0] for volume in cache.volumes if not volume[0].startswith(".")} & {
        volume[0] for volume in broker.volumes
    }
    given = dict.fromkeys(read_example(), "x")
    url = interpolate(SERVICES["code"].environment["OUSPARK_CELERY_BROKER"], given)
    assert url == "redis://:x@broker:6379/0"


@pytest.mark.parametrize("name", ["valkey", "broker"])
def test_the_memory_of_valkey_is_below_the_limit_of_its_container(name: str) -> None:
    service = SERVICES[name]
    maxmemory = interpolate(service.environment["MAXMEMORY"], {})
    limit = interpolate(service.definition["deploy"]["resources"]["limits"]["memory"], {})
    megabytes = int(limit.replace("g", "000").rstrip("m"))
    assert int(maxmemory.removesuffix("mb")) <= 0.8 * megabytes


@pytest.mark.parametrize("name", DAGSTER_ONLY)
def test_webservers_and_daemon_have_no_address_of_the_data(name: str) -> None:
    assert set(SERVICES[name].environment) - {"OUSPARK_UI_HOSTS"} == {"OUSPARK_DAGSTER_DSN"}
    assert "env_file" not in SERVICES[name].definition
    assert [volume[1] for volume in SERVICES[name].volumes] == ["/var/lib/ouspark/dagster"]


def test_the_reader_webserver_is_read_only() -> None:
    reader = SERVICES["reader"]
    assert "--read-only" in reader.command
    assert [volume[2:] for volume in reader.volumes] == [["ro"]]
    assert "--read-only" not in SERVICES["webserver"].command


def test_databases_and_the_daemon_are_on_the_internal_network_only() -> None:
    assert read_compose_file()["networks"]["inside"] == {"internal": True}
    for name in ("postgres", "valkey", "broker", "daemon"):
        assert SERVICES[name].definition["networks"] == ["inside"]
    published = set(SERVICES["webserver"].definition["networks"])
    published |= set(SERVICES["reader"].definition["networks"])
    assert published & set(SERVICES["code"].definition["networks"]) == {"inside"}


def test_networks_and_volumes_are_declared_and_used() -> None:
    file = read_compose_file()
    networks = {name for service in SERVICES.values() for name in service.definition["networks"]}
    assert networks == set(file["networks"])
    volumes = {volume[0] for service in SERVICES.values() for volume in service.volumes}
    named = {volume for volume in volumes if not volume.startswith(".")}
    assert named == set(file["volumes"])
    assert all((ROOT / volume).exists() for volume in volumes - named)


def test_there_is_one_daemon_and_one_worker_that_scrapes_one_release_at_a_time() -> None:
    assert SERVICES["daemon"].definition["deploy"]["replicas"] == 1
    (scraper,) = (each for each in OWN_SERVICES.values() if SCRAPING_QUEUE in each.command)
    assert scraper.definition["deploy"]["replicas"] == 1
    assert scraper.command[scraper.command.index("-c") + 1] == "1"


def test_every_setting_in_the_file_is_known() -> None:
    known = variable_names()
    assert {name for _, name, _ in environment_values() if name.startswith(PREFIX)} <= known


def test_an_external_address_replaces_a_server_of_the_file() -> None:
    external = "postgresql://publisher:secret@db.example.org/postgres"
    given = dict.fromkeys(read_example(), "x") | {"OUSPARK_PROD_DSN": external}
    environment = SERVICES["code"].environment
    assert interpolate(environment["OUSPARK_PROD_DSN"], given) == external
    assert interpolate(environment["OUSPARK_DEV_DSN"], given) == (
        "postgresql://ouspark:x@postgres:5432/ouspark_dev?sslmode=disable"
    )
    assert interpolate(environment["OUSPARK_REDIS_URL"], given) == "redis://:x@valkey:6379/0"


def test_the_cache_appends_every_change_to_a_file_instead_of_saving_once_a_minute() -> None:
    script = (ROOT / "deploy" / "valkey" / "start.sh").read_text(encoding="utf-8").splitlines()
    for line in ("appendonly yes", "appendfsync everysec", 'save ""'):
        assert line in script


def test_invented_students_reach_production_only_if_the_trial_asks_for_it() -> None:
    setting = SERVICES["code"].environment["OUSPARK_ALLOW_STANDIN"]
    assert interpolate(setting, {}) == "false"
    assert interpolate(setting, {"OUSPARK_ALLOW_STANDIN": "true"}) == "true"
    assert "# OUSPARK_ALLOW_STANDIN=true" in EXAMPLE.read_text(encoding="utf-8")


def test_the_server_reserves_connections_for_the_roles_of_the_pipeline() -> None:
    assert "reserved_connections=30" in SERVICES["postgres"].definition["command"]
    databases = (ROOT / "deploy/postgres/databases.sh").read_text(encoding="utf-8")
    assert "GRANT pg_use_reserved_connections TO" in databases
