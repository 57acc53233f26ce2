"""Conditions about time: a stage that takes too long, readers who wait too long."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Annotated, ClassVar

from ouspark_assets.operations.alerts.conditions import (
    STATUS_NEXT,
    Condition,
    Judgement,
    of_release,
)
from ouspark_assets.operations.alerts.facts import Facts, Freshness, ListedRelease, StageDuration
from ouspark_assets.operations.alerts.findings import Seen
from ouspark_assets.operations.alerts.options import Option, duration, factor, one_of, several
from ouspark_assets.operations.alerts.wording import duration as for_people
from ouspark_assets.operations.alerts.wording import one_line

# A median of fewer says nothing.
LEAST_EARLIER = 3
A_MINUTE = timedelta(minutes=1)


class Of(StrEnum):
    """What can be stale."""

    PUBLICATION = "publication"
    CACHE = "cache"


@dataclass(frozen=True, kw_only=True)
class SlowStage(Condition):
    """A stage takes several times its median over the last runs, and longer than the floor."""

    over: ClassVar[str] = "No run of it was slow within the last day."
    filters: ClassVar[frozenset[str]] = frozenset({"releases", "assets"})
    times: Annotated[float, Option(factor)] = 3.0
    last: Annotated[int, Option(several)] = 10
    longer_than: Annotated[timedelta, Option(duration)] = A_MINUTE

    def judge(self, facts: Facts) -> Judgement:
        """Stages of the last day, those at work included."""
        if facts.stage_durations is None:
            return {"stages": None}
        found = ((it, self._usual(it)) for it in facts.stage_durations)
        return {"stages": [_slow(it, usual) for it, usual in found if usual is not None]}

    def _usual(self, stage: StageDuration) -> float | None:
        """The usual seconds of a stage that was slow; None when it was not."""
        earlier = stage.earlier_seconds[: self.last]
        if len(earlier) < LEAST_EARLIER or stage.seconds < self.longer_than.total_seconds():
            return None
        usual = median(earlier)
        return usual if stage.seconds > self.times * usual else None


@dataclass(frozen=True, kw_only=True)
class Stale(Condition):
    """Production or the cache has been behind for too long."""

    over: ClassVar[str] = "It is up to date again."
    of: Annotated[Of, Option(one_of(Of))]
    longer_than: Annotated[timedelta, Option(duration)]

    def judge(self, facts: Facts) -> Judgement:
        """Behind for longer than the limit."""
        fresh = facts.publication if self.of is Of.PUBLICATION else facts.cache
        if fresh is None:
            return {self.of: None}
        since = fresh.behind_since
        if since is None or facts.at - since <= self.longer_than:
            return {self.of: []}
        return {self.of: [_stale(self.of, fresh, since, facts.at - since)]}


@dataclass(frozen=True, kw_only=True)
class LateToReaders(Condition):
    """A new release is not with readers in time."""

    over: ClassVar[str] = "Readers have it now."
    filters: ClassVar[frozenset[str]] = frozenset({"releases"})
    # Without it, the setting OUSPARK_SLA_MINUTES.
    within: Annotated[timedelta | None, Option(duration)] = None

    def judge(self, facts: Facts) -> Judgement:
        """Releases that the index has shown for longer, and the cache does not hold."""
        if facts.listed_releases is None:
            return {"arrivals": None}
        within = facts.sla if self.within is None else self.within
        late = [
            it
            for it in facts.listed_releases
            if not it.is_served and facts.at - it.first_seen_at > within
        ]
        return {"arrivals": [_late(it, facts.at - it.first_seen_at) for it in late]}


def _slow(stage: StageDuration, usual: float) -> Seen:
    took = for_people(timedelta(seconds=stage.seconds))
    verb = "has been running for" if stage.is_running else "took"
    stuck = "is it stuck? " if stage.is_running else ""
    return Seen(
        subject=f"{stage.asset}{of_release(stage.release)}",
        headline=f"{stage.asset}{of_release(stage.release)} {verb} {took}",
        since=stage.started,
        details=(("Usually", for_people(timedelta(seconds=usual))),),
        next_step=f"{stuck}{STATUS_NEXT}",
        run_id=stage.run_id,
        release=stage.release,
        asset=stage.asset,
    )


def _stale(of: Of, fresh: Freshness, since: datetime, late: timedelta) -> Seen:
    if of is Of.PUBLICATION:
        headline = f"Production has been behind development for {for_people(late)}"
        next_step = f"`ouspark run` publishes; {STATUS_NEXT}"
    else:
        headline = f"The cache has been behind production for {for_people(late)}"
        next_step = f"`ouspark cache rebuild` brings it to the publication; {STATUS_NEXT}"
    details = [("Publication", str(fresh.publication or "none yet"))]
    if fresh.hold:
        details.append(("Held", one_line(fresh.hold)))
        next_step = "`ouspark publication resume` lets publishing go on"
    return Seen(
        subject=of.value,
        headline=headline,
        since=since,
        details=tuple(details),
        next_step=next_step,
    )


def _late(arrival: ListedRelease, late: timedelta) -> Seen:
    return Seen(
        subject=arrival.release,
        headline=f"{arrival.release} is not with readers after {for_people(late)}",
        since=arrival.first_seen_at,
        details=(("Release", one_line(arrival.title) or arrival.release),),
        next_step=f"`ouspark run --release {arrival.release}` brings it in; {STATUS_NEXT}",
        release=arrival.release,
    )
