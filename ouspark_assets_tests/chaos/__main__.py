"""`python -m ouspark_assets_tests.chaos`: a pipeline of its own, tried hard, for a while.

The events and their order are the seed's; at which instant they strike is the machine's. Fails,
with what was broken, when any promise was.
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
from ouspark_assets_tests.chaos.disk import mount_alone
from ouspark_assets_tests.chaos.site_process import Population
from ouspark_assets_tests.chaos.steps import Kind
from ouspark_assets_tests.chaos.system_under_test import opened
from ouspark_assets_tests.chaos.tally import Tally
from ouspark_assets_tests.chaos.trial import Trial

WORST = "everything,outage:5"
LARGEST_SEED = 100_000
WIDTH = 120


@click.command()
@click.option("--seconds", type=click.FloatRange(min=1), default=600.0, show_default=True)
@click.option("--events", type=click.IntRange(min=1), help="End after so many events, if earlier.")
@click.option("--seed", type=int, help="Which events, which students (default: another each time).")
@click.option("--students", type=click.IntRange(min=30), default=2400, show_default=True)
@click.option("--faults", default=WORST, show_default=True, help="The bad days of the site.")
@click.option(
    "--only", multiple=True, type=click.Choice([kind.name for kind in Kind]), metavar="KIND",
    help="Only events of this kind (RUN_KILLED, DISK_FULL…); several may be named.",
)  # fmt: skip
@click.option("--keep", is_flag=True, help="Keep what the commands said, even if all is well.")
def main(
    *,
    seconds: float,
    events: int | None,
    seed: int | None,
    students: int,
    faults: str,
    only: tuple[str, ...],
    keep: bool,
) -> None:
    """Try to break the pipeline: a seeded sequence of kills, outages, full disks and the like.

    Everything runs under a temporary folder with servers of its own; nothing else is touched.
    """
    for name in [name for name in os.environ if name.startswith("OUSPARK_")]:
        del os.environ[name]
    seed = random.randrange(LARGEST_SEED) if seed is None else seed
    folder = Path(tempfile.mkdtemp(prefix=f"ouspark-chaos-{seed}-"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = _console()
    tally = Tally()
    try:
        with opened(Population(students, seed, faults), folder, tally) as scene:
            with _Watch(console, seconds) as watch:
                kinds = [Kind[name] for name in only]
                trial = Trial(scene, seed, seconds, events, kinds, watch.show)
                trial.go_through()
            trial.leave()
    finally:
        _tell(console, tally)
        again = f"--seed {seed} --students {students} --faults {faults}"
        again += "".join(f" --only {name}" for name in only)
        console.print(f"The same events again: python -m ouspark_assets_tests.chaos {again}")
    if keep or tally.violations:
        console.print(f"What the commands said: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if tally.violations else 0)


class _Watch(ProgressBars):
    """A bar over the time; a line for each event where there is no terminal."""

    def __init__(self, console: Console, seconds: float) -> None:
        super().__init__(console, BarColumn(), TimeElapsedColumn())
        self._seconds = seconds
        self._began = time.monotonic()
        self._task = self.bars.add_task("", total=seconds)

    def show(self, doing: str) -> None:
        """Something begins."""
        gone = time.monotonic() - self._began
        self.bars.update(self._task, completed=min(gone, self._seconds), description=doing)
        if not self.console.is_terminal:
            self.console.print(f"{gone:4.0f} s  {doing}")


def _tell(console: Console, tally: Tally) -> None:
    for table in tally.tables():
        console.print(table)
    broken = len(tally.violations)
    console.print(f"{broken} promises were broken." if broken else "Every promise was kept.")


def _console() -> Console:
    terminal = Console(highlight=False)
    return terminal if terminal.is_terminal else Console(highlight=False, width=WIDTH)


if __name__ == "__main__":
    mount_alone()
    main()
