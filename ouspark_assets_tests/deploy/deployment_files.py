"""compose.yaml, Dockerfile and .dockerignore as values that tests can ask, read without Docker."""

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ouspark_assets_tests.support.pipeline import ROOT

COMPOSE = ROOT / "compose.yaml"
OURS = "ouspark"
# The innermost ${NAME}, ${NAME:-default} or ${NAME:?message}.
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^${}]*))?\}")
NEVER_IN_A_CONTEXT = {".git", ".venv", ".venv-bench", ".ouspark"}


class MissingVariableError(Exception):
    """A variable that compose.yaml insists on has no value."""


@dataclass(frozen=True)
class Service:
    """A service of compose.yaml."""

    name: str
    definition: Mapping[str, Any]

    @property
    def is_ours(self) -> bool:
        """Whether it runs our image."""
        return bool(self.definition["image"] == OURS)

    @property
    def command(self) -> list[str]:
        """What it executes."""
        return list(self.definition["command"])

    @property
    def environment(self) -> dict[str, str]:
        """Its variables, not yet interpolated."""
        return dict(self.definition.get("environment", {}))

    @property
    def volumes(self) -> list[list[str]]:
        """Its volumes: source, target, mode."""
        return [it.split(":") for it in self.definition.get("volumes", ())]

    @property
    def health(self) -> list[str]:
        """The command that says whether it is well."""
        kind, *command = self.definition["healthcheck"]["test"]
        return ["sh", "-c", *command] if kind == "CMD-SHELL" else command


def composed() -> dict[str, Any]:
    """The whole file, anchors resolved."""
    read: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return read


def services() -> dict[str, Service]:
    """Every service by its name."""
    return {name: Service(name, it) for name, it in composed()["services"].items()}


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """A value as compose hands it over; what it insists on must be there."""

    def value(found: re.Match[str]) -> str:
        given = variables.get(found["name"], "")
        if not given and found["kind"] == "?":
            raise MissingVariableError(found["name"])
        return given or (found["rest"] or "" if found["kind"] == "-" else "")

    done = VARIABLE.sub(value, text)
    return done if done == text else interpolated(done, variables)


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile: keyword and the rest, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [it for it in text.splitlines() if not it.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [(word, rest) for word, _, rest in (it.partition(" ") for it in joined) if word]


def of_last_stage(word: str) -> list[str]:
    """What the last stage of the Dockerfile says by this keyword."""
    return [rest for keyword, rest in last_stage() if keyword == word]


def last_stage() -> list[tuple[str, str]]:
    """The instructions of what becomes the image."""
    steps = instructions()
    return steps[max(n for n, (word, _) in enumerate(steps) if word == "FROM") :]


def exec_form(rest: str) -> list[str]:
    """An instruction's arguments in exec form, the only one that signals get through."""
    found: list[str] = json.loads(rest[rest.index("[") :])
    return found


def build_context() -> Iterator[Path]:
    """The files that `docker build` is sent, relative to the root."""
    for path in _files(ROOT):
        if is_sent(path.relative_to(ROOT)):
            yield path.relative_to(ROOT)


def is_sent(path: Path) -> bool:
    """Whether a file of this name would be sent: the last pattern that matches decides."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [it for it in lines if it and not it.startswith("#")]
    deciding = [it for it in patterns if _matches(path, it.removeprefix("!"))]
    return not deciding or deciding[-1].startswith("!")


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and path.name not in NEVER_IN_A_CONTEXT:
            yield from _files(path)
        elif path.is_file():
            yield path


def _matches(path: Path, pattern: str) -> bool:
    """Whether a pattern takes a file in or out: it, or a folder above it."""
    anywhere = pattern.startswith("**/")
    for part in (path, *path.parents[:-1]):
        if fnmatch.fnmatch(part.name if anywhere else str(part), pattern.removeprefix("**/")):
            return True
    return False
