"""`python -m ouspark_assets_tests.chaos`: a trial of a pipeline of its own under random faults.

The seed determines the events and their order; their exact time depends on the machine. Fails and
prints the violations if any invariant was broken; `--shrink` then looks for fewer events that
break it, and `--replay` repeats these.
"""

import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, TimeElapsedColumn

from ouspark_assets.cli.output import ProgressBars
from ouspark_assets_tests.chaos.daemon_trial import VICTIMS, recovery_table, run_daemon_trial
from ouspark_assets_tests.chaos.disk import enter_mount_namespace
from ouspark_assets_tests.chaos.shrinking import read_steps, shrink_steps, write_steps
from ouspark_assets_tests.chaos.site_process import Population
from ouspark_assets_tests.chaos.steps import Kind, Step, generate_steps
from ouspark_assets_tests.chaos.system_under_test import run_system
from ouspark_assets_tests.chaos.tally import Tally
from ouspark_assets_tests.chaos.trial import Trial

DEFAULT_FAULTS = "everything,outage:5"
MAX_SEED = 100_000
WIDTH = 120
PROGRAM = "python -m ouspark_assets_tests.chaos"
SHRUNK_FILE = "events.json"


@dataclass(frozen=True)
class Options:
    """The options of one trial, and the folder of its files."""

    population: Population
    seconds: float
    events: int | None
    folder: Path
    console: Console


@dataclass(frozen=True)
class Verdict:
    """The events of a trial that happened, the invariants that were broken, and its folder."""

    happened: list[Step]
    broken: frozenset[str]
    folder: Path


@click.command()
@click.option("--seconds", type=click.FloatRange(min=1), default=600.0, show_default=True)
@click.option(
    "--events", type=click.IntRange(min=1), help="End after this number of events, if earlier."
)
@click.option("--seed", type=int, help="Determines events and students (default: random).")
@click.option("--students", type=click.IntRange(min=30), default=2400, show_default=True)
@click.option(
    "--faults", default=DEFAULT_FAULTS, show_default=True, help="Fault profiles of the site."
)
@click.option(
    "--only", multiple=True, type=click.Choice([kind.name for kind in Kind]), metavar="KIND",
    help="Only events of this kind (RUN_KILLED, DISK_FULL…); repeatable.",
)  # fmt: skip
@click.option(
    "--daemon",
    is_flag=True,
    help="Run the whole stack as `make ui` does, kill each process in turn, and measure how long "
    "recovery takes.",
)
@click.option(
    "--victim",
    "victims",
    multiple=True,
    type=click.Choice([victim.name for victim in VICTIMS]),
    metavar="NAME",
    help="With --daemon: kill only this process; repeatable.",
)
@click.option(
    "--replay", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Repeat the events of a file that --shrink wrote, whatever time that takes.",
)  # fmt: skip
@click.option(
    "--shrink", type=click.IntRange(min=1), metavar="TRIALS",
    help="If an invariant was broken, look for fewer events that break it, in as many trials.",
)  # fmt: skip
@click.option(
    "--keep", is_flag=True, help="Keep the output of the commands even if no invariant was broken."
)
def main(
    *,
    seconds: float,
    events: int | None,
    seed: int | None,
    students: int,
    faults: str,
    only: tuple[str, ...],
    daemon: bool,
    victims: tuple[str, ...],
    replay: Path | None,
    shrink: int | None,
    keep: bool,
) -> None:
    """Try to break the pipeline by a seeded sequence of kills, outages, full disks and the like.

    Everything runs in a temporary folder with servers of its own.
    """
    for name in [name for name in os.environ if name.startswith("OUSPARK_")]:
        del os.environ[name]
    try:
        steps = None if replay is None else read_steps(replay)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    seed = random.randrange(MAX_SEED) if seed is None else seed
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = _open_console()
    if daemon:
        folder = Path(tempfile.mkdtemp(prefix=f"ouspark-chaos-{seed}-"))
        population = Population(students, seed, "none")
        recoveries = run_daemon_trial(population, folder, victims, console.print)
        console.print(recovery_table(recoveries))
        console.print(f"Output of the processes: {folder / 'ui.log'}")
        sys.exit(1 if any(each.problems for each in recoveries) else 0)
    population = Population(students, seed, faults)
    repeat = f"--seed {seed} --students {students} --faults {faults}"

    def options(limit: float = math.inf, number: int | None = None) -> Options:
        folder = Path(tempfile.mkdtemp(prefix=f"ouspark-chaos-{seed}-"))
        return Options(population, limit, number, folder, console)

    def fails(part: Sequence[Step]) -> bool:
        console.print(f"Shrinking: the same with {len(part)} events.")
        again = run_trial(options(), part)
        # Another broken invariant would be another fault.
        return bool(again.broken & verdict.broken)

    if steps is None:
        verdict = run_trial(
            options(seconds, events), generate_steps(seed, [Kind[name] for name in only])
        )
        kinds = "".join(f" --only {name}" for name in only)
        console.print(f"To repeat these events: {PROGRAM} {repeat}{kinds}")
    else:
        verdict = run_trial(options(), steps)
    if verdict.broken and shrink is not None:
        left = shrink_steps(verdict.happened, fails, shrink)
        file = verdict.folder / SHRUNK_FILE
        write_steps(file, left)
        for step in left:
            console.print(str(step))
        console.print(f"To repeat these {len(left)} events: {PROGRAM} {repeat} --replay {file}")
    if keep or verdict.broken:
        console.print(f"Output of the commands: {verdict.folder}")
    else:
        shutil.rmtree(verdict.folder, ignore_errors=True)
    sys.exit(1 if verdict.broken else 0)


def run_trial(options: Options, steps: Iterable[Step]) -> Verdict:
    """Let events happen to a new system; print the counts and the violations."""
    console, tally = options.console, Tally()
    happened: list[Step] = []
    try:
        with run_system(options.population, options.folder, tally) as system:
            with _TrialProgress(console, options.seconds) as progress:
                limited = islice(steps, options.events)
                trial = Trial(system, limited, options.seconds, progress.show)
                happened = trial.run()
            trial.shut_down()
    finally:
        for table in tally.tables():
            console.print(table)
        broken = len(tally.violations)
        console.print(f"{broken} promises were broken." if broken else "Every promise was kept.")
    return Verdict(happened, frozenset(each.invariant for each in tally.violations), options.folder)


def _open_console() -> Console:
    """Return the console; lines do not depend on a terminal's width if there is none."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


class _TrialProgress(ProgressBars):
    """A progress bar over the time; without a terminal, one line per event."""

    def __init__(self, console: Console, seconds: float) -> None:
        super().__init__(console, BarColumn(), TimeElapsedColumn())
        self._seconds = seconds
        self._started = time.monotonic()
        self._task = self.bars.add_task("", total=seconds if math.isfinite(seconds) else None)

    def show(self, event: str) -> None:
        """Show that an event begins."""
        elapsed = time.monotonic() - self._started
        self.bars.update(self._task, completed=min(elapsed, self._seconds), description=event)
        if not self.console.is_terminal:
            self.console.print(f"{elapsed:4.0f} s  {event}")


if __name__ == "__main__":
    enter_mount_namespace()
    main()
