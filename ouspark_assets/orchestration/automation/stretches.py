"""Releases cut into stretches that one run can take: a run carries one partition key or one range.

Pure; the order is that of the partitions, in which a range means everything in between.
"""

from collections.abc import Mapping, Sequence

from ouspark_assets.orchestration.automation.under_way import RANGE_END_TAG, RANGE_START_TAG


def stretches(releases: Sequence[str], registered: Sequence[str]) -> list[list[str]]:
    """The releases in their order, cut where the next is not the next partition too."""
    places = {release: place for place, release in enumerate(registered)}
    found: list[list[str]] = []
    for release in releases:
        if found and places[release] == places[found[-1][-1]] + 1:
            found[-1].append(release)
        else:
            found.append([release])
    return found


def range_tags(stretch: Sequence[str]) -> Mapping[str, str]:
    """The tags by which a run knows what it is about when that is several releases."""
    return {RANGE_START_TAG: stretch[0], RANGE_END_TAG: stretch[-1]} if len(stretch) > 1 else {}
