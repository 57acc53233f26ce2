"""Every condition: when it applies, when it just does not, and when its facts are missing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from ouspark_assets.operations.alerts.alert_store import AlertStore
from ouspark_assets.operations.alerts.conditions import (
    AnyRule,
    CheckFailed,
    FailureShare,
    LateToReaders,
    QuarantineGrowth,
    ResultsLive,
    RunFailed,
    SiteDown,
    SlowStage,
    Stale,
    Unhealthy,
    VolumeDrop,
)
from ouspark_assets.operations.alerts.facts import (
    CommandOutcome,
    Facts,
    FailedCheck,
    FailedRun,
    Freshness,
    ListedRelease,
    LiveRelease,
    QuarantinedRecords,
    Scrape,
    SiteOutage,
    StageDuration,
    UnhealthyPart,
    VolumeComparison,
    Volumes,
)
from ouspark_assets.operations.alerts.messages import Event, Message
from ouspark_assets.operations.alerts.rules import Rule, Severity, evaluate_rules
from ouspark_assets_tests.operations.alerts.examples import NOON, RecordedStore, after

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RELEASE, RUN = "20250402", "243eafeb-c3a3-4373-a6ca-251b3959b5ad"
QUIET = Facts(
    NOON,
    failed_runs=(),
    failed_checks=(),
    scrapes=(),
    index_outages=(),
    scrape_outages=(),
    unhealthy_parts=(),
    volumes=Volumes((), ()),
    stage_durations=(),
    publication=Freshness(3, None),
    cache=Freshness(3, None),
    listed_releases=(),
    quarantined=(),
    live_releases=(),
)
FAILED = FailedRun("clean/marks", RELEASE, RUN, "ValueError: boom", NOON - HOUR, 2)
CHECK = FailedCheck("clean/marks", "fits_its_model", True, RUN, NOON - HOUR, "grade: isin")
SCRAPE = Scrape(RELEASE, RUN, NOON - HOUR, 1000, 21)
OUTAGE = SiteOutage("results.example.org", NOON - HOUR, "connection refused")
BROKEN = UnhealthyPart("code", NOON - HOUR, "No process executes user code.")
DROP = VolumeComparison(
    "rows of clean/marks", "clean/marks", None, 89, 100, "the run before", NOON - HOUR
)
SLOW = StageDuration("clean/marks", RELEASE, RUN, NOON - HOUR, 301, False, (100.0, 90.0, 110.0))
LATE = ListedRelease(RELEASE, "B.E. (CBCS) I Sem.", NOON - HOUR, is_served=False)
LIVE = LiveRelease(RELEASE, "B.E. (CBCS) I Sem.", 1204, 7, NOON - HOUR)


COMMON: dict[str, Any] = {"name": "rule", "severity": Severity.WARNING, "channels": ("chat",)}


@dataclass(frozen=True)
class Case:
    """A rule, facts that it applies to, facts that it just does not apply to, and its headline."""

    rule: Rule
    matching: Facts
    quiet: Facts
    headline: str


def volumes(volume: VolumeComparison) -> Facts:
    return replace(QUIET, volumes=Volumes((volume,), ()))


def quarantine(*found: QuarantinedRecords) -> Facts:
    return replace(QUIET, quarantined=found)


CASES: Mapping[str, Case] = {
    "a run failed": Case(
        RunFailed(**COMMON),
        replace(QUIET, failed_runs=(FAILED,)),
        QUIET,
        "Run failed: clean/marks of 20250402 (and 2 more steps)",
    ),
    "a check failed": Case(
        CheckFailed(**COMMON),
        replace(QUIET, failed_checks=(CHECK,)),
        replace(QUIET, failed_checks=(replace(CHECK, is_error=False),)),
        "Check failed: fits_its_model of clean/marks",
    ),
    "a check warns": Case(
        CheckFailed(**COMMON, warnings=True),
        replace(QUIET, failed_checks=(replace(CHECK, is_error=False),)),
        replace(QUIET, failed_checks=(CHECK,)),
        "Check failed: fits_its_model of clean/marks",
    ),
    "part of a scrape failed": Case(
        FailureShare(**COMMON, more_than=0.02, at_least=100),
        replace(QUIET, scrapes=(SCRAPE,)),
        replace(QUIET, scrapes=(replace(SCRAPE, failed=20),)),
        "2.1 % of the hall tickets of 20250402 failed",
    ),
    "too few tickets for a share": Case(
        FailureShare(**COMMON, more_than=0.02, at_least=10),
        replace(QUIET, scrapes=(replace(SCRAPE, tickets=10, failed=10),)),
        replace(QUIET, scrapes=(replace(SCRAPE, tickets=9, failed=9),)),
        "100 % of the hall tickets of 20250402 failed",
    ),
    "a named check warns": Case(
        CheckFailed(**COMMON, warnings=True, checks=("pages_*",)),
        replace(QUIET, failed_checks=(replace(CHECK, check="pages_change", is_error=False),)),
        replace(QUIET, failed_checks=(replace(CHECK, is_error=False),)),
        "Check failed: pages_change of clean/marks",
    ),
    "the index page cannot be read": Case(
        SiteDown(**COMMON, longer_than=timedelta(minutes=59)),
        replace(QUIET, index_outages=(OUTAGE,)),
        replace(QUIET, index_outages=(replace(OUTAGE, since=NOON - timedelta(minutes=59)),)),
        "No answer from results.example.org for 1 h",
    ),
    "a scrape gets no answer": Case(
        SiteDown(**COMMON, longer_than=timedelta(minutes=59)),
        replace(QUIET, scrape_outages=(OUTAGE,)),
        QUIET,
        "No answer from results.example.org for 1 h",
    ),
    "a part of the installation does not work": Case(
        Unhealthy(**COMMON, longer_than=timedelta(minutes=3)),
        replace(QUIET, unhealthy_parts=(BROKEN,)),
        replace(QUIET, unhealthy_parts=(replace(BROKEN, since=NOON - timedelta(minutes=3)),)),
        "Not healthy: code, for 1 h",
    ),
    "rows are lost": Case(
        VolumeDrop(**COMMON, against="last_run", more_than=0.1),
        volumes(DROP),
        volumes(replace(DROP, count=90)),
        "11 % fewer rows of clean/marks than the run before",
    ),
    "students are lost": Case(
        VolumeDrop(**COMMON, against="year_before", more_than=0.1),
        replace(QUIET, volumes=Volumes((), (replace(DROP, baseline="in 2024x"),))),
        volumes(DROP),
        "11 % fewer rows of clean/marks than in 2024x",
    ),
    "a stage was slow": Case(
        SlowStage(**COMMON, times=3, last=10, longer_than=timedelta(seconds=60)),
        replace(QUIET, stage_durations=(SLOW,)),
        replace(QUIET, stage_durations=(replace(SLOW, seconds=300),)),
        "clean/marks of 20250402 took 5 min 1 s",
    ),
    "a stage is slow": Case(
        SlowStage(**COMMON, times=3, last=10, longer_than=timedelta(seconds=60)),
        replace(QUIET, stage_durations=(replace(SLOW, is_running=True),)),
        replace(QUIET, stage_durations=(replace(SLOW, earlier_seconds=(1.0, 1.0)),)),
        "clean/marks of 20250402 has been running for 5 min 1 s",
    ),
    "a stage is slower than its last runs": Case(
        SlowStage(**COMMON, times=3, last=3, longer_than=timedelta(seconds=60)),
        replace(
            QUIET, stage_durations=(replace(SLOW, earlier_seconds=(90, 90, 90, 900, 900, 900)),)
        ),
        replace(
            QUIET, stage_durations=(replace(SLOW, earlier_seconds=(900, 900, 900, 90, 90, 90)),)
        ),
        "clean/marks of 20250402 took 5 min 1 s",
    ),
    "a stage is shorter than the floor": Case(
        SlowStage(**COMMON, times=3, last=10, longer_than=timedelta(seconds=60)),
        replace(QUIET, stage_durations=(replace(SLOW, seconds=60, earlier_seconds=(1, 1, 1)),)),
        replace(QUIET, stage_durations=(replace(SLOW, seconds=59, earlier_seconds=(1, 1, 1)),)),
        "clean/marks of 20250402 took 1 min",
    ),
    "production is behind": Case(
        Stale(**COMMON, of="publication", longer_than=HOUR),
        replace(QUIET, publication=Freshness(3, NOON - 2 * HOUR)),
        replace(QUIET, publication=Freshness(3, NOON - HOUR)),
        "Production has been behind development for 2 h",
    ),
    "the cache is behind": Case(
        Stale(**COMMON, of="cache", longer_than=HOUR),
        replace(QUIET, cache=Freshness(3, NOON - 2 * HOUR)),
        replace(QUIET, publication=Freshness(3, NOON - 2 * HOUR)),
        "The cache has been behind production for 2 h",
    ),
    "a release is late": Case(
        LateToReaders(**COMMON, within=timedelta(minutes=59)),
        replace(QUIET, listed_releases=(LATE,)),
        replace(QUIET, listed_releases=(replace(LATE, is_served=True),)),
        "Release 20250402 has not reached readers after 1 h",
    ),
    "a release is late by the setting": Case(
        LateToReaders(**COMMON),
        replace(QUIET, listed_releases=(LATE,), sla=timedelta(minutes=59)),
        replace(QUIET, listed_releases=(LATE,), sla=HOUR),
        "Release 20250402 has not reached readers after 1 h",
    ),
    "quarantine grows": Case(
        QuarantineGrowth(**COMMON, more_than=9, within=DAY),
        quarantine(
            QuarantinedRecords(RELEASE, NOON - HOUR, 6), QuarantinedRecords(RELEASE, NOON - DAY, 4)
        ),
        quarantine(
            QuarantinedRecords(RELEASE, NOON - HOUR, 6), QuarantinedRecords("other", NOON - DAY, 4)
        ),
        "10 records of 20250402 quarantined",
    ),
    "old records in quarantine do not count": Case(
        QuarantineGrowth(**COMMON, more_than=0, within=DAY),
        quarantine(QuarantinedRecords(RELEASE, NOON - DAY, 1)),
        quarantine(QuarantinedRecords(RELEASE, NOON - DAY - HOUR, 1)),
        "1 record of 20250402 quarantined",
    ),
}


@pytest.fixture
def store(tmp_path: Path) -> RecordedStore:
    return RecordedStore(AlertStore.in_home(tmp_path))


def record(
    store: RecordedStore, rule: Rule, facts: Facts, *, seconds_later: float = 0
) -> list[Message]:
    """Record an evaluation of the facts, as if made a little later; return all messages."""
    store.rules = [rule]
    evaluation = evaluate_rules([rule], facts)
    store.record(replace(evaluation, at=evaluation.at + timedelta(seconds=seconds_later)))
    return store.messages


@pytest.mark.parametrize("name", CASES)
def test_an_alert_opens_once_and_recovers_once(store: RecordedStore, name: str) -> None:
    case = CASES[name]
    assert record(store, case.rule, case.quiet) == []
    (opened,) = record(store, case.rule, case.matching)
    assert (opened.event, opened.headline) == (Event.OPENED, case.headline)
    assert len(record(store, case.rule, case.matching)) == 1
    (_, recovered) = record(store, case.rule, case.quiet, seconds_later=1)
    assert (recovered.event, recovered.headline) == (Event.RECOVERED, case.headline)
    assert recovered.details == (("Now", case.rule.recovery),)
    assert case.rule.recovery


@pytest.mark.parametrize("name", CASES)
def test_missing_facts_neither_open_nor_close_an_alert(store: RecordedStore, name: str) -> None:
    case = CASES[name]
    missing = Facts(NOON + timedelta(seconds=1))
    assert record(store, case.rule, missing) == []
    assert len(record(store, case.rule, case.matching)) == 1
    assert len(record(store, case.rule, missing)) == 1


def test_every_condition_but_news_has_a_case() -> None:
    conditions = {rule for rule in get_args(get_args(AnyRule)[0]) if not rule.is_news}
    assert {type(case.rule) for case in CASES.values()} == conditions


def test_news_is_told_once_and_has_no_recovery(store: RecordedStore) -> None:
    rule = ResultsLive(**COMMON)
    live = replace(QUIET, live_releases=(LIVE,))
    (news,) = record(store, rule, live)
    assert (news.event, news.title) == (Event.NEWS, "Results are live: B.E. (CBCS) I Sem.")
    for hour in range(1, 4):
        assert record(store, rule, replace(live, at=after(hours=hour))) == [news]
        assert record(store, rule, replace(QUIET, at=after(hours=hour, minutes=30))) == [news]


def test_a_rule_can_be_limited_to_releases_and_assets() -> None:
    other = replace(FAILED, name="raw/result_pages", release="20240402")
    without_asset = replace(FAILED, name="reading", release=None)
    facts = replace(QUIET, failed_runs=(FAILED, other, without_asset))

    def found_assets(**filters: tuple[str, ...]) -> list[str | None]:
        findings = evaluate_rules([RunFailed(**COMMON, **filters)], facts).findings
        return [finding.observation.asset for finding in findings]

    assert len(found_assets()) == 3
    assert found_assets(releases=("2025*",)) == ["clean/marks"]
    assert found_assets(releases=("2025*", "2024*")) == ["clean/marks", "raw/result_pages"]
    assert found_assets(assets=("raw/*",)) == ["raw/result_pages"]
    assert found_assets(assets=("raw/*",), releases=("2025*",)) == []


def test_a_command_that_failed_before_any_run_opens_an_alert(store: RecordedStore) -> None:
    error = "The development database can't be reached: connection refused."
    command = CommandOutcome("ouspark run", NOON - HOUR, error)
    rule = RunFailed(**COMMON)
    (opened,) = record(store, rule, replace(QUIET, command=command))
    assert opened.headline == "`ouspark run` failed"
    assert opened.detail("Why") == error
    # The sensor knows no commands, so it cannot close the alert.
    assert len(record(store, rule, replace(QUIET, at=after(seconds=1)))) == 1
    success = replace(QUIET, at=after(seconds=2), command=replace(command, error=None))
    messages = record(store, rule, success)
    assert [message.event for message in messages] == [Event.OPENED, Event.RECOVERED]


@pytest.mark.parametrize(
    "failure", [{"failed_runs": (replace(FAILED, at=NOON),)}, {"failed_checks": (CHECK,)}]
)
def test_a_command_that_failed_because_of_a_run_or_check_is_one_finding(
    failure: dict[str, Any],
) -> None:
    command = CommandOutcome("ouspark run", NOON - HOUR, "it failed")
    facts = replace(QUIET, command=command, **failure)
    rules = [RunFailed(**COMMON), CheckFailed(**COMMON)]
    assert len(evaluate_rules(rules, facts).findings) == 1


def test_a_hold_on_publishing_is_shown_with_the_command_that_lifts_it() -> None:
    held = Freshness(3, NOON - DAY, "Publishing is held since yesterday")
    rule = Stale(**COMMON, of="publication", longer_than=HOUR)
    (finding,) = evaluate_rules([rule], replace(QUIET, publication=held)).findings
    assert ("Held", "Publishing is held since yesterday") in finding.observation.details
    assert finding.observation.next_step == "`ouspark publication resume` lifts the hold."


def test_findings_contain_no_hall_ticket_no_password_and_no_second_line() -> None:
    error = "at 160421733001:\n  postgresql://me:hunter2@db/x failed; password=hunter2 " + "x" * 999
    facts = replace(QUIET, failed_runs=(replace(FAILED, error=error),))
    (finding,) = evaluate_rules([RunFailed(**COMMON)], facts).findings
    (_, reason) = finding.observation.details[0]
    assert "160421733001" not in reason
    assert "hunter2" not in reason
    assert "\n" not in reason
    assert len(reason) <= 300
