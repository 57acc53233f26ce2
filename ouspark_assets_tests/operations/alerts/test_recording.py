"""Recording evaluations: alerts open once, remind rarely, flap quietly, and close once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ouspark_assets.operations.alerts.alert_store import AlertStore
from ouspark_assets.operations.alerts.messages import Event
from ouspark_assets.operations.alerts.recording import required_quiet_period
from ouspark_assets_tests.operations.alerts.examples import (
    NEWS_RULE,
    NOON,
    RULE,
    RecordedStore,
    after,
    evaluation,
    finding,
    run_failed_rule,
)


@pytest.fixture
def store(tmp_path: Path) -> RecordedStore:
    return RecordedStore(AlertStore.in_home(tmp_path))


def test_a_failure_that_lasts_is_one_message(store: RecordedStore) -> None:
    for minute in range(10):
        store.record_findings(after(minutes=minute), finding())
    assert store.events == ["begun"]
    (message,) = store.messages
    assert message.text == (
        "[critical] Run failed: clean/marks\nWhy: boom\nRun: 243eafeb\nSince: 2025-04-02 12:00 UTC"
    )


def test_two_subjects_are_two_alerts(store: RecordedStore) -> None:
    store.record_findings(NOON, finding("one"), finding("two"))
    changes = store.record_findings(after(minutes=1), finding("two"))
    assert [(message.event.value, message.subject) for message in store.messages] == [
        ("begun", "one"),
        ("begun", "two"),
        ("over", "one"),
    ]
    assert (changes.opened, changes.closed, changes.open) == (0, 1, 1)


def test_a_recovery_says_how_long_the_alert_was_open_and_what_is_true_now(
    store: RecordedStore,
) -> None:
    store.record_findings(NOON, finding())
    store.record_findings(after(minutes=12))
    recovery = store.messages[-1]
    assert recovery.title == "[recovered after 12 min] Run failed: clean/marks"
    assert recovery.lines == (f"Now: {RULE.recovery}", "Since: 2025-04-02 12:00 UTC")


def test_reminders_come_after_the_interval_and_then_after_twice_as_long(
    store: RecordedStore,
) -> None:
    store.rules = [run_failed_rule(remind_after=timedelta(hours=1))]
    store.record_findings(NOON, finding())
    reminded = []
    for minute in range(0, 8 * 60, 20):
        store.mark_all_delivered()
        before = len(store.messages)
        store.record_findings(after(minutes=minute), finding())
        if len(store.messages) > before:
            reminded.append(minute)
    assert reminded == [60, 180, 420]
    assert store.messages[-1].title == "[critical, open for 7 h] Run failed: clean/marks"


def test_there_is_no_reminder_while_the_first_message_is_pending(store: RecordedStore) -> None:
    store.rules = [run_failed_rule(remind_after=timedelta(hours=1))]
    store.record_findings(NOON, finding())
    store.record_findings(after(hours=2), finding())
    assert store.events == ["begun"]


def test_a_flapping_alert_must_be_quiet_for_longer_each_time(store: RecordedStore) -> None:
    """Failing and recovering every minute for an hour sends a handful of messages, not sixty."""
    for minute in range(60):
        store.record_findings(after(minutes=minute), *([finding()] if minute % 2 == 0 else []))
    assert store.events == ["begun", "over", "begun"]
    store.record_findings(after(minutes=60))
    store.record_findings(after(minutes=68, seconds=59))
    assert store.events[-1] == "begun"
    store.record_findings(after(minutes=70))
    assert store.events[-1] == "over"


def test_an_alert_that_comes_back_a_day_later_is_not_flapping(store: RecordedStore) -> None:
    for day in range(3):
        store.record_findings(after(days=day), finding())
        store.record_findings(after(days=day, minutes=1))
        store.record_findings(after(days=day, hours=1))
    assert store.events == ["begun", "over"] * 3


def test_the_required_quiet_period_doubles_up_to_a_limit() -> None:
    periods = [required_quiet_period(closures) for closures in range(100)]
    assert periods[:4] == [timedelta(minutes=minutes) for minutes in (0, 10, 20, 40)]
    assert periods == sorted(periods)
    assert periods[-1] == timedelta(hours=6)


def test_an_alert_stays_open_when_its_facts_could_not_be_read(store: RecordedStore) -> None:
    store.record_findings(NOON, finding())
    store.record(evaluation(after(minutes=1), judged=[]))
    store.record(evaluation(after(minutes=2), judged=[(RULE.name, "other")]))
    assert store.events == ["begun"]


def test_an_older_evaluation_does_not_close_what_a_newer_one_found(store: RecordedStore) -> None:
    store.record_findings(after(seconds=10), finding())
    store.record_findings(after(seconds=5))
    assert store.events == ["begun"]


def test_an_older_evaluation_does_not_open_what_a_newer_one_closed(store: RecordedStore) -> None:
    store.record_findings(NOON, finding())
    store.record_findings(after(seconds=10))
    store.record_findings(after(seconds=5), finding())
    assert store.events == ["begun", "over"]


def test_a_channel_that_becomes_active_is_told_of_open_alerts(store: RecordedStore) -> None:
    store.rules = [run_failed_rule(channels=("chat", "mail"))]
    store.active_channels = ()
    store.record_findings(NOON, finding("one"), finding("two"))
    store.record_findings(after(minutes=1), finding("two"))
    assert store.messages == []
    store.active_channels = ("mail",)
    store.record_findings(after(minutes=2), finding("two"))
    store.record_findings(after(minutes=3), finding("two"))
    assert [(message.event, message.subject) for message in store.messages] == [
        (Event.OPENED, "two")
    ]


def test_an_alert_whose_rule_was_removed_closes_without_a_message(store: RecordedStore) -> None:
    store.record_findings(NOON, finding())
    store.rules = [NEWS_RULE]
    assert store.record_findings(after(minutes=1)).open == 0
    assert store.events == ["begun"]


def test_news_is_told_only_once(store: RecordedStore) -> None:
    store.rules = [NEWS_RULE]
    for hour in range(50):
        news = [finding("20250402", rule=NEWS_RULE)] if hour % 5 else []
        store.record_findings(after(hours=hour), *news)
    assert store.events == ["news"]


def test_the_same_news_has_the_same_id_in_another_store(tmp_path: Path) -> None:
    ids = set()
    for folder in ("one", "two"):
        store = RecordedStore(AlertStore.in_home(tmp_path / folder), [NEWS_RULE])
        store.record_findings(NOON, finding("20250402", rule=NEWS_RULE))
        ids.add(store.messages[0].id)
    assert len(ids) == 1


def test_links_lead_to_the_run_in_the_ui(store: RecordedStore) -> None:
    store.ui_url = "https://dagster.example.org/"
    store.record_findings(NOON, finding())
    assert store.messages[0].link == "https://dagster.example.org/runs/243eafeb-c3a3"


def test_concurrent_evaluations_open_each_alert_once(store: RecordedStore) -> None:
    findings = [finding(str(number)) for number in range(5)]
    with ThreadPoolExecutor(8) as threads:
        changes = [threads.submit(store.record_findings, NOON, *findings) for _ in range(8)]
    assert sum(change.result().opened for change in changes) == 5
    assert sorted(message.subject for message in store.messages) == ["0", "1", "2", "3", "4"]


def test_old_alerts_are_deleted_with_their_messages(store: RecordedStore) -> None:
    store.record_findings(NOON, finding())
    store.record_findings(after(minutes=1))
    store.mark_all_delivered()
    store.record_findings(after(days=91))
    assert store.messages == []


EVALUATIONS = st.lists(
    st.tuples(
        st.floats(0.1, 5000),
        st.sets(st.sampled_from(["one", "two", "three"])),
        st.booleans(),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(evaluations=EVALUATIONS)
def test_openings_and_recoveries_alternate_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, evaluations: list[tuple[float, set[str], bool]]
) -> None:
    store = RecordedStore(AlertStore.in_home(tmp_path_factory.mktemp("store")))
    at = NOON
    for seconds, subjects, is_known in evaluations:
        at += timedelta(seconds=seconds)
        findings = [finding(subject) for subject in sorted(subjects)] if is_known else []
        store.record(evaluation(at, *findings, judged=None if is_known else []))
    for subject in ("one", "two", "three"):
        events = [message.event for message in store.messages if message.subject == subject]
        assert events == [Event.OPENED, Event.RECOVERED] * (len(events) // 2) + [Event.OPENED] * (
            len(events) % 2
        )
        # An alert that is closed in the end was missing from the last evaluation that could judge.
        known = [subject in subjects for _, subjects, is_known in evaluations if is_known]
        if events and events[-1] is Event.RECOVERED:
            assert not known[-1]
        assert bool(events) == any(known)
