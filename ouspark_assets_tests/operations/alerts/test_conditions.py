"""Every kind of rule: it fires, it does not fire, and it is over; or it is not known."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from ouspark_assets.operations.alerts.conditions import Condition
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
    StageDuration,
    VolumeComparison,
    Volumes,
)
from ouspark_assets.operations.alerts.failures import CheckFailed, FailureShare, RunFailed
from ouspark_assets.operations.alerts.findings import Severity
from ouspark_assets.operations.alerts.ledger import Telling, record
from ouspark_assets.operations.alerts.messages import Event, Message
from ouspark_assets.operations.alerts.news import ResultsLive
from ouspark_assets.operations.alerts.outbox import Outbox
from ouspark_assets.operations.alerts.rules import Kind, Rule, evaluate
from ouspark_assets.operations.alerts.times import LateToReaders, Of, SlowStage, Stale
from ouspark_assets.operations.alerts.volumes import Against, QuarantineGrowth, VolumeDrop
from ouspark_assets_tests.operations.alerts.saying import NOON, Book, after, ruleset

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RELEASE, RUN = "20250402", "243eafeb-c3a3-4373-a6ca-251b3959b5ad"
QUIET = Facts(
    NOON,
    failed_runs=(),
    failed_checks=(),
    scrapes=(),
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
DROP = VolumeComparison(
    "rows of clean/marks", "clean/marks", None, 89, 100, "the run before", NOON - HOUR
)
SLOW = StageDuration("clean/marks", RELEASE, RUN, NOON - HOUR, 301, False, (100.0, 90.0, 110.0))
LATE = ListedRelease(RELEASE, "B.E. (CBCS) I Sem.", NOON - HOUR, is_served=False)
LIVE = LiveRelease(RELEASE, "B.E. (CBCS) I Sem.", 1204, 7, NOON - HOUR)


@dataclass(frozen=True)
class Case:
    """A condition, facts in which it fires, facts in which it just does not, and what it says."""

    condition: Condition
    fires: Facts
    stays_quiet: Facts
    headline: str


def volumes(volume: VolumeComparison) -> Facts:
    return replace(QUIET, volumes=Volumes((volume,), ()))


def quarantine(*found: QuarantinedRecords) -> Facts:
    return replace(QUIET, quarantined=found)


CASES: Mapping[str, Case] = {
    "a run failed": Case(
        RunFailed(),
        replace(QUIET, failed_runs=(FAILED,)),
        QUIET,
        "Run failed: clean/marks of 20250402 (and 2 more steps)",
    ),
    "a check failed": Case(
        CheckFailed(),
        replace(QUIET, failed_checks=(CHECK,)),
        replace(QUIET, failed_checks=(replace(CHECK, is_error=False),)),
        "Check failed: fits_its_model of clean/marks",
    ),
    "a check warns": Case(
        CheckFailed(warnings=True),
        replace(QUIET, failed_checks=(replace(CHECK, is_error=False),)),
        replace(QUIET, failed_checks=(CHECK,)),
        "Check failed: fits_its_model of clean/marks",
    ),
    "a scrape failed in part": Case(
        FailureShare(more_than=0.02, at_least=100),
        replace(QUIET, scrapes=(SCRAPE,)),
        replace(QUIET, scrapes=(replace(SCRAPE, failed=20),)),
        "2.1 % of the tickets of 20250402 failed",
    ),
    "too few tickets for a share": Case(
        FailureShare(more_than=0.02, at_least=10),
        replace(QUIET, scrapes=(replace(SCRAPE, tickets=10, failed=10),)),
        replace(QUIET, scrapes=(replace(SCRAPE, tickets=9, failed=9),)),
        "100 % of the tickets of 20250402 failed",
    ),
    "rows are lost": Case(
        VolumeDrop(against=Against.LAST_RUN, more_than=0.1),
        volumes(DROP),
        volumes(replace(DROP, count=90)),
        "11 % fewer than the run before: rows of clean/marks",
    ),
    "students are lost": Case(
        VolumeDrop(against=Against.YEAR_BEFORE, more_than=0.1),
        replace(QUIET, volumes=Volumes((), (replace(DROP, baseline="in 2024x"),))),
        volumes(DROP),
        "11 % fewer than in 2024x: rows of clean/marks",
    ),
    "a stage was slow": Case(
        SlowStage(times=3, last=10, longer_than=timedelta(seconds=60)),
        replace(QUIET, stage_durations=(SLOW,)),
        replace(QUIET, stage_durations=(replace(SLOW, seconds=300),)),
        "clean/marks of 20250402 took 5 min 1 s",
    ),
    "a stage is slow": Case(
        SlowStage(times=3, last=10, longer_than=timedelta(seconds=60)),
        replace(QUIET, stage_durations=(replace(SLOW, is_running=True),)),
        replace(QUIET, stage_durations=(replace(SLOW, earlier_seconds=(1.0, 1.0)),)),
        "clean/marks of 20250402 has been running for 5 min 1 s",
    ),
    "a stage is slow for its last runs": Case(
        SlowStage(times=3, last=3, longer_than=timedelta(seconds=60)),
        replace(
            QUIET, stage_durations=(replace(SLOW, earlier_seconds=(90, 90, 90, 900, 900, 900)),)
        ),
        replace(
            QUIET, stage_durations=(replace(SLOW, earlier_seconds=(900, 900, 900, 90, 90, 90)),)
        ),
        "clean/marks of 20250402 took 5 min 1 s",
    ),
    "a stage is shorter than the floor": Case(
        SlowStage(times=3, last=10, longer_than=timedelta(seconds=60)),
        replace(QUIET, stage_durations=(replace(SLOW, seconds=60, earlier_seconds=(1, 1, 1)),)),
        replace(QUIET, stage_durations=(replace(SLOW, seconds=59, earlier_seconds=(1, 1, 1)),)),
        "clean/marks of 20250402 took 1 min",
    ),
    "production is behind": Case(
        Stale(of=Of.PUBLICATION, longer_than=HOUR),
        replace(QUIET, publication=Freshness(3, NOON - 2 * HOUR)),
        replace(QUIET, publication=Freshness(3, NOON - HOUR)),
        "Production has been behind development for 2 h",
    ),
    "the cache is behind": Case(
        Stale(of=Of.CACHE, longer_than=HOUR),
        replace(QUIET, cache=Freshness(3, NOON - 2 * HOUR)),
        replace(QUIET, publication=Freshness(3, NOON - 2 * HOUR)),
        "The cache has been behind production for 2 h",
    ),
    "a release is late": Case(
        LateToReaders(within=timedelta(minutes=59)),
        replace(QUIET, listed_releases=(LATE,)),
        replace(QUIET, listed_releases=(replace(LATE, is_served=True),)),
        "20250402 is not with readers after 1 h",
    ),
    "a release is late by the setting": Case(
        LateToReaders(),
        replace(QUIET, listed_releases=(LATE,), sla=timedelta(minutes=59)),
        replace(QUIET, listed_releases=(LATE,), sla=HOUR),
        "20250402 is not with readers after 1 h",
    ),
    "quarantine grows": Case(
        QuarantineGrowth(more_than=9, within=DAY),
        quarantine(
            QuarantinedRecords(RELEASE, NOON - HOUR, 6), QuarantinedRecords(RELEASE, NOON - DAY, 4)
        ),
        quarantine(
            QuarantinedRecords(RELEASE, NOON - HOUR, 6), QuarantinedRecords("other", NOON - DAY, 4)
        ),
        "10 records of 20250402 went to quarantine",
    ),
    "quarantine does not shrink": Case(
        QuarantineGrowth(more_than=0, within=DAY),
        quarantine(QuarantinedRecords(RELEASE, NOON - DAY, 1)),
        quarantine(QuarantinedRecords(RELEASE, NOON - DAY - HOUR, 1)),
        "1 record of 20250402 went to quarantine",
    ),
}


def rule(condition: Condition, **narrowed: tuple[str, ...]) -> Rule:
    return Rule("rule", Kind.RUN_FAILED, condition, Severity.WARNING, ("chat",), **narrowed)


def told(book: Book, rules: Rule, facts: Facts, *, seconds: float = 0) -> list[Message]:
    """The messages that there are after a look, which may be written down a little later."""
    found = evaluate([rules], facts)
    found = replace(found, at=found.at + timedelta(seconds=seconds))
    record(book.outbox, found, Telling(ruleset(rules), {"chat"}))
    return book.messages


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(Outbox.under(tmp_path))


@pytest.mark.parametrize("case", CASES)
def test_it_fires_once_and_is_over_once(book: Book, case: str) -> None:
    it, of = CASES[case], rule(CASES[case].condition)
    assert told(book, of, it.stays_quiet) == []
    (begun,) = told(book, of, it.fires)
    assert (begun.event, begun.headline) == (Event.BEGUN, it.headline)
    assert len(told(book, of, it.fires)) == 1
    (_, over) = told(book, of, it.stays_quiet, seconds=1)
    assert (over.event, over.headline) == (Event.OVER, it.headline)
    assert over.details == (("Now", it.condition.over),)
    assert it.condition.over


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_known_neither_begins_nor_ends(book: Book, case: str) -> None:
    it, of = CASES[case], rule(CASES[case].condition)
    nothing_known = Facts(NOON + timedelta(seconds=1))
    assert told(book, of, nothing_known) == []
    assert len(told(book, of, it.fires)) == 1
    assert len(told(book, of, nothing_known)) == 1


def test_every_kind_but_the_news_has_a_case() -> None:
    covered = {type(case.condition) for case in CASES.values()}
    assert covered == {it for it in Condition.__subclasses__() if not it.is_news}


def test_news_is_told_once_and_has_no_end(book: Book) -> None:
    of = rule(ResultsLive())
    live = replace(QUIET, live_releases=(LIVE,))
    (news,) = told(book, of, live)
    assert (news.event, news.title) == (Event.NEWS, "Results are live: B.E. (CBCS) I Sem.")
    for later in range(1, 4):
        assert told(book, of, replace(live, at=after(hours=later))) == [news]
        assert told(book, of, replace(QUIET, at=after(hours=later, minutes=30))) == [news]


def test_a_rule_may_be_narrowed_to_releases_and_assets() -> None:
    other = replace(FAILED, name="raw/result_pages", release="20240402")
    nameless = replace(FAILED, name="reading", release=None)
    facts = replace(QUIET, failed_runs=(FAILED, other, nameless))

    def found(**narrowed: tuple[str, ...]) -> list[str | None]:
        findings = evaluate([rule(RunFailed(), **narrowed)], facts).findings
        return [finding.seen.asset for finding in findings]

    assert len(found()) == 3
    assert found(releases=("2025*",)) == ["clean/marks"]
    assert found(releases=("2025*", "2024*")) == ["clean/marks", "raw/result_pages"]
    assert found(assets=("raw/*",)) == ["raw/result_pages"]
    assert found(assets=("raw/*",), releases=("2025*",)) == []


def test_a_command_that_failed_before_any_run_is_told(book: Book) -> None:
    error = "The development database can't be reached: connection refused."
    command = CommandOutcome("ouspark run", NOON - HOUR, error)
    of = rule(RunFailed())
    (begun,) = told(book, of, replace(QUIET, command=command))
    assert begun.headline == "`ouspark run` failed"
    assert begun.detail("Why") == error
    # The sensor knows nothing of commands: it does not end what it can't judge.
    assert len(told(book, of, replace(QUIET, at=after(seconds=1)))) == 1
    well = replace(QUIET, at=after(seconds=2), command=replace(command, error=None))
    assert [it.event for it in told(book, of, well)] == [Event.BEGUN, Event.OVER]


@pytest.mark.parametrize(
    "said", [{"failed_runs": (replace(FAILED, at=NOON),)}, {"failed_checks": (CHECK,)}]
)
def test_a_command_that_failed_for_a_run_or_a_check_is_told_once(said: dict[str, object]) -> None:
    command = CommandOutcome("ouspark run", NOON - HOUR, "it failed")
    facts = replace(QUIET, command=command, **said)  # type: ignore[arg-type]
    findings = evaluate([rule(RunFailed()), rule(CheckFailed())], facts).findings
    assert len(findings) == 1


def test_a_publication_that_is_held_says_how_it_goes_on() -> None:
    held = Freshness(3, NOON - DAY, "Publishing is held since yesterday")
    (finding,) = evaluate(
        [rule(Stale(of=Of.PUBLICATION, longer_than=HOUR))], replace(QUIET, publication=held)
    ).findings
    assert ("Held", "Publishing is held since yesterday") in finding.seen.details
    assert finding.seen.next_step == "`ouspark publication resume` lets publishing go on"


def test_messages_hold_no_ticket_no_password_and_no_second_line() -> None:
    error = "at 160421733001:\n  postgresql://me:hunter2@db/x failed; password=hunter2 " + "x" * 999
    facts = replace(QUIET, failed_runs=(replace(FAILED, error=error),))
    (finding,) = evaluate([rule(RunFailed())], facts).findings
    (_, said) = finding.seen.details[0]
    assert "160421733001" not in said
    assert "hunter2" not in said
    assert "\n" not in said
    assert len(said) <= 300
