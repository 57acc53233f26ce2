"""Conditions about what failed: runs, asset checks, and the answers of the site."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from ouspark_assets.operations.alerts.conditions import (
    RERUN_NEXT,
    STATUS_NEXT,
    Condition,
    Judgement,
    of_release,
)
from ouspark_assets.operations.alerts.facts import (
    CommandOutcome,
    Facts,
    FailedCheck,
    FailedRun,
    Scrape,
)
from ouspark_assets.operations.alerts.findings import Seen
from ouspark_assets.operations.alerts.options import Option, count, flag, share
from ouspark_assets.operations.alerts.wording import one_line, percent


@dataclass(frozen=True, kw_only=True)
class RunFailed(Condition):
    """A run failed; what failed for a check alone is `check_failed`."""

    over: ClassVar[str] = "It has succeeded since, or is more than 30 days ago."
    filters: ClassVar[frozenset[str]] = frozenset({"releases", "assets"})

    def judge(self, facts: Facts) -> Judgement:
        """Failed runs that nothing made up for, and the command that could not even begin one."""
        runs = None if facts.failed_runs is None else [_failed(run) for run in facts.failed_runs]
        if facts.command is None:
            return {"runs": runs}
        return {"runs": runs, "command": _command(facts.command, facts)}


@dataclass(frozen=True, kw_only=True)
class CheckFailed(Condition):
    """The latest result of an asset check is a failure: an error, or with `warnings` a warning."""

    over: ClassVar[str] = "The check passes again."
    filters: ClassVar[frozenset[str]] = frozenset({"assets"})
    warnings: Annotated[bool, Option(flag)] = False

    def judge(self, facts: Facts) -> Judgement:
        """Errors, or what is only worth a look."""
        if facts.failed_checks is None:
            return {"checks": None}
        wanted = [it for it in facts.failed_checks if it.is_error is not self.warnings]
        return {"checks": [_check(it) for it in wanted]}


@dataclass(frozen=True, kw_only=True)
class FailureShare(Condition):
    """The site failed to answer for too many tickets of a release."""

    over: ClassVar[str] = "The last scrape had few failures."
    filters: ClassVar[frozenset[str]] = frozenset({"releases"})
    more_than: Annotated[float, Option(share)]
    at_least: Annotated[int, Option(count)] = 20

    def judge(self, facts: Facts) -> Judgement:
        """Releases whose latest scrape has a greater share, of tickets enough to say so."""
        if facts.scrapes is None:
            return {"scrapes": None}
        return {"scrapes": [_scrape(it) for it in facts.scrapes if self._is_too_much(it)]}

    def _is_too_much(self, scrape: Scrape) -> bool:
        return (
            scrape.tickets >= self.at_least and scrape.failed > self.more_than * scrape.tickets > 0
        )


def _failed(run: FailedRun) -> Seen:
    more = f" (and {run.other_failures} more steps)" if run.other_failures else ""
    return Seen(
        subject=f"{run.name}{of_release(run.release)}",
        headline=f"Run failed: {run.name}{of_release(run.release)}{more}",
        since=run.at,
        details=(("Why", one_line(run.error)),),
        next_step=RERUN_NEXT,
        run_id=run.run_id,
        release=run.release,
        asset=run.name,
    )


def _command(command: CommandOutcome, facts: Facts) -> Sequence[Seen] | None:
    """The command's own failure, unless a failed run or check of it says the same already."""
    if command.error is None:
        return []
    if facts.failed_runs is None or facts.failed_checks is None:
        return None
    runs, checks = facts.failed_runs, facts.failed_checks
    told = [*(run.at for run in runs), *(check.at for check in checks)]
    if any(at >= command.started for at in told):
        return []
    return [
        Seen(
            subject=command.name,
            headline=f"`{command.name}` failed",
            since=facts.at,
            details=(("Why", one_line(command.error)),),
            next_step=RERUN_NEXT,
        )
    ]


def _check(check: FailedCheck) -> Seen:
    said = ((("Found", one_line(check.summary)),)) if check.summary else ()
    blocks = "nothing is published until it passes; " if check.is_error else ""
    return Seen(
        subject=f"{check.asset}: {check.check}",
        headline=f"Check failed: {check.check} of {check.asset}",
        since=check.at,
        details=said,
        next_step=f"{blocks}{STATUS_NEXT}",
        run_id=check.run_id,
        asset=check.asset,
    )


def _scrape(scrape: Scrape) -> Seen:
    part = percent(scrape.failed / scrape.tickets)
    return Seen(
        subject=scrape.release,
        headline=f"{part} of the tickets of {scrape.release} failed",
        since=scrape.at,
        details=(("Failed", f"{scrape.failed:,} of {scrape.tickets:,} tickets"),),
        next_step="the next `ouspark run` asks for them first; is the site up?",
        run_id=scrape.run_id,
        release=scrape.release,
    )
