"""The one partition definition: a release of results, by its key.

Dynamic, so that a new release needs no deploy: `source/release_index` and `ouspark releases add`
register keys, and nothing ever removes one (a run in flight would lose its partition).
"""

import dagster as dg

RELEASE_PARTITIONS_NAME = "release"

release_partitions = dg.DynamicPartitionsDefinition(name=RELEASE_PARTITIONS_NAME)


def register_releases(instance: dg.DagsterInstance, releases: list[str]) -> list[str]:
    """Add the keys that are not there yet; returns those that were new."""
    known = set(instance.get_dynamic_partitions(RELEASE_PARTITIONS_NAME))
    new = [release for release in releases if release not in known]
    if new:
        instance.add_dynamic_partitions(RELEASE_PARTITIONS_NAME, new)
    return new
