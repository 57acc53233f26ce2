"""Conditions about how much there is: fewer rows or students than expected, more in quarantine."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar

from ouspark_assets.operations.alerts.conditions import Condition, Judgement
from ouspark_assets.operations.alerts.facts import Facts, QuarantinedRecords, VolumeComparison
from ouspark_assets.operations.alerts.findings import Seen
from ouspark_assets.operations.alerts.options import Option, count, duration, one_of, share
from ouspark_assets.operations.alerts.wording import counted, percent
from ouspark_assets.operations.alerts.wording import duration as for_people

A_DAY = timedelta(days=1)


class Against(StrEnum):
    """What a volume is compared with."""

    LAST_RUN = "last_run"
    YEAR_BEFORE = "year_before"


@dataclass(frozen=True, kw_only=True)
class VolumeDrop(Condition):
    """Fewer rows than the run before wrote, or fewer students than a year before."""

    over: ClassVar[str] = "Nothing more was lost since, or it is more than 7 days ago."
    filters: ClassVar[frozenset[str]] = frozenset({"releases", "assets"})
    against: Annotated[Against, Option(one_of(Against))]
    more_than: Annotated[float, Option(share)]

    def judge(self, facts: Facts) -> Judgement:
        """Volumes that are smaller by more than the share."""
        if facts.volumes is None:
            return {self.against: None}
        is_last = self.against is Against.LAST_RUN
        volumes = facts.volumes.last_run if is_last else facts.volumes.year_before
        return {self.against: [_drop(it, self.against) for it in volumes if self._is_too_much(it)]}

    def _is_too_much(self, volume: VolumeComparison) -> bool:
        return volume.baseline_count - volume.count > self.more_than * volume.baseline_count


@dataclass(frozen=True, kw_only=True)
class QuarantineGrowth(Condition):
    """Many records of a release went to quarantine lately and are still there."""

    over: ClassVar[str] = "Few records are new in quarantine."
    filters: ClassVar[frozenset[str]] = frozenset({"releases"})
    more_than: Annotated[int, Option(count)]
    within: Annotated[timedelta, Option(duration)] = A_DAY

    def judge(self, facts: Facts) -> Judgement:
        """Releases with more new open records than the number."""
        if facts.quarantined is None:
            return {"quarantine": None}
        new: dict[str, list[QuarantinedRecords]] = defaultdict(list)
        for it in facts.quarantined:
            if facts.at - it.first_seen_at <= self.within:
                new[it.release].append(it)
        return {"quarantine": list(self._grown(new))}

    def _grown(self, new: dict[str, list[QuarantinedRecords]]) -> Sequence[Seen]:
        sums = {release: sum(it.records for it in found) for release, found in new.items()}
        return [
            _quarantine(release, records, self.within, min(it.first_seen_at for it in new[release]))
            for release, records in sums.items()
            if records > self.more_than
        ]


def _drop(volume: VolumeComparison, against: Against) -> Seen:
    less = percent(1 - volume.count / volume.baseline_count)
    return Seen(
        subject=f"{volume.measure} against {volume.baseline}",
        headline=f"{less} fewer than {volume.baseline}: {volume.measure}",
        since=volume.at,
        details=(("Now", f"{volume.count:,}"), ("Before", f"{volume.baseline_count:,}")),
        next_step=(
            "if it is not meant, `ouspark publication rollback N` brings the former back"
            if against is Against.LAST_RUN
            else f"are colleges missing? `ouspark run --release {volume.release} --recheck` asks"
        ),
        run_id=volume.run_id,
        release=volume.release,
        asset=volume.asset,
    )


def _quarantine(release: str, records: int, within: timedelta, since: datetime) -> Seen:
    return Seen(
        subject=release,
        headline=f"{counted(records, 'record')} of {release} went to quarantine",
        since=since,
        details=(("Within", for_people(within)),),
        next_step=f"`ouspark quarantine list --release {release}` says why",
        release=release,
    )
