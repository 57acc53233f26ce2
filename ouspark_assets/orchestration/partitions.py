"""The only partition definition, one partition per release, and how runs refer to releases.

Partitions are dynamic, so that a new release needs no deployment: `source/release_index` and
`ouspark releases add` register keys. No key is ever removed, because a run in progress would lose
its partition.
"""

from collections.abc import Mapping, Sequence

import dagster as dg
import polars as pl

from ouspark_assets.domain.releases import BE_COURSE, in_release_order
from ouspark_assets.sources.results_site.release_index import select_releases

RELEASE_PARTITIONS_NAME = "release"
# Dagster's own tags: a run has one partition key, or both ends of a range.
PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"

release_partitions = dg.DynamicPartitionsDefinition(name=RELEASE_PARTITIONS_NAME)


def register_releases(instance: dg.DagsterInstance, releases: list[str]) -> list[str]:
    """Register the keys that are not registered yet, and return those."""
    known = set(instance.get_dynamic_partitions(RELEASE_PARTITIONS_NAME))
    new = [release for release in releases if release not in known]
    if new:
        instance.add_dynamic_partitions(RELEASE_PARTITIONS_NAME, new)
    return new


def select_releases_to_register(index: pl.DataFrame) -> list[str]:
    """Return every B.E. release: first those that are loaded by default, then the others.

    Each group is ordered from oldest to newest. A range of partitions contains everything that was
    registered between its ends, so releases that are loaded together must be registered together.
    """
    engineering = in_release_order(index).filter(pl.col("course") == BE_COURSE)
    return list(dict.fromkeys([*select_releases(index), *engineering["release"]]))


def split_into_ranges(releases: Sequence[str], registered: Sequence[str]) -> list[list[str]]:
    """Return the releases in their order, split where the next is not the next partition as well.

    A run carries one partition key or one range, and a range includes everything in between.
    """
    positions = {release: position for position, release in enumerate(registered)}
    ranges: list[list[str]] = []
    for release in releases:
        if ranges and positions[release] == positions[ranges[-1][-1]] + 1:
            ranges[-1].append(release)
        else:
            ranges.append([release])
    return ranges


def range_tags(releases: Sequence[str]) -> Mapping[str, str]:
    """Return the tags of a run of several contiguous releases; empty for a single one."""
    if len(releases) < 2:  # noqa: PLR2004  # a single release is a partition key
        return {}
    return {RANGE_START_TAG: releases[0], RANGE_END_TAG: releases[-1]}


def has_releases(run: dg.DagsterRun) -> bool:
    """Return whether a run is about releases at all."""
    return PARTITION_TAG in run.tags or RANGE_START_TAG in run.tags


def releases_of_run(run: dg.DagsterRun, registered: Sequence[str]) -> Sequence[str]:
    """Return the releases of a run; empty when it has none or an end of its range is unknown."""
    if PARTITION_TAG in run.tags:
        return [run.tags[PARTITION_TAG]]
    ends = [run.tags.get(name) for name in (RANGE_START_TAG, RANGE_END_TAG)]
    if any(end not in registered for end in ends):
        return []
    first, last = (registered.index(str(end)) for end in ends)
    return registered[first : last + 1]
