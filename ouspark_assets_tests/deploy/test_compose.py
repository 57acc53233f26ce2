"""compose.yaml: who is published, who knows what, who waits for whom."""

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
    composed,
    interpolated,
    services,
)
from ouspark_assets_tests.support.pipeline import BIN, ROOT

EXAMPLE = ROOT / "deploy" / "secrets.env.example"
CREDENTIALS = re.compile(r"://[^:/@]*:(?P<password>.*?)@")
LOOK_ONLY = ("webserver", "reader", "daemon")
SERVICES = services()
OURS = {name: it for name, it in SERVICES.items() if it.is_ours}


def example() -> dict[str, str]:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    pairs = [it.partition("=") for it in lines if it and not it.startswith("#")]
    return {name: value for name, _, value in pairs}


def values() -> Iterator[tuple[str, str, str]]:
    for service in SERVICES.values():
        for name, value in service.environment.items():
            yield service.name, name, value


def test_it_is_a_compose_file() -> None:
    check = ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE))
    done = subprocess.run([BIN / check[0], *check[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_only_the_webservers_are_published_and_on_loopback_only() -> None:
    published = {
        name: service.definition["ports"]
        for name, service in SERVICES.items()
        if "ports" in service.definition
    }
    assert set(published) == {"webserver", "reader"}
    assert all(it.startswith("127.0.0.1:") for ports in published.values() for it in ports)
    assert not any("network_mode" in it.definition for it in SERVICES.values())


def test_no_password_is_written_into_it() -> None:
    for service, name, value in values():
        secrets = [found["password"] for found in CREDENTIALS.finditer(value)]
        if "PASSWORD" in name:
            secrets.append(value)
        for secret in secrets:
            assert re.match(r"\$\{\w+_PASSWORD:\?", secret), f"{service}: {name}"


def test_every_password_is_asked_for_and_has_no_value_in_the_example() -> None:
    given = example()
    assert set(given.values()) == {""}
    asked = set(re.findall(r"\$\{(\w+_PASSWORD):\?", COMPOSE.read_text(encoding="utf-8")))
    assert asked == set(given)
    with pytest.raises(MissingVariableError):
        interpolated(SERVICES["code"].environment["OUSPARK_DEV_DSN"], {})


def test_no_command_shows_a_secret_in_the_list_of_processes() -> None:
    for service in SERVICES.values():
        for part in service.definition.get("command", ()):
            assert not re.search(r"(?<!\$)\$\{?\w*PASSWORD", part)


def test_whoever_is_waited_for_exists_and_can_say_that_it_is_well() -> None:
    for service in SERVICES.values():
        for name, how in service.definition.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert SERVICES[name].health
    assert all(service.health for service in SERVICES.values())


def test_everything_comes_back_and_nothing_takes_the_whole_machine() -> None:
    for service in SERVICES.values():
        assert service.definition["restart"] == "unless-stopped"
        assert set(service.definition["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


@pytest.mark.parametrize("service", OURS.values(), ids=OURS)
def test_ours_may_do_as_little_as_possible(service: Service) -> None:
    assert service.definition["read_only"] is True
    assert service.definition["cap_drop"] == ["ALL"]
    assert service.definition["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "user", "pid", "devices"} & set(service.definition)
    assert not [it for it in service.volumes if "docker.sock" in it[0]]


@pytest.mark.parametrize("name", LOOK_ONLY)
def test_who_only_shows_or_plans_never_learns_where_the_data_is(name: str) -> None:
    assert set(SERVICES[name].environment) == {"OUSPARK_DAGSTER_DSN"}
    assert "env_file" not in SERVICES[name].definition
    assert [it[1] for it in SERVICES[name].volumes] == ["/var/lib/ouspark/dagster"]


def test_readers_can_change_nothing() -> None:
    reader = SERVICES["reader"]
    assert "--read-only" in reader.command
    assert [it[2:] for it in reader.volumes] == [["ro"]]
    assert "--read-only" not in SERVICES["webserver"].command


def test_databases_and_the_code_server_are_on_a_network_without_a_way_out() -> None:
    assert composed()["networks"]["inside"] == {"internal": True}
    for name in ("postgres", "valkey", "daemon"):
        assert SERVICES[name].definition["networks"] == ["inside"]
    published = set(SERVICES["webserver"].definition["networks"])
    published |= set(SERVICES["reader"].definition["networks"])
    assert published & set(SERVICES["code"].definition["networks"]) == {"inside"}


def test_networks_and_volumes_are_declared_and_used() -> None:
    file = composed()
    networks = {it for service in SERVICES.values() for it in service.definition["networks"]}
    assert networks == set(file["networks"])
    volumes = {it[0] for service in SERVICES.values() for it in service.volumes}
    named = {it for it in volumes if not it.startswith(".")}
    assert named == set(file["volumes"])
    assert all((ROOT / it).exists() for it in volumes - named)


def test_there_is_one_daemon_and_one_worker_that_scrapes_one_release_at_a_time() -> None:
    assert SERVICES["daemon"].definition["deploy"]["replicas"] == 1
    takers = [it for it in OURS.values() if SCRAPING_QUEUE in it.command]
    (scraper,) = takers
    assert scraper.definition["deploy"]["replicas"] == 1
    assert scraper.command[scraper.command.index("-c") + 1] == "1"


def test_every_setting_it_gives_is_one_that_is_known() -> None:
    known = variable_names()
    assert {name for _, name, _ in values() if name.startswith(PREFIX)} <= known


def test_an_address_elsewhere_takes_the_place_of_a_server_in_it() -> None:
    elsewhere = "postgresql://publisher:secret@db.example.org/postgres"
    given = dict.fromkeys(example(), "x") | {"OUSPARK_PROD_DSN": elsewhere}
    environment = SERVICES["code"].environment
    assert interpolated(environment["OUSPARK_PROD_DSN"], given) == elsewhere
    assert interpolated(environment["OUSPARK_DEV_DSN"], given) == (
        "postgresql://ouspark:x@postgres:5432/ouspark_dev?sslmode=disable"
    )
    assert interpolated(environment["OUSPARK_REDIS_URL"], given) == "redis://:x@valkey:6379/0"
