"""The last run and what failed, out of the rows of `ops.stage_runs`.

One `ouspark run` is several runs of Dagster: those that follow each other closely are told as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# Between the runs of one command lies no more than Dagster's own overhead, on a busy machine too.
GAP = timedelta(seconds=60)
# What every whole run begins with.
FIRST_STAGE = "source.release_index"


class Outcome(StrEnum):
    """How a stage ended; one that is still running may also have been killed."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class StageRun:
    """A stage of a run."""

    run_id: str
    asset: str
    release: str | None
    started: datetime
    ended: datetime | None
    outcome: str
    error: str | None


@dataclass(frozen=True)
class LastRun:
    """What ran last: from when, how long, how it ended."""

    started: datetime
    seconds: float | None
    outcome: str
    stages: int
    releases: tuple[str, ...]
    run_ids: tuple[str, ...]
    errors: tuple[str, ...]


def last_run(oldest_first: Sequence[StageRun]) -> LastRun | None:
    """The stages that ran last, without a pause between them; None when nothing ever ran."""
    together: list[StageRun] = []
    for stage in reversed(oldest_first):
        # Runs of one command may overlap, so the pause counts from what began first.
        if together and not _belongs(stage, together[-1]):
            break
        together.append(stage)
    if not together:
        return None
    stages = together[::-1]
    ended = [stage.ended for stage in stages if stage.ended is not None]
    started = min(stage.started for stage in stages)
    running = len(ended) < len(stages)
    failures = [stage for stage in stages if stage.outcome == Outcome.FAILED]
    outcome = Outcome.FAILED if failures else Outcome.RUNNING if running else Outcome.SUCCEEDED
    return LastRun(
        started=started,
        seconds=None if running else (max(ended) - started).total_seconds(),
        outcome=outcome.value,
        stages=len(stages),
        releases=tuple(dict.fromkeys(stage.release for stage in stages if stage.release)),
        run_ids=tuple(dict.fromkeys(stage.run_id for stage in stages)),
        errors=tuple(stage.error or "it did not say why" for stage in failures),
    )


def not_succeeded(latest: Sequence[StageRun]) -> tuple[StageRun, ...]:
    """Of the latest runs of each stage, those that did not end well."""
    return tuple(stage for stage in latest if stage.outcome != Outcome.SUCCEEDED)


def _belongs(earlier: StageRun, later: StageRun) -> bool:
    if earlier.run_id == later.run_id:
        return True
    if later.asset == FIRST_STAGE:
        return False
    end = earlier.ended or earlier.started
    return later.started - end <= GAP
