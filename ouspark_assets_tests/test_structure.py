"""The house as its plan says: who may import whom, and where Dagster is allowed."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ouspark_assets"
NAME = PACKAGE.name
# A room may import itself, what stands above it here, and the modules everybody shares.
ROOMS_BY_LEVEL = (
    ("domain",),
    ("schemas", "services", "standin"),
    ("logs",),
    ("site", "pages", "reference", "analytics", "warehouse"),
    ("cache",),
    ("explain", "report", "status", "alerts"),
    ("metrics",),
)
SHARED = {"errors", "settings", "plots", ""}
LEVELS = {room: level for level, rooms in enumerate(ROOMS_BY_LEVEL) for room in rooms}
PURE = ("analytics", "pages", "domain")
DOES_IO = {"httpx", "aiohttp", "psycopg", "redis", "obstore", "requests", "socket"}


def modules(*rooms: str) -> Iterator[Path]:
    for room in rooms:
        yield from sorted((PACKAGE / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The full names of what a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def rooms_imported(path: Path) -> set[str]:
    own = {name.removeprefix(NAME).lstrip(".") for name in imported(path) if _is_ours(name)}
    return {name.split(".")[0] for name in own}


def _is_ours(name: str) -> bool:
    return name == NAME or name.startswith(f"{NAME}.")


@pytest.mark.parametrize("room", LEVELS)
def test_a_room_knows_only_the_rooms_below_it(room: str) -> None:
    allowed = {room, *SHARED, *(other for other in LEVELS if LEVELS[other] < LEVELS[room])}
    strangers = {
        f"{path.relative_to(PACKAGE)} -> {other}"
        for path in modules(room)
        for other in rooms_imported(path) - allowed
    }
    assert not strangers


@pytest.mark.parametrize("room", LEVELS)
def test_no_room_imports_dagster(room: str) -> None:
    guilty = {
        str(path.relative_to(PACKAGE))
        for path in modules(room)
        for name in imported(path)
        if name.split(".")[0] in ("dagster", "dagster_postgres")
    }
    assert not guilty


def test_only_the_instance_storage_imports_the_internals_of_dagster() -> None:
    guilty = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for name in imported(path)
        if name.startswith("dagster._")
    }
    assert guilty <= {"instance_storage.py"}


@pytest.mark.parametrize("room", PURE)
def test_computing_and_reading_pages_do_no_io(room: str) -> None:
    guilty = {
        f"{path.relative_to(PACKAGE)} -> {name}"
        for path in modules(room)
        for name in imported(path)
        if name.split(".")[0] in DOES_IO
    }
    assert not guilty


def test_every_module_says_what_belongs_in_it() -> None:
    silent = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_the_graph_loads_in_a_fresh_interpreter_without_settings_or_servers(
    tmp_path: Path,
) -> None:
    program = (
        "import dagster as dg\n"
        "from ouspark_assets.definitions import defs\n"
        "dg.Definitions.validate_loadable(defs)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:ouspark_assets", "-c", program],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "OUSPARK_HOME": str(tmp_path / "h"),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "h").exists()
