"""The conditions of alert rules: a class for each word that may follow `when` in the rules file.

A condition reads the facts and describes what it applies to. Reading facts is in
`database_facts.py` and in `orchestration/`; what becomes of a finding is in `recording.py`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from statistics import median
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import Field

from ouspark_assets.operations.alerts.facts import (
    Facts,
    FailedCheck,
    FailedRun,
    ListedRelease,
    LiveRelease,
    QuarantinedRecords,
    Scrape,
    SiteOutage,
    StageDuration,
    UnhealthyPart,
    VolumeComparison,
)
from ouspark_assets.operations.alerts.formatting import (
    format_count,
    format_duration,
    format_percent,
    to_one_line,
)
from ouspark_assets.operations.alerts.option_types import (
    Count,
    Duration,
    Factor,
    Flag,
    Patterns,
    RunCount,
    Share,
)
from ouspark_assets.operations.alerts.rules import (
    AssetRule,
    Observation,
    Observations,
    ReleaseRule,
    Rule,
    matches_any,
)

STATUS_STEP = "`ouspark status` shows the details."
RERUN_STEP = f"`ouspark run` resumes where it stopped. {STATUS_STEP}"
# The median of fewer earlier runs says nothing.
MIN_EARLIER_RUNS = 3
# The details that a push message is made of.
EXAM, STUDENTS = "Exam", "Students"
T = TypeVar("T")


class RunFailed(ReleaseRule, AssetRule):
    """A run failed, and its work has not succeeded since; failed checks are `check_failed`."""

    recovery: ClassVar[str] = "It has succeeded since, or the failure is older than 30 days."
    when: Literal["run_failed"] = "run_failed"

    def evaluate(self, facts: Facts) -> Observations:
        """Return the failed runs, and the command that failed without one."""
        runs = _describe_each(facts.failed_runs, _describe_run)
        if facts.command is None:
            return {"runs": runs}
        return {"runs": runs, "command": _describe_command(facts)}


class CheckFailed(AssetRule):
    """The latest result of an asset check is an error or, with `warnings: true`, a warning."""

    recovery: ClassVar[str] = "The check passes again."
    when: Literal["check_failed"] = "check_failed"
    warnings: Flag = False
    # Names of checks; without any, all of them.
    checks: Patterns = ()

    def evaluate(self, facts: Facts) -> Observations:
        """Return the failed checks of the rule's severity and names."""
        return {"checks": _describe_each(facts.failed_checks, self._describe)}

    def _describe(self, check: FailedCheck) -> Observation | None:
        if check.is_error is self.warnings or not matches_any(self.checks, check.check):
            return None
        blocked = "Publishing is blocked until the check passes. " if check.is_error else ""
        return Observation(
            subject=f"{check.asset}: {check.check}",
            headline=f"Check failed: {check.check} of {check.asset}",
            since=check.at,
            details=(("Found", to_one_line(check.summary)),) if check.summary else (),
            next_step=blocked + STATUS_STEP,
            run_id=check.run_id,
            asset=check.asset,
        )


class FailureShare(ReleaseRule):
    """The site failed to answer for too large a share of a release's hall tickets."""

    recovery: ClassVar[str] = "The latest scrape had few failures."
    when: Literal["failure_share"] = "failure_share"
    more_than: Share
    # Hall tickets: a share of fewer is not judged.
    at_least: Count = 20

    def evaluate(self, facts: Facts) -> Observations:
        """Return the releases whose latest scrape had a larger share of failures."""
        return {"scrapes": _describe_each(facts.scrapes, self._describe)}

    def _describe(self, scrape: Scrape) -> Observation | None:
        is_judged = scrape.tickets >= self.at_least
        if not (is_judged and scrape.failed > self.more_than * scrape.tickets > 0):
            return None
        share = format_percent(scrape.failed / scrape.tickets)
        return Observation(
            subject=scrape.release,
            headline=f"{share} of the hall tickets of {scrape.release} failed",
            since=scrape.at,
            details=(("Failed", f"{scrape.failed:,} of {scrape.tickets:,} hall tickets"),),
            next_step=(
                "Check that the results site is up. The next `ouspark run` requests the failed "
                "hall tickets first."
            ),
            run_id=scrape.run_id,
            release=scrape.release,
        )


class SiteDown(Rule):
    """The results site has not answered for too long."""

    recovery: ClassVar[str] = "The site answers again."
    when: Literal["site_down"] = "site_down"
    longer_than: Duration = timedelta(minutes=10)

    def evaluate(self, facts: Facts) -> Observations:
        """Return the index page, and the site of the latest scrape, if they do not answer."""

        def describe(outage: SiteOutage) -> Observation | None:
            duration = facts.at - outage.since
            if duration <= self.longer_than:
                return None
            return Observation(
                subject=outage.what,
                headline=f"No answer from {outage.what} for {format_duration(duration)}",
                since=outage.since,
                details=(("Why", to_one_line(outage.reason)),) if outage.reason else (),
                next_step=(
                    "Check that the results site is up, and OUSPARK_SITE_URL. The pipeline tries "
                    "again by itself, and keeps everything that was fetched."
                ),
            )

        return {
            "index": _describe_each(facts.index_outages, describe),
            "scrapes": _describe_each(facts.scrape_outages, describe),
        }


