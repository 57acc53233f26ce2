"""The image described by the Dockerfile is small, has no secrets and does not run as root."""

import re
from pathlib import Path

import pytest

from ouspark_assets_tests.deploy.deployment_files import (
    is_sent,
    last_stage_arguments,
    list_build_context,
    parse_exec_form,
    read_instructions,
    read_last_stage,
    read_services,
)
from ouspark_assets_tests.support.pipeline import ROOT

MIN_UID = 10_000
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|DSN|_KEY|BROKER|REDIS_URL", re.IGNORECASE)


def test_it_runs_as_an_unprivileged_user_with_a_numeric_id() -> None:
    (user,) = last_stage_arguments("USER")
    assert re.fullmatch(r"\d+:\d+", user)
    assert int(user.partition(":")[0]) >= MIN_UID
    words = [word for word, _ in read_last_stage()]
    assert words.index("USER") > max(n for n, word in enumerate(words) if word in ("RUN", "COPY"))


def test_it_is_built_in_two_stages_from_a_slim_base_with_a_version() -> None:
    bases = [rest for word, rest in read_instructions() if word == "FROM"]
    assert len(bases) == 2
    assert all("-slim" in base and ":latest" not in base for base in bases)
    assert len({base.split()[0] for base in bases}) == 1
    (version,) = (rest for word, rest in read_instructions() if word == "ARG")
    assert re.fullmatch(r"PYTHON=\d+\.\d+\.\d+", version)


def test_the_last_stage_copies_only_the_installed_files() -> None:
    assert last_stage_arguments("COPY") == ["--from=build /opt/ouspark /opt/ouspark"]
    assert "ADD" not in [word for word, _ in read_instructions()]


def test_dependencies_are_hash_checked_and_cached_when_the_code_changes() -> None:
    steps = [rest for word, rest in read_instructions() if word in ("COPY", "RUN")]
    whole, dependencies = steps.index(". ."), "sh deploy/install.sh dependencies /opt/ouspark"
    assert steps.index(dependencies) < whole
    installs = (ROOT / "deploy" / "install.sh").read_text(encoding="utf-8")
    for command in re.findall(r"pip\b[^\n]*install(?:[^\n\\]|\\\n)*", installs):
        assert "--require-hashes" in command or "--no-index" in command or "uninstall" in command


def test_the_build_uses_no_secret_variable() -> None:
    for word, rest in read_instructions():
        if word in ("ENV", "ARG"):
            assert not SECRET.search(rest)


def test_it_has_a_health_check_on_its_exposed_port() -> None:
    (check,), (command,) = last_stage_arguments("HEALTHCHECK"), last_stage_arguments("CMD")
    port = parse_exec_form(command)[parse_exec_form(command).index("-p") + 1]
    server = f"127.0.0.1:{port}"
    assert parse_exec_form(check) == ["ouspark", "health", "code", "--code-server", server]
    assert last_stage_arguments("EXPOSE") == [port]


def test_the_process_that_runs_user_code_is_the_one_that_is_restarted() -> None:
    (command,) = last_stage_arguments("CMD")
    assert parse_exec_form(command)[:3] == ["dagster", "api", "grpc"]
    assert read_services()["code"].command == parse_exec_form(command)


@pytest.mark.parametrize(
    "name",
    [".env", "deploy/secrets.env", "deploy/settings.env", "ouspark_assets/.env", ".ouspark/lake"],
)
def test_files_with_secrets_are_not_sent_to_docker(name: str) -> None:
    assert not is_sent(Path(name))


def test_the_files_for_the_build_are_sent_without_tests() -> None:
    sent = {str(path) for path in list_build_context()}
    assert {"pyproject.toml", "requirements/image.txt", "dagster.yaml"} <= sent
    assert "ouspark_assets/definitions.py" in sent
    assert not [
        name for name in sent if name.startswith(("ouspark_assets_tests", ".")) or "pycache" in name
    ]
