"""Checks of what a load made of a release's pages: nothing lost, nothing looking different.

They are evaluated by the asset that loads, since they are about the releases of its run. What a
page looks like and how two looks differ is `pages/`.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.pages.drift import differences, missing_required, unread
from ouspark_assets.pages.layout import Layout, merged
from ouspark_assets.pipeline.load import PARSED_TABLES, Loaded
from ouspark_assets.schemas.clean import APPEARANCES
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.records.loads import layouts_of_others, unaccounted

ACCOUNTED = "everything_is_accounted_for"
AS_BEFORE = "pages_look_as_before"
REQUIRED = "required_labels_are_there"
LOOKED_AT = key_of(APPEARANCES)
MOST_SHOWN = 20

PAGE_CHECKS = [
    *(
        dg.AssetCheckSpec(
            ACCOUNTED,
            asset=key_of(table),
            blocking=True,
            description="Rows found on pages = accepted + identical duplicates + quarantined, "
            "and the tables hold exactly those.",
        )
        for table in PARSED_TABLES
    ),
    dg.AssetCheckSpec(
        AS_BEFORE,
        asset=LOOKED_AT,
        description="Headers, labels and vocabularies are those of earlier releases.",
    ),
    dg.AssetCheckSpec(
        REQUIRED,
        asset=LOOKED_AT,
        blocking=True,
        description="Every page has the labels that nothing can be read without.",
    ),
]


def page_check_results(
    connection: Connection, loads: Sequence[Loaded]
) -> Iterator[tuple[dg.AssetCheckKey, dg.AssetCheckResult]]:
    """What the checks say of the releases that were loaded."""
    wrong = unaccounted(connection, [load.release for load in loads])
    for table in PARSED_TABLES:
        broken = [line for name, line in wrong if name == table.name]
        found = {"not accounted for": broken[:MOST_SHOWN]}
        yield _result(key_of(table), ACCOUNTED, found, passed=not broken)
    drift, missing = _looks(connection, loads)
    warning = dg.AssetCheckSeverity.WARN
    looks = {"differences": drift[:MOST_SHOWN]}
    yield _result(LOOKED_AT, AS_BEFORE, looks, passed=not drift, severity=warning)
    yield _result(LOOKED_AT, REQUIRED, {"missing": missing[:MOST_SHOWN]}, passed=not missing)


def _result(
    asset: dg.AssetKey,
    name: str,
    metadata: dict[str, list[str]],
    *,
    passed: bool,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> tuple[dg.AssetCheckKey, dg.AssetCheckResult]:
    result = dg.AssetCheckResult(
        passed=passed, check_name=name, asset_key=asset, metadata=metadata, severity=severity
    )
    return dg.AssetCheckKey(asset, name), result


def _looks(connection: Connection, loads: Sequence[Loaded]) -> tuple[list[str], list[str]]:
    """How pages differ from those of earlier releases, and what they can't be read without."""
    drift: list[str] = []
    missing: list[str] = []
    for load in loads:
        others = layouts_of_others(connection, load.release)
        before = merged([Layout.from_json(text) for text in others])
        said = [*differences(before, load.layout), *unread(load.layout)]
        drift += [f"{load.release}: {line}" for line in said]
        missing += [f"{load.release}: {line}" for line in missing_required(load.layout)]
    return drift, missing
