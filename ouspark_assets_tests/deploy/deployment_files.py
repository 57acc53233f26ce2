"""compose.yaml, Dockerfile and .dockerignore, parsed without Docker.

Starting the services is in `local_deployment`.
"""

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from ouspark_assets_tests.support.pipeline import ROOT

COMPOSE = ROOT / "compose.yaml"
IMAGE = f"ouspark:{version('ouspark-assets')}"
# Matches the innermost ${NAME}, ${NAME:-default} or ${NAME:?message}.
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^${}]*))?\}")
SKIPPED_FOLDERS = {".git", ".venv", ".venv-bench", ".ouspark"}


class MissingVariableError(Exception):
    """A variable that compose.yaml requires has no value."""


@dataclass(frozen=True)
class Service:
    """A service of compose.yaml."""

    name: str
    definition: Mapping[str, Any]

    @property
    def has_own_image(self) -> bool:
        """Whether it runs the image of this repository."""
        return bool(self.definition["image"] == IMAGE)

    @property
    def command(self) -> list[str]:
        """Its command."""
        return list(self.definition["command"])

    @property
    def environment(self) -> dict[str, str]:
        """Its environment variables, before interpolation."""
        return dict(self.definition.get("environment", {}))

    @property
    def volumes(self) -> list[list[str]]:
        """Its volumes: source, target, mode."""
        return [volume.split(":") for volume in self.definition.get("volumes", ())]

    @property
    def health(self) -> list[str]:
        """The command of its health check."""
        kind, *command = self.definition["healthcheck"]["test"]
        return ["sh", "-c", *command] if kind == "CMD-SHELL" else command


def read_compose_file() -> dict[str, Any]:
    """Return compose.yaml with its anchors resolved."""
    content: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return content


def read_services() -> dict[str, Service]:
    """Return the services by name."""
    services = read_compose_file()["services"]
    return {name: Service(name, definition) for name, definition in services.items()}


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with its variables replaced as compose does it.

    Raise MissingVariableError if a required one has no value.
    """

    def replace(found: re.Match[str]) -> str:
        given = variables.get(found["name"], "")
        if not given and found["kind"] == "?":
            raise MissingVariableError(found["name"])
        return given or (found["rest"] or "" if found["kind"] == "-" else "")

    done = VARIABLE.sub(replace, text)
    return done if done == text else interpolate(done, variables)


def read_instructions() -> list[tuple[str, str]]:
    """Return the keyword and arguments of each instruction of the Dockerfile."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined) if word]


def last_stage_arguments(word: str) -> list[str]:
    """Return the arguments of the last stage's instructions with this keyword."""
    return [rest for keyword, rest in read_last_stage() if keyword == word]


def read_last_stage() -> list[tuple[str, str]]:
    """Return the instructions of the last stage, which becomes the image."""
    steps = read_instructions()
    return steps[max(n for n, (word, _) in enumerate(steps) if word == "FROM") :]


def parse_exec_form(rest: str) -> list[str]:
    """Return the words of arguments in exec form, the only form that passes signals on."""
    found: list[str] = json.loads(rest[rest.index("[") :])
    return found


def list_build_context() -> Iterator[Path]:
    """Yield the files that `docker build` sends, relative to the root."""
    for path in _files(ROOT):
        if is_sent(path.relative_to(ROOT)):
            yield path.relative_to(ROOT)


def is_sent(path: Path) -> bool:
    """Return whether `docker build` sends this file: the last matching pattern decides."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    matching = [each for each in patterns if _matches(path, each.removeprefix("!"))]
    return not matching or matching[-1].startswith("!")


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and path.name not in SKIPPED_FOLDERS:
            yield from _files(path)
        elif path.is_file():
            yield path


def _matches(path: Path, pattern: str) -> bool:
    """Return whether a pattern matches a file or a folder above it."""
    is_recursive = pattern.startswith("**/")
    return any(
        fnmatch.fnmatch(part.name if is_recursive else str(part), pattern.removeprefix("**/"))
        for part in (path, *path.parents[:-1])
    )
