"""Failing lists of events are shrunk to the events that matter, and repeated from a file."""

import os
import random
import signal
import tempfile
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import click.testing
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouspark_assets_tests.chaos import __main__ as command
from ouspark_assets_tests.chaos.shrinking import read_steps, shrink_steps, write_steps
from ouspark_assets_tests.chaos.steps import Step, generate_steps

STEPS = list(islice(generate_steps(7), 40))
PLENTY = 10_000


def needs(*numbers: int) -> Callable[[Sequence[Step]], bool]:
    """Return a predicate that fails if all of these events happen, in the order of the seed."""
    return lambda steps: set(numbers) <= {step.number for step in steps}


@given(st.sets(st.integers(1, 40), min_size=1, max_size=6))
def test_only_the_events_that_matter_are_left(numbers: set[int]) -> None:
    left = shrink_steps(STEPS, needs(*numbers), PLENTY)
    assert [step.number for step in left] == sorted(numbers)


def test_one_event_among_many_is_found_in_few_trials() -> None:
    trials = 0

    def fails(steps: Sequence[Step]) -> bool:
        nonlocal trials
        trials += 1
        return needs(23)(steps)

    assert shrink_steps(STEPS, fails, PLENTY) == [STEPS[22]]
    assert trials <= 16


def test_the_trials_are_limited_and_the_best_list_so_far_is_returned() -> None:
    tried: list[Sequence[Step]] = []

    def fails(steps: Sequence[Step]) -> bool:
        tried.append(steps)
        return needs(3)(steps)

    left = shrink_steps(STEPS, fails, 2)
    assert len(tried) == 2
    assert STEPS[2] in left
    assert len(left) == 20


def test_the_result_of_an_unreliable_trial_has_failed_at_least_once() -> None:
    chance = random.Random(1)
    failed: list[list[Step]] = [STEPS]

    def fails(steps: Sequence[Step]) -> bool:
        is_failure = needs(11, 30)(steps) and chance.random() < 0.5
        if is_failure:
            failed.append(list(steps))
        return is_failure

    left = shrink_steps(STEPS, fails, PLENTY)
    assert left in failed
    assert needs(11, 30)(left)


def test_events_are_read_from_a_file_as_they_were_written(tmp_path: Path) -> None:
    write_steps(tmp_path / "events.json", STEPS)
    assert read_steps(tmp_path / "events.json") == STEPS


@pytest.mark.parametrize("content", ["", "{}", '[{"number": 1}]', '[{"kind": "no such kind"}]'])
def test_a_file_with_something_else_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "events.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=r"events\.json is not a list of events"):
        read_steps(file)


def test_the_command_shrinks_a_failing_trial_and_writes_the_events_that_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system is replaced: a trial breaks a promise if the second and the fifth event happen."""
    ran: list[list[int]] = []

    def run_trial(options: command.Options, steps: Sequence[Step]) -> command.Verdict:
        happened = list(islice(steps, options.events))
        ran.append([step.number for step in happened])
        broken = {"readers see whole publications"} if needs(2, 5)(happened) else set()
        return command.Verdict(happened, frozenset(broken), options.folder)

    monkeypatch.setattr(command, "run_trial", run_trial)
    # The command removes the project's variables, and handles SIGTERM.
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: str(tmp_path))
    invoke = click.testing.CliRunner().invoke
    done = invoke(command.main, ["--seed", "7", "--events", "8", "--shrink", "30"])
    assert done.exit_code == 1, done.output
    assert ran[0] == [1, 2, 3, 4, 5, 6, 7, 8]
    file = tmp_path / command.SHRUNK_FILE
    assert [step.number for step in read_steps(file)] == [2, 5]
    assert f"--replay {file}" in " ".join(done.output.split())
    ran.clear()
    assert invoke(command.main, ["--replay", str(file)]).exit_code == 1
    assert ran == [[2, 5]]
