"""Checks of a load: every row found on pages is accounted for, and the page layout is unchanged.

Evaluated by the asset that loads, because they are about the releases of its run. Layouts and
their differences are computed in `pages/`.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.pages.drift import compare_layouts, find_missing_labels, list_unread
from ouspark_assets.pages.page_layout import Layout, merge_layouts
from ouspark_assets.pipeline.load import PARSED_TABLES, LoadResult
from ouspark_assets.schemas.clean import APPEARANCES
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.records.loads import find_unbalanced_accounts, layouts_of_others

ACCOUNTING_CHECK = "everything_is_accounted_for"
LAYOUT_CHECK = "pages_look_as_before"
REQUIRED_LABELS_CHECK = "required_labels_are_there"
LAYOUT_ASSET = key_of(APPEARANCES)
MAX_SHOWN = 20

PAGE_CHECKS = [
    *(
        dg.AssetCheckSpec(
            ACCOUNTING_CHECK,
            asset=key_of(table),
            blocking=True,
            description="Rows found on pages = accepted + identical duplicates + quarantined, "
            "and the tables contain exactly the accepted rows.",
        )
        for table in PARSED_TABLES
    ),
    dg.AssetCheckSpec(
        LAYOUT_CHECK,
        asset=LAYOUT_ASSET,
        description="Headers, labels and vocabularies are the same as in earlier releases.",
    ),
    dg.AssetCheckSpec(
        REQUIRED_LABELS_CHECK,
        asset=LAYOUT_ASSET,
        blocking=True,
        description="Every page has the labels that reading it depends on.",
    ),
]


def page_check_results(
    connection: Connection, loads: Sequence[LoadResult]
) -> Iterator[tuple[dg.AssetCheckKey, dg.AssetCheckResult]]:
    """Yield the results of the checks for the releases that were loaded."""
    problems = find_unbalanced_accounts(connection, [load.release for load in loads])
    for table in PARSED_TABLES:
        broken = [line for name, line in problems if name == table.name]
        yield _result(key_of(table), ACCOUNTING_CHECK, "not accounted for", broken)
    drift, missing = _compare_layouts(connection, loads)
    warning = dg.AssetCheckSeverity.WARN
    yield _result(LAYOUT_ASSET, LAYOUT_CHECK, "differences", drift, warning)
    yield _result(LAYOUT_ASSET, REQUIRED_LABELS_CHECK, "missing", missing)


def _result(
    asset: dg.AssetKey,
    name: str,
    label: str,
    found: list[str],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> tuple[dg.AssetCheckKey, dg.AssetCheckResult]:
    result = dg.AssetCheckResult(
        passed=not found,
        check_name=name,
        asset_key=asset,
        metadata={label: found[:MAX_SHOWN]},
        severity=severity,
    )
    return dg.AssetCheckKey(asset, name), result


def _compare_layouts(
    connection: Connection, loads: Sequence[LoadResult]
) -> tuple[list[str], list[str]]:
    """Return the differences from earlier releases, and the required labels that are missing."""
    drift: list[str] = []
    missing: list[str] = []
    for load in loads:
        others = layouts_of_others(connection, load.release)
        before = merge_layouts([Layout.from_json(text) for text in others])
        lines = [*compare_layouts(before, load.layout), *list_unread(load.layout)]
        drift += [f"{load.release}: {line}" for line in lines]
        missing += [f"{load.release}: {line}" for line in find_missing_labels(load.layout)]
    return drift, missing
