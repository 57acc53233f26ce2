"""How fast the site may be asked: the rate is kept, trouble slows down, waits are as asked."""

from datetime import UTC, datetime
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouspark_assets.sources.results_site.retry_policy import (
    MAX_RETRY_AFTER,
    TICKET_BACKOFF,
    AdaptiveLimit,
    TokenBucket,
    is_loopback,
    retry_after_seconds,
)

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@given(st.floats(min_value=0.5, max_value=500), st.lists(st.floats(min_value=0, max_value=0.3)))
def test_the_rate_is_never_exceeded_whenever_requests_come(rate: float, gaps: list[float]) -> None:
    bucket, now, sent = TokenBucket(rate), 0.0, []
    for gap in [*gaps, *[0.0] * 50]:
        now += gap
        now += bucket.reserve(now)
        sent.append(now)
    burst = max(1.0, rate / 4) + 1
    for begin in range(0, len(sent), 7):
        for end in range(begin, len(sent), 5):
            most = rate * (sent[end] - sent[begin]) + burst
            assert end - begin + 1 <= most + 1e-6


def test_without_a_rate_nothing_waits() -> None:
    bucket = TokenBucket(None)
    assert [bucket.reserve(0.0) for _ in range(100)] == [0.0] * 100


def test_a_healthy_site_is_read_at_full_speed_from_the_first_request() -> None:
    limit = AdaptiveLimit(32)
    for _ in range(500):
        limit.record_success()
        assert limit.current == 32


def test_trouble_halves_the_limit_once_for_what_was_under_way() -> None:
    limit = AdaptiveLimit(32)
    for _ in range(32):
        limit.record_failure()
    assert limit.current == 16


def test_trouble_that_goes_on_slows_down_to_one_at_a_time() -> None:
    limit = AdaptiveLimit(32)
    for _ in range(500):
        limit.record_failure()
    assert limit.current == 1


def test_a_limit_creeps_back_and_never_beyond_the_most() -> None:
    limit = AdaptiveLimit(32)
    limit.record_refusal()
    seen = [limit.current]
    for _ in range(2000):
        limit.record_success()
        seen.append(limit.current)
    steps = [later - sooner for sooner, later in pairwise(seen)]
    assert (seen[0], seen[-1], max(steps), min(steps)) == (16, 32, 1, 0)


def test_a_site_with_a_few_troubles_is_not_slowed_down() -> None:
    limit, chance = AdaptiveLimit(32), Random(1)
    for _ in range(2000):
        limit.record_failure() if chance.random() < 0.05 else limit.record_success()
    assert limit.current == 32


def test_after_an_outage_the_limit_doubles_up_to_half_of_what_the_site_bore() -> None:
    limit = AdaptiveLimit(32)
    for _ in range(100):
        limit.record_failure()
    limit.restart_after_outage()
    seen = {limit.current}
    for _ in range(60):
        limit.record_success()
        seen.add(limit.current)
    assert {4, 8, 16} <= seen


def test_waits_grow_with_every_attempt_within_full_jitter() -> None:
    waits = [
        [TICKET_BACKOFF.seconds(attempt, Random(seed)) for seed in range(200)]
        for attempt in (1, 3, 9)
    ]
    assert max(waits[0]) <= 0.4 < max(waits[1]) <= 1.6 < max(waits[2]) <= 15.0
    assert all(min(of_attempt) < 0.1 * max(of_attempt) for of_attempt in waits)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("99999999999999", MAX_RETRY_AFTER),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2099 11:00:00 GMT", MAX_RETRY_AFTER),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_understood_in_seconds_and_as_a_date(
    header: str | None, seconds: float | None
) -> None:
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text(max_size=40))
def test_no_header_whatever_breaks_the_waiting(header: str) -> None:
    seconds = retry_after_seconds(header, NOW)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True),
     ("www.osmania.ac.in", False), ("10.0.0.1", False), ("localhost.invalid", False)],
)  # fmt: skip
def test_only_this_machine_is_asked_without_a_rate(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
