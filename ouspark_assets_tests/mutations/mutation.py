"""A mutation: a fault as a replacement of text in one file, and the tests that must notice it.

Reading the lists and applying a mutation belong here; running tests is in `trial.py`.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
PACKAGE, TESTS = "ouspark_assets", "ouspark_assets_tests"


class MutationError(Exception):
    """A mutation that cannot be tried as it is written."""


@dataclass(frozen=True)
class Mutation:
    """A fault: what is wrong in which file, the text it replaces, and the tests that notice it.

    `file` is relative to the package; `tests` are pytest node ids relative to the tests' folder.
    """

    group: str
    fault: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]

    def path(self, root: Path) -> Path:
        """Return the file to change in a copy of the repository."""
        return root / PACKAGE / self.file

    def node_ids(self) -> list[str]:
        """Return the tests as pytest takes them from the repository root."""
        return [f"{TESTS}/{test}" for test in self.tests]

    def mutated_source(self, root: Path = ROOT) -> str:
        """Return the file with the fault; raise MutationError unless it fits exactly once."""
        if not self.path(root).is_file():
            message = f"{self.file} does not exist"
            raise MutationError(message)
        source = self.path(root).read_text(encoding="utf-8")
        if (places := source.count(self.before)) != 1:
            message = f"{self.file} contains the text to replace {places} times instead of once"
            raise MutationError(message)
        mutated = source.replace(self.before, self.after)
        if mutated == source:
            message = "the replacement changes nothing"
            raise MutationError(message)
        if self.file.endswith(".py"):
            try:
                ast.parse(mutated)
            except SyntaxError as error:
                message = f"{self.file} is not valid Python with the fault: {error}"
                raise MutationError(message) from error
        return mutated

    def missing_tests(self, root: Path = ROOT) -> list[str]:
        """Return the named tests that do not exist."""
        missing = []
        for test in self.tests:
            file, _, name = test.partition("::")
            path = root / TESTS / file
            if not path.is_file() or (name and name not in _test_functions(path)):
                missing.append(test)
        return missing


def read_mutations() -> Sequence[Mutation]:
    """Return every mutation of the lists in this folder."""
    return [
        Mutation(group=path.stem, **entry | {"tests": tuple(entry["tests"])})
        for path in sorted(FOLDER.glob("*.yaml"))
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


@cache
def _test_functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
