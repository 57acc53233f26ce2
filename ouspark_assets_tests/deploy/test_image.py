"""The image as its Dockerfile describes it: small, without secrets, nobody's root."""

import re
from pathlib import Path

import pytest

from ouspark_assets_tests.deploy.deployment_files import (
    build_context,
    exec_form,
    instructions,
    is_sent,
    last_stage,
    of_last_stage,
)
from ouspark_assets_tests.support.pipeline import ROOT

LEAST_UID = 10_000
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|DSN|_KEY|BROKER|REDIS_URL", re.IGNORECASE)


def test_it_runs_as_a_user_without_rights_that_kubernetes_knows_by_number() -> None:
    (user,) = of_last_stage("USER")
    assert re.fullmatch(r"\d+:\d+", user)
    assert int(user.partition(":")[0]) >= LEAST_UID
    words = [word for word, _ in last_stage()]
    assert words.index("USER") > max(n for n, word in enumerate(words) if word in ("RUN", "COPY"))


def test_it_is_built_in_two_stages_from_a_slim_base_of_a_named_version() -> None:
    bases = [rest for word, rest in instructions() if word == "FROM"]
    assert len(bases) == 2
    assert all("-slim" in base and ":latest" not in base for base in bases)
    assert len({base.split()[0] for base in bases}) == 1


def test_only_what_was_installed_is_taken_over() -> None:
    assert of_last_stage("COPY") == ["--from=build /opt/ouspark /opt/ouspark"]
    assert "ADD" not in [word for word, _ in instructions()]


def test_dependencies_come_with_their_hashes_and_a_change_of_the_code_keeps_them() -> None:
    steps = [rest for word, rest in instructions() if word in ("COPY", "RUN")]
    whole, dependencies = steps.index(". ."), "sh deploy/install.sh dependencies /opt/ouspark"
    assert steps.index(dependencies) < whole
    installs = (ROOT / "deploy" / "install.sh").read_text(encoding="utf-8")
    for command in re.findall(r"pip\b[^\n]*install(?:[^\n\\]|\\\n)*", installs):
        assert "--require-hashes" in command or "--no-index" in command or "uninstall" in command


def test_nothing_secret_is_said_while_building() -> None:
    for word, rest in instructions():
        if word in ("ENV", "ARG"):
            assert not SECRET.search(rest)


def test_it_says_by_itself_whether_it_is_well() -> None:
    (check,), (command,) = of_last_stage("HEALTHCHECK"), of_last_stage("CMD")
    port = exec_form(command)[exec_form(command).index("-p") + 1]
    assert exec_form(check) == ["dagster", "api", "grpc-health-check", "-p", port]
    assert of_last_stage("EXPOSE") == [port]


@pytest.mark.parametrize(
    "name",
    [".env", "deploy/secrets.env", "deploy/settings.env", "ouspark_assets/.env", ".ouspark/lake"],
)
def test_secrets_beside_the_code_stay_outside(name: str) -> None:
    assert not is_sent(Path(name))


def test_what_is_needed_to_build_is_sent_and_no_tests() -> None:
    sent = {str(path) for path in build_context()}
    assert {"pyproject.toml", "requirements/celery.txt", "dagster.yaml"} <= sent
    assert "ouspark_assets/definitions.py" in sent
    assert not [
        it for it in sent if it.startswith(("ouspark_assets_tests", ".")) or "pycache" in it
    ]
