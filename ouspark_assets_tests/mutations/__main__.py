"""`python -m ouspark_assets_tests.mutations`: try every hand-made fault; fail if one survives.

First the named tests run without a fault, since a test that fails anyway notices nothing.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

import click

from ouspark_assets.cli.output import show_table
from ouspark_assets_tests.mutations.mutation import Mutation, read_mutations
from ouspark_assets_tests.mutations.trial import (
    BASELINE_TIMEOUT,
    MAX_OUTPUT,
    Trial,
    Verdict,
    copy_of_repository,
    run_tests,
    try_mutation,
)


@click.command()
@click.option(
    "--only", multiple=True, metavar="TEXT",
    help="Only faults whose package, file or description contains TEXT; repeatable.",
)  # fmt: skip
@click.option(
    "--jobs", type=click.IntRange(min=1), default=min(2, os.cpu_count() or 1), show_default=True,
    help="Faults that are tried at the same time.",
)  # fmt: skip
def main(only: tuple[str, ...], jobs: int) -> None:
    """Put each fault into a copy of the code and run the tests that must notice it."""
    chosen = [mutation for mutation in read_mutations() if _matches(mutation, only)]
    if not chosen:
        sys.exit("No fault matches.")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ouspark-mutate-") as folder, ExitStack() as stack:
        copies = []
        for number in range(jobs):
            path = Path(folder) / str(number)
            copies.append(stack.enter_context(copy_of_repository(path)))
        _require_passing_tests(chosen, copies[0], jobs)
        trials = _try_all(chosen, copies)
    _show_summary(trials, time.monotonic() - started)
    sys.exit(any(trial.verdict is not Verdict.NOTICED for trial in trials))


def _matches(mutation: Mutation, texts: tuple[str, ...]) -> bool:
    described = f"{mutation.group} {mutation.file} {mutation.fault}"
    return not texts or any(text in described for text in texts)


def _require_passing_tests(mutations: Sequence[Mutation], root: Path, jobs: int) -> None:
    node_ids = sorted({node_id for mutation in mutations for node_id in mutation.node_ids()})
    click.echo(f"Running {len(node_ids)} tests without a fault.")
    code, output = run_tests(node_ids, root, timeout=BASELINE_TIMEOUT, processes=jobs)
    if code != 0:
        click.echo(output[-MAX_OUTPUT:])
        sys.exit("The tests must pass without a fault first.")


def _try_all(mutations: Sequence[Mutation], copies: Sequence[Path]) -> list[Trial]:
    free: SimpleQueue[Path] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def attempt(mutation: Mutation) -> Trial:
        copy = free.get()
        try:
            return try_mutation(mutation, copy)
        finally:
            free.put(copy)

    trials = []
    with ThreadPoolExecutor(len(copies)) as pool:
        for future in as_completed([pool.submit(attempt, mutation) for mutation in mutations]):
            trial = future.result()
            trials.append(trial)
            click.echo(
                f"[{len(trials):>3}/{len(mutations)}] {trial.verdict.value:<8} "
                f"{trial.seconds:5.1f} s  {trial.mutation.file}: {trial.mutation.fault}",
            )
            if trial.detail:
                click.echo(trial.detail)
    return trials


def _show_summary(trials: Sequence[Trial], seconds: float) -> None:
    counts = Counter((trial.mutation.group, trial.verdict) for trial in trials)
    groups = sorted({trial.mutation.group for trial in trials})
    show_table(
        "Faults",
        [
            {"package": group, **{str(verdict): counts[group, verdict] for verdict in Verdict}}
            for group in groups
        ],
        right=tuple(map(str, Verdict)),
    )
    noticed = sum(trial.verdict is Verdict.NOTICED for trial in trials)
    click.echo(f"{noticed} of {len(trials)} faults were noticed, in {seconds:.0f} s.")
    for trial in trials:
        if trial.verdict is not Verdict.NOTICED:
            click.echo(f"{trial.verdict.value}: {trial.mutation.file}: {trial.mutation.fault}")


main()
