"""The progress of scrapes: a bar in a terminal, a plain line now and then without one."""

import time

import click
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ouspark_assets.cli.output import ProgressBars, console
from ouspark_assets.sources.results_site.scrape_report import ScrapeProgress as Snapshot

SECONDS_BETWEEN_LINES = 5.0


class ScrapeProgress(ProgressBars):
    """Shows the snapshots of one scrape after the other."""

    def __init__(self) -> None:
        super().__init__(
            console(),
            BarColumn(bar_width=None),
            TextColumn(
                "{task.fields[found]} found  {task.fields[missing]} missing  "
                "{task.fields[failed]} failed  {task.fields[rate]}/s"
            ),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._tasks: dict[str, TaskID] = {}
        self._last_line = time.monotonic()

    def show(self, snapshot: Snapshot) -> None:
        """Show how far a scrape is."""
        if self.console.is_terminal:
            self._move_bar(snapshot)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            click.echo(
                f"{snapshot.release}: {snapshot.requests} of about {snapshot.expected} requests, "
                f"{snapshot.found} found, {_missing(snapshot)} missing, {snapshot.failed} failed, "
                f"{snapshot.per_second:.0f}/s" + (" (the site is down)" * snapshot.site_is_down)
            )

    def _move_bar(self, snapshot: Snapshot) -> None:
        if snapshot.release not in self._tasks:
            for task in self._tasks.values():
                self.bars.update(task, visible=False)
            self._tasks[snapshot.release] = self.bars.add_task("", total=None)
        state = " [red]site is down[/]" if snapshot.site_is_down else ""
        self.bars.update(
            self._tasks[snapshot.release],
            description=f"Scraping {snapshot.release}{state}",
            completed=snapshot.requests,
            total=max(snapshot.expected, snapshot.requests),
            found=snapshot.found,
            missing=_missing(snapshot),
            failed=snapshot.failed,
            rate=f"{snapshot.per_second:.0f}",
        )


def _missing(snapshot: Snapshot) -> int:
    return snapshot.not_found + snapshot.no_change
