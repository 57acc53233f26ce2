"""The one partition definition: a release of results, by its key.

Dynamic, so that a new release needs no deploy: `source/release_index` and `ouspark releases add`
register keys, and nothing ever removes one (a run in flight would lose its partition).
"""

import dagster as dg
import polars as pl

from ouspark_assets.domain.releases import BE_COURSE, in_release_order
from ouspark_assets.sources.results_site.release_index import select_releases

RELEASE_PARTITIONS_NAME = "release"

release_partitions = dg.DynamicPartitionsDefinition(name=RELEASE_PARTITIONS_NAME)


def register_releases(instance: dg.DagsterInstance, releases: list[str]) -> list[str]:
    """Add the keys that are not there yet; returns those that were new."""
    known = set(instance.get_dynamic_partitions(RELEASE_PARTITIONS_NAME))
    new = [release for release in releases if release not in known]
    if new:
        instance.add_dynamic_partitions(RELEASE_PARTITIONS_NAME, new)
    return new


def releases_to_register(index: pl.DataFrame) -> list[str]:
    """Every B.E. release, oldest first; those that are brought in unasked before all others.

    A range of partitions means everything between its ends in the order of registration: so what
    is brought in together, or named as a range by people, is one range.
    """
    engineering = in_release_order(index).filter(pl.col("course") == BE_COURSE)
    return list(dict.fromkeys([*select_releases(index), *engineering["release"]]))
