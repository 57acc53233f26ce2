"""The metrics as Prometheus parses them."""

import re
from dataclasses import replace

from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_strictly
from prometheus_client.parser import text_string_to_metric_families as parse

from ouspark_assets.operations.metrics import Metrics, Snapshot, SnapshotTaker, format_metrics
from ouspark_assets.operations.status import CacheState, PublicationState
from ouspark_assets_tests.operations.metrics_snapshot import complete_snapshot

BOUNDED = {"stage", "outcome", "state", "release", "table", "site", "le"}
# The last word of a metric's name: its unit, or what it counts.
UNIT_SUFFIX = re.compile(
    r"_(seconds|bytes|rows|records|runs|stages|requests|answers|retries|outages|releases|checks"
    r"|number|limit|state|up|success|behind|held|scraping)$"
)


def metrics_of(snapshot: Snapshot) -> Metrics:
    def fill(filled: Snapshot) -> None:
        vars(filled).update(vars(snapshot))

    return Metrics(SnapshotTaker(fill, 30))


def samples(snapshot: Snapshot) -> dict[tuple[str, ...], float]:
    """Return the value of every sample by its name and label values."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in parse(format_metrics(metrics_of(snapshot)))
        for sample in family.samples
    }


def test_every_metric_has_help_and_type() -> None:
    lines = format_metrics(metrics_of(complete_snapshot())).splitlines()
    names = {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in names}
    for kind in ("HELP", "TYPE"):
        described = [line.split()[2] for line in lines if line.startswith(f"# {kind} ")]
        assert set(described) == families
        assert len(described) == len(set(described))
    assert all(len(line.split(maxsplit=3)[3]) > 10 for line in lines if line.startswith("# HELP"))


def test_every_name_ends_with_its_unit_or_with_what_it_counts() -> None:
    for family in metrics_of(complete_snapshot()).collect():
        assert re.fullmatch(r"ouspark_[a-z][a-z0-9_]*", family.name)
        assert UNIT_SUFFIX.search(family.name), family.name
        assert not family.name.endswith("_total")
        totals = [sample.name.endswith("_total") for sample in family.samples]
        assert all(totals) if family.type == "counter" else not any(totals)


def test_only_bounded_labels_are_used() -> None:
    labels = {
        label
        for family in metrics_of(complete_snapshot()).collect()
        for sample in family.samples
        for label in sample.labels
    }
    assert labels == BOUNDED


def test_both_formats_can_be_parsed_and_have_the_same_samples() -> None:
    metrics = metrics_of(complete_snapshot())
    plain = {f.name: len(f.samples) for f in parse(generate_latest(metrics).decode())}
    strict = {
        f.name: len(f.samples) for f in parse_strictly(generate_openmetrics(metrics).decode())
    }
    assert plain == strict
    assert len(plain) > 30


def test_label_values_are_escaped() -> None:
    found = samples(complete_snapshot())
    odd = 'odd "name"\\with\nlines'
    assert found["ouspark_stage_runs_total", "failed", odd] == 1


def test_known_facts_have_metrics() -> None:
    found = samples(complete_snapshot())
    assert found["ouspark_up",] == 1
    assert found["ouspark_stage_runs_total", "died", "clean.pages"] == 1
    assert found["ouspark_stage_read_rows_total", "clean.pages"] == 10
    assert found["ouspark_stage_duration_seconds_bucket", "0.3", "clean.pages"] == 1
    assert found["ouspark_stage_duration_seconds_bucket", "+Inf", "clean.pages"] == 4
    assert found["ouspark_stage_duration_seconds_sum", "clean.pages"] == 12.5
    assert found["ouspark_unfinished_stages", "at_work"] == 1
    assert found["ouspark_unfinished_stages", "dead"] == 2
    assert found["ouspark_stage_last_success", "", "analytics.standings"] == 0
    assert found["ouspark_scrape_answers_total", "not_found", "20250402"] == 8
    assert found["ouspark_site_breaker_state", "site", "half-open"] == 1
    assert found["ouspark_site_breaker_state", "site", "closed"] == 0
    assert ("ouspark_site_breaker_state", "older", "closed") not in found
    assert found["ouspark_quarantine_open_records", "marks"] == 7
    assert found["ouspark_publication_number",] == 12
    assert found["ouspark_publication_timestamp_seconds",] == 1_743_595_200
    assert found["ouspark_publication_behind",] == found["ouspark_publication_held",] == 1
    assert found["ouspark_cache_publication_number",] == 12
    assert found["ouspark_cache_behind",] == 0
    assert found["ouspark_releases", "incomplete"] == 1
    assert found["ouspark_failed_checks",] == 2


def test_unknown_facts_have_no_metrics() -> None:
    assert samples(Snapshot()) == {("ouspark_up",): 0}


def test_an_unreachable_server_is_down_and_has_no_other_metrics() -> None:
    away = replace(
        complete_snapshot(),
        publication=PublicationState(None, None, behind=False, held=None, problem="away"),
        cache=CacheState(None, None, None, behind=False, problem="away"),
    )
    found = samples(away)
    assert found["ouspark_production_up",] == found["ouspark_cache_up",] == 0
    assert not [name for name, *_ in found if name.startswith("ouspark_publication_")]
    assert not [name for name, *_ in found if name.startswith("ouspark_cache_b")]
