"""The metrics as Prometheus reads them."""

import re
from dataclasses import replace

from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_strictly
from prometheus_client.parser import text_string_to_metric_families as parse

from ouspark_assets.operations.metrics.exposition import Metrics, text
from ouspark_assets.operations.metrics.reading import Reader, Reading
from ouspark_assets.operations.status import CacheState, PublicationState
from ouspark_assets_tests.operations.metrics.facts import everything

BOUNDED = {"stage", "outcome", "state", "release", "table", "site", "le"}
# What is counted or measured, where it is neither seconds nor bytes.
UNITS = re.compile(
    r"_(seconds|bytes|rows|records|runs|stages|requests|answers|retries|outages|releases|checks"
    r"|number|limit|state|up|success|behind|held|scraping)$"
)


def metrics_of(reading: Reading) -> Metrics:
    def fill(filled: Reading) -> None:
        vars(filled).update(vars(reading))

    return Metrics(Reader(fill, 30))


def samples(reading: Reading) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in parse(text(metrics_of(reading)))
        for sample in family.samples
    }


def test_the_text_has_help_and_type_for_every_metric() -> None:
    lines = text(metrics_of(everything())).splitlines()
    names = {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in names}
    for kind in ("HELP", "TYPE"):
        described = [line.split()[2] for line in lines if line.startswith(f"# {kind} ")]
        assert set(described) == families
        assert len(described) == len(set(described))
    assert all(len(line.split(maxsplit=3)[3]) > 10 for line in lines if line.startswith("# HELP"))


def test_names_say_what_is_counted_and_in_which_unit() -> None:
    for family in metrics_of(everything()).collect():
        assert re.fullmatch(r"ouspark_[a-z][a-z0-9_]*", family.name)
        assert UNITS.search(family.name), family.name
        assert not family.name.endswith("_total")
        totals = [sample.name.endswith("_total") for sample in family.samples]
        assert all(totals) if family.type == "counter" else not any(totals)


def test_labels_are_bounded() -> None:
    labels = {
        label
        for family in metrics_of(everything()).collect()
        for sample in family.samples
        for label in sample.labels
    }
    assert labels == BOUNDED


def test_both_formats_can_be_read_back_and_say_the_same() -> None:
    metrics = metrics_of(everything())
    plain = {f.name: len(f.samples) for f in parse(generate_latest(metrics).decode())}
    strict = {
        f.name: len(f.samples) for f in parse_strictly(generate_openmetrics(metrics).decode())
    }
    assert plain == strict
    assert len(plain) > 30


def test_odd_names_come_out_as_they_are() -> None:
    found = samples(everything())
    odd = 'odd "name"\\with\nlines'
    assert found["ouspark_stage_runs_total", "failed", odd] == 1


def test_what_is_known_is_said() -> None:
    found = samples(everything())
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


def test_of_what_is_not_known_nothing_is_said() -> None:
    assert samples(Reading()) == {("ouspark_up",): 0}


def test_a_server_that_is_away_is_down_and_has_no_numbers_of_yesterday() -> None:
    away = replace(
        everything(),
        publication=PublicationState(None, None, behind=False, held=None, problem="away"),
        cache=CacheState(None, None, None, behind=False, problem="away"),
    )
    found = samples(away)
    assert found["ouspark_production_up",] == found["ouspark_cache_up",] == 0
    assert not [name for name, *_ in found if name.startswith("ouspark_publication_")]
    assert not [name for name, *_ in found if name.startswith("ouspark_cache_b")]