class VolumeDrop(ReleaseRule, AssetRule):
    """A run wrote fewer rows than the run before, or a release has fewer students than expected."""

    recovery: ClassVar[str] = "No further loss since, or the loss is older than 7 days."
    when: Literal["volume_drop"] = "volume_drop"
    against: Literal["last_run", "year_before"]
    more_than: Share

    def evaluate(self, facts: Facts) -> Observations:
        """Return the numbers that fell by more than the share."""
        volumes = getattr(facts.volumes, self.against) if facts.volumes else None
        return {self.against: _describe_each(volumes, self._describe)}

    def _describe(self, volume: VolumeComparison) -> Observation | None:
        if volume.baseline_count - volume.count <= self.more_than * volume.baseline_count:
            return None
        loss = format_percent(1 - volume.count / volume.baseline_count)
        next_step = (
            "If the loss is not intended, `ouspark publication rollback N` restores an earlier "
            "publication."
            if self.against == "last_run"
            else "Check whether colleges are missing: `ouspark run --release "
            f"{volume.release} --recheck` requests missing results again."
        )
        return Observation(
            subject=f"{volume.measure} against {volume.baseline}",
            headline=f"{loss} fewer {volume.measure} than {volume.baseline}",
            since=volume.at,
            details=(("Now", f"{volume.count:,}"), ("Before", f"{volume.baseline_count:,}")),
            next_step=next_step,
            run_id=volume.run_id,
            release=volume.release,
            asset=volume.asset,
        )


class SlowStage(ReleaseRule, AssetRule):
    """A stage takes several times its median duration, and longer than a minimum."""

    recovery: ClassVar[str] = "No slow run within the last day."
    when: Literal["slow_stage"] = "slow_stage"
    times: Factor = 3.0
    last: RunCount = 10
    longer_than: Duration = timedelta(minutes=1)

    def evaluate(self, facts: Facts) -> Observations:
        """Return the slow stages of the last day, running ones included."""
        return {"stages": _describe_each(facts.stage_durations, self._describe)}

    def _describe(self, stage: StageDuration) -> Observation | None:
        earlier = stage.earlier_seconds[: self.last]
        if len(earlier) < MIN_EARLIER_RUNS or stage.seconds < self.longer_than.total_seconds():
            return None
        usual = median(earlier)
        if stage.seconds <= self.times * usual:
            return None
        subject = f"{stage.asset}{_of_release(stage.release)}"
        verb = "has been running for" if stage.is_running else "took"
        return Observation(
            subject=subject,
            headline=f"{subject} {verb} {format_duration(timedelta(seconds=stage.seconds))}",
            since=stage.started,
            details=(("Usually", format_duration(timedelta(seconds=usual))),),
            next_step=("Check whether the run is stuck. " if stage.is_running else "")
            + STATUS_STEP,
            run_id=stage.run_id,
            release=stage.release,
            asset=stage.asset,
        )


class Stale(Rule):
    """Production or the cache has been behind for too long."""

    recovery: ClassVar[str] = "It is up to date again."
    when: Literal["stale"] = "stale"
    of: Literal["publication", "cache"]
    longer_than: Duration

    def evaluate(self, facts: Facts) -> Observations:
        """Return what has been behind for longer than the limit."""
        is_publication = self.of == "publication"
        freshness = facts.publication if is_publication else facts.cache
        if freshness is None:
            return {self.of: None}
        behind_since = freshness.behind_since
        if behind_since is None or facts.at - behind_since <= self.longer_than:
            return {self.of: []}
        delay = format_duration(facts.at - behind_since)
        if is_publication:
            headline = f"Production has been behind development for {delay}"
            next_step = f"`ouspark run` publishes. {STATUS_STEP}"
        else:
            headline = f"The cache has been behind production for {delay}"
            next_step = f"`ouspark cache rebuild` loads the newest publication. {STATUS_STEP}"
        details = [("Publication", str(freshness.publication or "none yet"))]
        if freshness.hold:
            details.append(("Held", to_one_line(freshness.hold)))
            next_step = "`ouspark publication resume` lifts the hold."
        return {
            self.of: [
                Observation(self.of, headline, behind_since, tuple(details), next_step=next_step)
            ]
        }


class Unhealthy(Rule):
    """A part of the installation has not worked for too long; only the monitor knows."""

    recovery: ClassVar[str] = "It works again."
    when: Literal["unhealthy"] = "unhealthy"
    longer_than: Duration = timedelta(minutes=3)

    def evaluate(self, facts: Facts) -> Observations:
        """Return the parts that have not been healthy for longer than the limit."""

        def describe(part: UnhealthyPart) -> Observation | None:
            duration = facts.at - part.since
            if duration <= self.longer_than:
                return None
            return Observation(
                subject=part.part,
                headline=f"Not healthy: {part.part}, for {format_duration(duration)}",
                since=part.since,
                details=(("Why", to_one_line(part.reason)),),
                next_step="`ouspark health` shows every part.",
            )

        return {"health": _describe_each(facts.unhealthy_parts, describe)}


