"""The progress of scrapes: a bar in a terminal, elsewhere a line of text every few seconds."""

import time

import click
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ouspark_assets.cli.output import ProgressBars, console
from ouspark_assets.sources.results_site.scrape_report import ScrapeProgress

LINE_INTERVAL = 5.0


class ScrapeProgressBar(ProgressBars):
    """Shows the progress of the scrapes of a run, one after the other."""

    def __init__(self) -> None:
        super().__init__(
            console(),
            BarColumn(bar_width=None),
            TextColumn(
                "{task.fields[found]} found  {task.fields[missing]} missing  "
                "{task.fields[no_result]} without result  "
                "{task.fields[failed]} failed  {task.fields[rate]}/s"
            ),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._tasks: dict[str, TaskID] = {}
        self._last_line = time.monotonic()

    def show(self, progress: ScrapeProgress) -> None:
        """Show the progress of a scrape."""
        if self.console.is_terminal:
            self._move_bar(progress)
        elif time.monotonic() - self._last_line >= LINE_INTERVAL:
            self._last_line = time.monotonic()
            click.echo(
                f"{progress.release}: {progress.requests} of about {progress.expected} requests, "
                f"{progress.found} found, {_missing(progress)} missing, "
                f"{progress.no_result} without a result, {progress.failed} failed, "
                f"{progress.per_second:.0f}/s" + (" (the site is down)" * progress.site_is_down)
            )

    def _move_bar(self, progress: ScrapeProgress) -> None:
        if progress.release not in self._tasks:
            for task in self._tasks.values():
                self.bars.update(task, visible=False)
            self._tasks[progress.release] = self.bars.add_task("", total=None)
        state = " [red]site is down[/]" if progress.site_is_down else ""
        self.bars.update(
            self._tasks[progress.release],
            description=f"Scraping {progress.release}{state}",
            completed=progress.requests,
            total=max(progress.expected, progress.requests),
            found=progress.found,
            missing=_missing(progress),
            no_result=progress.no_result,
            failed=progress.failed,
            rate=f"{progress.per_second:.0f}",
        )


def _missing(progress: ScrapeProgress) -> int:
    return progress.not_found + progress.no_change
