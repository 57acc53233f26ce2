"""What is open: told when it begins, seldom again, and when it is over; however it behaves."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ouspark_assets.domain.errors import AlertsError
from ouspark_assets.operations.alerts.ledger import Telling, calm_after, record
from ouspark_assets.operations.alerts.messages import Event
from ouspark_assets.operations.alerts.outbox import Outbox
from ouspark_assets_tests.operations.alerts.saying import (
    NEWS,
    NOON,
    RULE,
    Book,
    after,
    evaluation,
    finding,
    news,
    rule,
    ruleset,
)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(Outbox.under(tmp_path))


def test_one_message_however_long_it_lasts(book: Book) -> None:
    for minute in range(10):
        book.see(after(minutes=minute), finding())
    assert book.events == ["begun"]
    (begun,) = book.messages
    assert begun.text == (
        "[critical] Run failed: clean/marks\nWhy: boom\nRun: 243eafeb\nSince: 2025-04-02 12:00 UTC"
    )


def test_two_things_are_two_alerts(book: Book) -> None:
    book.see(NOON, finding("one"), finding("two"))
    done = book.see(after(minutes=1), finding("two"))
    assert [(it.event.value, it.subject) for it in book.messages] == [
        ("begun", "one"),
        ("begun", "two"),
        ("over", "one"),
    ]
    assert (done.begun, done.ended, done.open) == (0, 1, 1)


def test_the_end_says_how_long_it_lasted_and_what_is_so_now(book: Book) -> None:
    book.see(NOON, finding())
    book.see(after(minutes=12), *[])
    over = book.messages[-1]
    assert over.title == "[over after 12 min] Run failed: clean/marks"
    assert over.lines == ("Now: It works again.", "Since: 2025-04-02 12:00 UTC")


def test_a_reminder_comes_after_its_time_then_after_twice_as_long(book: Book) -> None:
    book.telling = Telling(ruleset(rule(remind_after=timedelta(hours=1))), {"chat"})
    book.see(NOON, finding())
    reminded = []
    for minute in range(0, 8 * 60, 20):
        delivered(book)
        before = len(book.messages)
        book.see(after(minutes=minute), finding())
        if len(book.messages) > before:
            reminded.append(minute)
    assert reminded == [60, 180, 420]
    assert book.messages[-1].title == "[critical, for 7 h] Run failed: clean/marks"


def test_no_reminder_where_the_beginning_has_not_arrived(book: Book) -> None:
    book.telling = Telling(ruleset(rule(remind_after=timedelta(hours=1))), {"chat"})
    book.see(NOON, finding())
    book.see(after(hours=2), finding())
    assert book.events == ["begun"]


def test_what_comes_back_within_a_day_must_stay_away_longer_each_time(book: Book) -> None:
    """Failing and working in turns for an hour: a handful of messages, not sixty."""
    for minute in range(60):
        book.see(after(minutes=minute), *([finding()] if minute % 2 == 0 else []))
    assert book.events == ["begun", "over", "begun"]
    book.see(after(minutes=60))
    book.see(after(minutes=68, seconds=59))
    assert book.events[-1] == "begun"
    book.see(after(minutes=70))
    assert book.events[-1] == "over"


def test_a_day_later_it_is_a_first_time_again(book: Book) -> None:
    for day in range(3):
        book.see(after(days=day), finding())
        book.see(after(days=day, minutes=1))
        book.see(after(days=day, hours=1))
    assert book.events == ["begun", "over"] * 3


def test_the_time_to_stay_away_doubles_up_to_a_limit() -> None:
    calms = [calm_after(returns) for returns in range(100)]
    assert calms[:4] == [timedelta(minutes=minutes) for minutes in (0, 10, 20, 40)]
    assert calms == sorted(calms)
    assert calms[-1] == timedelta(hours=6)


def test_what_could_not_be_looked_at_is_not_over(book: Book) -> None:
    book.see(NOON, finding())
    record(book.outbox, evaluation(after(minutes=1), judged=[]), book.telling)
    record(book.outbox, evaluation(after(minutes=2), judged=[(RULE, "other")]), book.telling)
    assert book.events == ["begun"]


def test_an_older_look_does_not_end_what_a_newer_one_found(book: Book) -> None:
    book.see(after(seconds=10), finding())
    book.see(after(seconds=5))
    assert book.events == ["begun"]


def test_an_older_look_does_not_begin_what_a_newer_one_saw_ended(book: Book) -> None:
    book.see(NOON, finding())
    book.see(after(seconds=10))
    book.see(after(seconds=5), finding())
    assert book.events == ["begun", "over"]


def test_a_channel_that_becomes_active_is_told_of_what_is_open(book: Book) -> None:
    rules = ruleset(rule(channels=("chat", "mail")))
    book.telling = Telling(rules, set())
    book.see(NOON, finding("one"), finding("two"))
    book.see(after(minutes=1), finding("two"))
    assert book.messages == []
    book.telling = Telling(rules, {"mail"})
    book.see(after(minutes=2), finding("two"))
    book.see(after(minutes=3), finding("two"))
    assert [(it.event, it.subject) for it in book.messages] == [(Event.BEGUN, "two")]


def test_an_alert_whose_rule_is_gone_ends_without_a_word(book: Book) -> None:
    book.see(NOON, finding())
    book.telling = Telling(ruleset(news()), {"chat"})
    assert book.see(after(minutes=1)).open == 0
    assert book.events == ["begun"]


def test_news_is_told_once_for_good(book: Book) -> None:
    book.telling = Telling(ruleset(news()), {"chat"})
    for hour in range(50):
        book.see(after(hours=hour), *([finding("20250402", of=NEWS)] if hour % 5 else []))
    assert book.events == ["news"]


def test_news_that_is_told_again_by_another_outbox_has_the_same_id(tmp_path: Path) -> None:
    ids = set()
    for place in ("one", "two"):
        book = Book(Outbox.under(tmp_path / place), Telling(ruleset(news()), {"chat"}))
        book.see(NOON, finding("20250402", of=NEWS))
        ids.add(book.messages[0].id)
    assert len(ids) == 1


def test_links_lead_to_the_run_in_the_ui(book: Book) -> None:
    book.telling = Telling(ruleset(), {"chat"}, "https://dagster.example.org/")
    book.see(NOON, finding())
    assert book.messages[0].link == "https://dagster.example.org/runs/243eafeb-c3a3"


def test_many_processes_that_look_at_once_tell_once(book: Book) -> None:
    findings = [finding(str(number)) for number in range(5)]
    with ThreadPoolExecutor(8) as processes:
        looks = [processes.submit(book.see, NOON, *findings) for _ in range(8)]
    assert sum(look.result().begun for look in looks) == 5
    assert sorted(it.subject for it in book.messages) == ["0", "1", "2", "3", "4"]


def test_what_was_over_long_ago_is_forgotten(book: Book) -> None:
    book.see(NOON, finding())
    book.see(after(minutes=1))
    delivered(book)
    book.see(after(days=91))
    assert book.messages == []


def test_a_damaged_outbox_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "alerts.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(AlertsError, match=r"The outbox of alerts .* can't be used: .*move it away"):
        Book(Outbox.under(tmp_path)).see(NOON, finding())


def test_an_outbox_that_can_not_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AlertsError, match="can't be written: File exists"):
        Book(Outbox.under(tmp_path / "file")).see(NOON, finding())


def test_nobody_else_reads_the_outbox(book: Book) -> None:
    book.see(NOON)
    assert book.outbox.path.stat().st_mode & 0o077 == 0


LOOKS = st.lists(
    st.tuples(
        st.floats(0.1, 5000),
        st.sets(st.sampled_from(["one", "two", "three"])),
        st.booleans(),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(looks=LOOKS)
def test_whatever_happens_beginnings_and_ends_are_told_in_turns(
    tmp_path_factory: pytest.TempPathFactory, looks: list[tuple[float, set[str], bool]]
) -> None:
    book = Book(Outbox.under(tmp_path_factory.mktemp("book")))
    at = NOON
    for seconds, subjects, is_known in looks:
        at += timedelta(seconds=seconds)
        found = [finding(it) for it in sorted(subjects)] if is_known else []
        judged = None if is_known else []
        record(book.outbox, evaluation(at, *found, judged=judged), book.telling)
    for subject in ("one", "two", "three"):
        told = [it.event for it in book.messages if it.subject == subject]
        assert told == [Event.BEGUN, Event.OVER] * (len(told) // 2) + [Event.BEGUN] * (
            len(told) % 2
        )
        # What is over in the end was seen quiet since it was seen last.
        known = [subject in subjects for _, subjects, is_known in looks if is_known]
        if told and told[-1] is Event.OVER:
            assert not known[-1]
        assert bool(told) == any(known)


def delivered(book: Book) -> None:
    with book.outbox.transaction() as connection:
        connection.execute("UPDATE deliveries SET delivered_at = 0")