class LateToReaders(ReleaseRule):
    """A release on the index does not reach readers in time."""

    recovery: ClassVar[str] = "Readers have it now."
    when: Literal["late_to_readers"] = "late_to_readers"
    # None: the setting OUSPARK_SLA_MINUTES.
    within: Duration | None = None

    def evaluate(self, facts: Facts) -> Observations:
        """Return the releases that the index has listed for too long and the cache lacks."""
        limit = facts.sla if self.within is None else self.within

        def describe(release: ListedRelease) -> Observation | None:
            delay = facts.at - release.first_seen_at
            if release.is_served or delay <= limit:
                return None
            return Observation(
                subject=release.release,
                headline=(
                    f"Release {release.release} has not reached readers after "
                    f"{format_duration(delay)}"
                ),
                since=release.first_seen_at,
                details=(("Release", to_one_line(release.title) or release.release),),
                next_step=f"`ouspark run --release {release.release}` loads it. {STATUS_STEP}",
                release=release.release,
            )

        return {"arrivals": _describe_each(facts.listed_releases, describe)}


class QuarantineGrowth(ReleaseRule):
    """Many records of a release were quarantined recently and are still open."""

    recovery: ClassVar[str] = "Few records were quarantined recently."
    when: Literal["quarantine_growth"] = "quarantine_growth"
    more_than: Count
    within: Duration = timedelta(days=1)

    def evaluate(self, facts: Facts) -> Observations:
        """Return the releases with more new open records than the limit."""
        if facts.quarantined is None:
            return {"quarantine": None}
        by_release: dict[str, list[QuarantinedRecords]] = defaultdict(list)
        for group in facts.quarantined:
            if facts.at - group.first_seen_at <= self.within:
                by_release[group.release].append(group)
        observations = []
        for release, groups in by_release.items():
            records = sum(group.records for group in groups)
            if records > self.more_than:
                observations.append(
                    Observation(
                        subject=release,
                        headline=f"{format_count(records, 'record')} of {release} quarantined",
                        since=min(group.first_seen_at for group in groups),
                        details=(("Within", format_duration(self.within)),),
                        next_step=(
                            f"`ouspark quarantine list --release {release}` shows the reasons."
                        ),
                        release=release,
                    )
                )
        return {"quarantine": observations}


class ResultsLive(ReleaseRule):
    """A new release is available to readers: news, sent once, also to students."""

    is_news: ClassVar[bool] = True
    when: Literal["results_live"] = "results_live"

    def evaluate(self, facts: Facts) -> Observations:
        """Return the releases that recently became available."""
        return {"live": _describe_each(facts.live_releases, _describe_live_release)}


# The condition classes by the word after `when`, as one pydantic type.
AnyRule = Annotated[
    RunFailed
    | CheckFailed
    | FailureShare
    | SiteDown
    | Unhealthy
    | VolumeDrop
    | SlowStage
    | Stale
    | LateToReaders
    | QuarantineGrowth
    | ResultsLive,
    Field(discriminator="when"),
]


def _describe_each(
    facts: Iterable[T] | None, describe: Callable[[T], Observation | None]
) -> list[Observation] | None:
    """Describe the facts that a condition applies to; None if they could not be read."""
    if facts is None:
        return None
    return [observation for fact in facts if (observation := describe(fact))]


def _describe_run(run: FailedRun) -> Observation:
    subject = f"{run.name}{_of_release(run.release)}"
    others = f" (and {run.other_failures} more steps)" if run.other_failures else ""
    return Observation(
        subject=subject,
        headline=f"Run failed: {subject}{others}",
        since=run.at,
        details=(("Why", to_one_line(run.error)),),
        next_step=RERUN_STEP,
        run_id=run.run_id,
        release=run.release,
        asset=run.name,
    )


def _describe_command(facts: Facts) -> Sequence[Observation] | None:
    """Return the failed command, unless a failed run or check since its start explains it."""
    command, runs, checks = facts.command, facts.failed_runs, facts.failed_checks
    if command is None or command.error is None:
        return []
    if runs is None or checks is None:
        return None
    ends = [run.at for run in runs] + [check.at for check in checks]
    if any(at >= command.started for at in ends):
        return []
    headline, details = f"`{command.name}` failed", (("Why", to_one_line(command.error)),)
    return [Observation(command.name, headline, facts.at, details, next_step=RERUN_STEP)]


def _describe_live_release(release: LiveRelease) -> Observation:
    exam = to_one_line(release.title) or release.release
    return Observation(
        subject=release.release,
        headline=f"Results are live: {exam}",
        since=release.since,
        details=(
            (EXAM, exam),
            (STUDENTS, f"{release.students:,}"),
            ("Release", release.release),
            ("Publication", str(release.publication)),
        ),
        release=release.release,
    )


def _of_release(release: str | None) -> str:
    return f" of {release}" if release else ""
