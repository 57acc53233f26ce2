"""The good news: a new release is with readers. Told once, and to students too."""

from dataclasses import dataclass
from typing import ClassVar

from ouspark_assets.operations.alerts.conditions import Condition, Judgement
from ouspark_assets.operations.alerts.facts import Facts, LiveRelease
from ouspark_assets.operations.alerts.findings import Seen
from ouspark_assets.operations.alerts.wording import one_line

# The details that a push message is made of.
EXAM, STUDENTS = "Exam", "Students"


@dataclass(frozen=True)
class ResultsLive(Condition):
    """A publication with a new release has reached the cache."""

    filters: ClassVar[frozenset[str]] = frozenset({"releases"})
    is_news: ClassVar[bool] = True

    def judge(self, facts: Facts) -> Judgement:
        """Every release that readers have since lately."""
        return {
            "live": None
            if facts.live_releases is None
            else [_live(it) for it in facts.live_releases]
        }


def _live(release: LiveRelease) -> Seen:
    exam = one_line(release.title) or release.release
    return Seen(
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
