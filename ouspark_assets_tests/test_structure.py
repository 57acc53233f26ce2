"""The structure of the code base: which package may import which, and where Dagster is allowed."""

import os
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from ouspark_assets_tests.support.structure import (
    LEVELS,
    NAME,
    PACKAGE,
    docstring,
    imported_libraries,
    imported_names,
    module_paths,
    modules_of,
    own_imports,
    top_level,
)

MAX_ENTRIES = 18
NOT_COUNTED = {"__init__.py", "__pycache__", "py.typed", "defs"}
MAY_IMPORT_DAGSTER = {"orchestration", "cli"}
DOES_NO_IO = ("analytics", "pages", "domain")
IO_LIBRARIES = {"httpx", "aiohttp", "psycopg", "redis", "obstore", "requests", "socket"}


def test_there_are_at_most_eighteen_packages_and_each_has_a_level() -> None:
    entries = {path.name for path in PACKAGE.iterdir()} - NOT_COUNTED
    assert len(entries) <= MAX_ENTRIES
    assert {entry.removesuffix(".py") for entry in entries} == {
        package for level in LEVELS for package in level
    }


@pytest.mark.parametrize("package", [package for level in LEVELS for package in level])
def test_a_package_imports_only_packages_of_lower_levels(package: str) -> None:
    level = next(number for number, packages in enumerate(LEVELS) if package in packages)
    allowed = {package, *(lower for packages in LEVELS[level + 1 :] for lower in packages)}
    assert not {
        f"{module} -> {imported}"
        for module in modules_of([package])
        for imported in own_imports(module)
        if top_level(imported) not in allowed
    }


def test_no_module_is_part_of_an_import_cycle() -> None:
    graph = {module: own_imports(module) for module in module_paths()}
    # A package whose __init__ re-exports its own modules does not make them a cycle.
    for module, imports in graph.items():
        graph[module] = {name for name in imports if not module.startswith(f"{name}.")}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_only_orchestration_and_the_command_line_import_dagster() -> None:
    assert not {
        module
        for module in module_paths()
        for library in imported_libraries(module)
        if library.startswith("dagster") and top_level(module) not in MAY_IMPORT_DAGSTER
    }


def test_only_the_instance_storage_imports_the_internals_of_dagster() -> None:
    guilty = {
        module
        for module in module_paths()
        for name in imported_names(module)
        if name.startswith("dagster._")
    }
    assert guilty <= {
        f"{NAME}.orchestration.storage.instance_storage",
        f"{NAME}.orchestration.storage.protected_instance",
    }


@pytest.mark.parametrize("package", DOES_NO_IO)
def test_computing_and_reading_pages_do_no_io(package: str) -> None:
    assert not {
        f"{module} -> {library}"
        for module in modules_of([package])
        for library in imported_libraries(module) & IO_LIBRARIES
    }


def test_every_module_has_a_docstring() -> None:
    without = [module for module in module_paths() if not docstring(module)]
    assert not without


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
