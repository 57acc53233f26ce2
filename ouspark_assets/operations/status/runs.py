"""What ran last, what runs now and what failed, out of the rows of `ops.stage_runs`.

One `ouspark run` is several runs of Dagster: those that follow each other closely are told as one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# Between the runs of one command lies no more than Dagster's own overhead, on a busy machine too.
GAP = timedelta(seconds=60)
# What every whole run begins with.
FIRST_STAGE = "source.release_index"


class Outcome(StrEnum):
    """How a stage ended; one without an end that is not at work was killed."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    KILLED = "killed"


@dataclass(frozen=True)
class StageRun:
    """A stage of a run."""

    id: int
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


def last_run(oldest_first: Sequence[StageRun], at_work: Collection[int] = ()) -> LastRun | None:
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
    failures = [stage for stage in stages if stage.outcome == Outcome.FAILED]
    return LastRun(
        started=started,
        seconds=(max(ended) - started).total_seconds() if len(ended) == len(stages) else None,
        outcome=_outcome(stages, at_work).value,
        stages=len(stages),
        releases=tuple(dict.fromkeys(stage.release for stage in stages if stage.release)),
        run_ids=tuple(dict.fromkeys(stage.run_id for stage in stages)),
        errors=tuple(stage.error or "it did not say why" for stage in failures),
    )


def not_succeeded(latest: Sequence[StageRun], at_work: Collection[int]) -> tuple[StageRun, ...]:
    """Of the latest runs of each stage, those that did not end well; one at work may still."""
    return tuple(
        stage for stage in latest if stage.outcome != Outcome.SUCCEEDED and stage.id not in at_work
    )


def at_work_now(stages: Sequence[StageRun], at_work: Collection[int]) -> tuple[StageRun, ...]:
    """Of these stages, those that are at work."""
    return tuple(stage for stage in stages if stage.id in at_work)


def _outcome(stages: Sequence[StageRun], at_work: Collection[int]) -> Outcome:
    """How stages that ran together ended, as one."""
    outcomes = {stage.outcome for stage in stages}
    if any(stage.id in at_work for stage in stages):
        return Outcome.RUNNING
    if Outcome.FAILED in outcomes:
        return Outcome.FAILED
    return Outcome.KILLED if Outcome.RUNNING in outcomes else Outcome.SUCCEEDED


def _belongs(earlier: StageRun, later: StageRun) -> bool:
    if earlier.run_id == later.run_id:
        return True
    if later.asset == FIRST_STAGE:
        return False
    end = earlier.ended or earlier.started
    return later.started - end <= GAP
