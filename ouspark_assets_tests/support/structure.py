"""The structure of the package as its source says: modules, imports, and the levels of packages.

Used by the structure test and by the drawing in ARCHITECTURE.md. Nothing is imported from the
package: files are read as text.
"""

import ast
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "ouspark_assets"
NAME = PACKAGE.name
# Top to bottom. A package or top-level module may import itself and everything on a lower level.
LEVELS = (
    ("cli", "definitions"),
    ("bench", "orchestration"),
    ("operations", "pipeline"),
    ("cache", "reports", "services", "sources"),
    ("analytics", "pages", "standin", "warehouse"),
    ("schemas", "settings"),
    ("domain",),
)


@cache
def module_paths() -> Mapping[str, Path]:
    """Every module of the package by its dotted name."""
    paths = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return paths


@cache
def imported_names(module: str) -> frozenset[str]:
    """The full names of what a module imports; `from a import b` gives `a` and `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module_paths()[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def own_imports(module: str) -> set[str]:
    """The modules of this project that a module imports."""
    return {name for name in imported_names(module) if name in module_paths()} - {NAME, module}


def imported_libraries(module: str) -> set[str]:
    """The first part of every name that a module imports."""
    return {name.split(".")[0] for name in imported_names(module)}


def top_level(module: str) -> str:
    """The package or top-level module that a module belongs to; empty for the package itself."""
    return module.split(".")[1] if "." in module else ""


def modules_of(packages: Iterable[str]) -> list[str]:
    """The modules of these top-level packages."""
    chosen = set(packages)
    return [module for module in module_paths() if top_level(module) in chosen]


def package_imports() -> dict[str, set[str]]:
    """Which packages each top-level package imports."""
    packages = [package for level in LEVELS for package in level]
    return {
        package: {
            top_level(imported)
            for module in modules_of([package])
            for imported in own_imports(module)
        }
        - {package}
        for package in packages
    }


def docstring(module: str) -> str:
    """The docstring of a module, empty without one."""
    return ast.get_docstring(ast.parse(module_paths()[module].read_text(encoding="utf-8"))) or ""
