"""What the UI shows of every asset beside its own words: its team, and what can be searched for.

Given once for all of them; what is particular to an asset is said where the asset is.
"""

from collections.abc import Iterable

import dagster as dg

OWNERS = ["team:ouspark"]
# Searchable in the UI as tag:personal-data=yes.
PERSONAL_DATA, GRAIN = "personal-data", "grain"
PUBLIC_GROUPS = frozenset({"source"})
# Toppers are listed by name and ticket.
NAMING_COLUMNS = frozenset({"hall_ticket", "toppers"})


def presented(assets: Iterable[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets with what the UI shows of all of them."""
    return [it.map_asset_specs(_presented) for it in assets]


def _presented(spec: dg.AssetSpec) -> dg.AssetSpec:
    tags = {
        PERSONAL_DATA: "yes" if _names_students(spec) else "no",
        GRAIN: "everything" if spec.partitions_def is None else "release",
    }
    return spec.replace_attributes(owners=OWNERS, tags={**spec.tags, **tags})


def _names_students(spec: dg.AssetSpec) -> bool:
    """Whether rows say whose they are; what has no columns of its own holds tables of all kinds."""
    if spec.group_name in PUBLIC_GROUPS:
        return False
    schema = spec.metadata.get("dagster/column_schema")
    return not isinstance(schema, dg.TableSchema) or any(
        column.name in NAMING_COLUMNS for column in schema.columns
    )
