"""Shrinking: the fewest events of a failing trial that still fail, by delta debugging.

Lists in, lists out: a trial is a function that says whether a list of events fails. The lists are
also read from and written to files here, so that a trial can be repeated without its seed.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ouspark_assets_tests.chaos.steps import Step

STEPS: TypeAdapter[list[Step]] = TypeAdapter(list[Step])
Fails = Callable[[Sequence[Step]], bool]


def shrink_steps(steps: Sequence[Step], fails: Fails, max_trials: int) -> list[Step]:
    """Return a part of a failing list, in the same order, that still fails.

    Tries to leave out halves, then quarters, and so on down to single events. With enough trials,
    no single event of the result can be left out. A trial that fails only sometimes may end with
    more events than necessary, never with a list that has not failed.
    """
    failing, trials, size = list(steps), 0, max(1, len(steps) // 2)
    while True:
        start, is_smaller = 0, False
        while start < len(failing) and len(failing) > 1:
            if trials == max_trials:
                return failing
            left = failing[:start] + failing[start + size :]
            if not left:
                break
            trials += 1
            if fails(left):
                failing, is_smaller = left, True
            else:
                start += size
        if size == 1 and not is_smaller:
            return failing
        size = max(1, size // 2)


def write_steps(path: Path, steps: Sequence[Step]) -> None:
    """Write events as JSON, for `--replay`."""
    path.write_bytes(STEPS.dump_json(list(steps), indent=1))


def read_steps(path: Path) -> list[Step]:
    """Return the events of such a file; raise ValueError if it holds something else."""
    try:
        return STEPS.validate_json(path.read_bytes())
    except ValidationError as error:
        message = f"{path} is not a list of events: {error.errors()[0]['msg']}"
        raise ValueError(message) from error
