"""The lists of hand-made faults fit the code, and a trial tells noticed from surviving faults.

Trying all of them takes minutes: `make mutate`.
"""

from collections import Counter
from pathlib import Path

import pytest

from ouspark_assets_tests.mutations.mutation import Mutation, MutationError, read_mutations
from ouspark_assets_tests.mutations.trial import Verdict, try_mutation
from ouspark_assets_tests.support.structure import PACKAGE

MUTATIONS = read_mutations()
GROUPS = sorted({mutation.group for mutation in MUTATIONS})
PACKAGES = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


@pytest.mark.parametrize("group", GROUPS)
def test_every_fault_fits_the_present_code_and_names_existing_tests(group: str) -> None:
    problems = []
    for mutation in MUTATIONS:
        if mutation.group != group:
            continue
        problems += [f"{mutation.fault} No test {test}." for test in mutation.missing_tests()]
        try:
            mutation.mutated_source()
        except MutationError as error:
            problems.append(f"{mutation.fault} {error}.")
    assert problems == []


def test_every_package_has_a_list_of_faults_of_its_own() -> None:
    assert set(GROUPS) == PACKAGES
    assert {mutation.file.split("/")[0] for mutation in MUTATIONS} == PACKAGES
    assert all(mutation.file.startswith(f"{mutation.group}/") for mutation in MUTATIONS)
    assert len(MUTATIONS) >= 80


def test_no_fault_is_listed_twice() -> None:
    counts = Counter((mutation.file, mutation.before, mutation.after) for mutation in MUTATIONS)
    assert [fault for fault, count in counts.items() if count > 1] == []


TEST_OF_DOUBLE = """
from {package}.double import double

def test_double():
    assert double({value}) == {result}
"""


@pytest.mark.full
@pytest.mark.parametrize(
    ("value", "verdict"), [(2, Verdict.SURVIVED), (3, Verdict.NOTICED)], ids=["2", "3"]
)
def test_a_fault_survives_if_the_tests_pass_in_spite_of_it(
    tmp_path: Path, value: int, verdict: Verdict
) -> None:
    package, tests = tmp_path / "ouspark_assets", tmp_path / "ouspark_assets_tests"
    package.mkdir()
    tests.mkdir()
    (package / "__init__.py").touch()
    (package / "double.py").write_text("def double(value):\n    return 2 * value\n")
    program = TEST_OF_DOUBLE.format(package=package.name, value=value, result=2 * value)
    (tests / "test_double.py").write_text(program)
    fault = Mutation(
        "double", "Squares.", "double.py", "2 * value", "value**2", ("test_double.py::test_double",)
    )
    assert fault.missing_tests(tmp_path) == []
    assert try_mutation(fault, tmp_path).verdict is verdict
    assert (package / "double.py").read_text() == "def double(value):\n    return 2 * value\n"


@pytest.mark.parametrize("before", ["3 * value", "e"], ids=["absent", "ambiguous"])
def test_a_fault_that_does_not_fit_is_neither_noticed_nor_survived(
    tmp_path: Path, before: str
) -> None:
    (tmp_path / "ouspark_assets").mkdir()
    (tmp_path / "ouspark_assets" / "double.py").write_text("def double(value): return 2 * value")
    fault = Mutation("double", "Triples.", "double.py", before, "x", ("test_double.py",))
    assert try_mutation(fault, tmp_path).verdict is Verdict.BROKEN
    assert fault.missing_tests(tmp_path) == ["test_double.py"]
