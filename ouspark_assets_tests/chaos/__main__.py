"""`python -m ouspark_assets_tests.chaos`: a trial of a pipeline of its own under random faults.

The seed determines the events and their order; their exact time depends on the machine. Fails and
prints the violations if any invariant was broken.
"""

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, TimeElapsedColumn

from ouspark_assets.cli.output import ProgressBars
from ouspark_assets_tests.chaos.daemon_trial import VICTIMS, recovery_table, run_daemon_trial
from ouspark_assets_tests.chaos.disk import enter_mount_namespace
from ouspark_assets_tests.chaos.site_process import Population
from ouspark_assets_tests.chaos.steps import Kind
from ouspark_assets_tests.chaos.system_under_test import run_system
from ouspark_assets_tests.chaos.tally import Tally
from ouspark_assets_tests.chaos.trial import Trial

DEFAULT_FAULTS = "everything,outage:5"
MAX_SEED = 100_000
WIDTH = 120


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
    keep: bool,
) -> None:
    """Try to break the pipeline by a seeded sequence of kills, outages, full disks and the like.

    Everything runs in a temporary folder with servers of its own.
    """
    for name in [name for name in os.environ if name.startswith("OUSPARK_")]:
        del os.environ[name]
    seed = random.randrange(MAX_SEED) if seed is None else seed
    folder = Path(tempfile.mkdtemp(prefix=f"ouspark-chaos-{seed}-"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    if daemon:
        population = Population(students, seed, "none")
        recoveries = run_daemon_trial(population, folder, victims, console.print)
        console.print(recovery_table(recoveries))
        console.print(f"Output of the processes: {folder / 'ui.log'}")
        sys.exit(1 if any(each.problems for each in recoveries) else 0)
    tally = Tally()
    try:
        with run_system(Population(students, seed, faults), folder, tally) as system:
            with _TrialProgress(console, seconds) as progress:
                kinds = [Kind[name] for name in only]
                trial = Trial(system, seed, seconds, events, kinds, progress.show)
                trial.run()
            trial.shut_down()
    finally:
        for table in tally.tables():
            console.print(table)
        broken = len(tally.violations)
        console.print(f"{broken} promises were broken." if broken else "Every promise was kept.")
        options = f"--seed {seed} --students {students} --faults {faults}"
        options += "".join(f" --only {name}" for name in only)
        console.print(f"To repeat these events: python -m ouspark_assets_tests.chaos {options}")
    if keep or tally.violations:
        console.print(f"Output of the commands: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if tally.violations else 0)


class _TrialProgress(ProgressBars):
    """A progress bar over the time; without a terminal, one line per event."""

    def __init__(self, console: Console, seconds: float) -> None:
        super().__init__(console, BarColumn(), TimeElapsedColumn())
        self._seconds = seconds
        self._started = time.monotonic()
        self._task = self.bars.add_task("", total=seconds)

    def show(self, event: str) -> None:
        """Show that an event begins."""
        elapsed = time.monotonic() - self._started
        self.bars.update(self._task, completed=min(elapsed, self._seconds), description=event)
        if not self.console.is_terminal:
            self.console.print(f"{elapsed:4.0f} s  {event}")


if __name__ == "__main__":
    enter_mount_namespace()
    main()
