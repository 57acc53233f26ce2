"""The retry policy: rate limit, adaptive concurrency, backoff, Retry-After, circuit breaker."""

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
    CircuitBreaker,
    TokenBucket,
    is_loopback,
    is_overload,
    retry_after_seconds,
)

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@given(st.floats(min_value=0.5, max_value=500), st.lists(st.floats(min_value=0, max_value=0.3)))
def test_the_rate_limit_is_never_exceeded(rate: float, gaps: list[float]) -> None:
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


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        *((cause, True) for cause in ("timeout", "too_slow", "connection", "http_429", "http_503")),
        *((cause, False) for cause in ("http_404", "truncated", "wrong_ticket", "redirect", None)),
    ],
)
def test_only_failures_that_fewer_requests_may_avoid_are_overload(
    cause: str | None, expected: bool
) -> None:
    assert is_overload(cause) is expected


def test_without_a_rate_limit_no_request_waits() -> None:
    bucket = TokenBucket(None)
    assert [bucket.reserve(0.0) for _ in range(100)] == [0.0] * 100


def test_a_healthy_site_is_read_at_full_speed_from_the_first_request() -> None:
    limit = AdaptiveLimit(32)
    for _ in range(500):
        limit.record_success()
        assert limit.current == 32


def test_failures_of_open_requests_halve_the_limit_only_once() -> None:
    limit = AdaptiveLimit(32)
    for _ in range(32):
        limit.record_failure()
    assert limit.current == 16


def test_lasting_failures_reduce_the_limit_to_one_request() -> None:
    limit = AdaptiveLimit(32)
    for _ in range(500):
        limit.record_failure()
    assert limit.current == 1


def test_the_limit_grows_back_by_one_and_never_exceeds_the_maximum() -> None:
    limit = AdaptiveLimit(32)
    limit.record_refusal()
    seen = [limit.current]
    for _ in range(2000):
        limit.record_success()
        seen.append(limit.current)
    steps = [later - sooner for sooner, later in pairwise(seen)]
    assert (seen[0], seen[-1], max(steps), min(steps)) == (16, 32, 1, 0)


def test_a_few_failures_do_not_reduce_the_limit() -> None:
    limit, random = AdaptiveLimit(32), Random(1)
    for _ in range(2000):
        limit.record_failure() if random.random() < 0.05 else limit.record_success()
    assert limit.current == 32


def test_after_an_outage_the_limit_doubles_up_to_half_of_the_sustained_level() -> None:
    limit = AdaptiveLimit(32)
    for _ in range(100):
        limit.record_failure()
    limit.restart_after_outage()
    seen = {limit.current}
    for _ in range(60):
        limit.record_success()
        seen.add(limit.current)
    assert {4, 8, 16} <= seen


def test_backoff_grows_exponentially_with_full_jitter() -> None:
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
def test_retry_after_is_parsed_as_seconds_or_as_a_date(
    header: str | None, seconds: float | None
) -> None:
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text(max_size=40))
def test_any_retry_after_header_gives_a_bounded_wait_or_none(header: str) -> None:
    seconds = retry_after_seconds(header, NOW)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True),
     ("www.osmania.ac.in", False), ("10.0.0.1", False), ("localhost.invalid", False)],
)  # fmt: skip
def test_only_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def open_breaker() -> CircuitBreaker:
    breaker = CircuitBreaker(Random(1))
    for _ in range(breaker.failures_to_open):
        breaker.record_failure(0.0)
    return breaker


def test_the_breaker_opens_after_failures_in_a_row_but_not_after_scattered_ones() -> None:
    breaker = CircuitBreaker(Random(1))
    for number in range(1000):
        assert breaker.record_failure(0.0) is False
        if number % 9 == 8:
            breaker.record_success(0.0)
    assert not breaker.is_open
    assert open_breaker().is_open


def test_only_the_failure_that_opens_the_breaker_returns_true() -> None:
    breaker = CircuitBreaker(Random(1))
    assert [breaker.record_failure(0.0) for _ in range(12)].count(True) == 1


def test_trials_run_one_at_a_time_at_growing_intervals() -> None:
    breaker, now, trials = open_breaker(), 0.0, []
    while now < 60:
        now += 0.01
        if breaker.is_trial_due(now):
            breaker.start_trial()
            assert not breaker.is_trial_due(now + 100)
            trials.append(now)
            breaker.record_trial_failure(now)
    waits = [later - sooner for sooner, later in pairwise(trials)]
    assert trials[0] < 1.0
    assert max(waits) < 15 * 1.3
    assert waits[0] < waits[2] < waits[4]
    assert breaker.trials == len(trials) < 15


def test_one_valid_answer_closes_the_breaker_and_the_outage_is_counted() -> None:
    breaker = open_breaker()
    breaker.start_trial()
    breaker.record_success(7.5)
    assert not breaker.is_open
    assert breaker.past_outage_seconds == 7.5
    assert breaker.outage_seconds(9.0) == 0.0


def test_the_length_of_an_outage_is_known_while_it_lasts() -> None:
    assert open_breaker().outage_seconds(12.0) == 12.0
