"""The circuit breaker: opens when nothing works, tries now and then, closes by itself."""

from itertools import pairwise
from random import Random

from ouspark_assets.sources.results_site.retry_policy import CircuitBreaker


def opened() -> CircuitBreaker:
    breaker = CircuitBreaker(Random(1))
    for _ in range(breaker.failures_to_open):
        breaker.record_failure(0.0)
    return breaker


def test_it_opens_after_troubles_in_a_row_and_not_after_scattered_ones() -> None:
    breaker = CircuitBreaker(Random(1))
    for number in range(1000):
        assert breaker.record_failure(0.0) is False
        if number % 9 == 8:
            breaker.record_success(0.0)
    assert not breaker.is_open
    assert opened().is_open


def test_it_says_once_that_it_opens() -> None:
    breaker = CircuitBreaker(Random(1))
    assert [breaker.record_failure(0.0) for _ in range(12)].count(True) == 1


def test_trials_come_one_at_a_time_and_further_and_further_apart() -> None:
    breaker, now, trials = opened(), 0.0, []
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


def test_one_good_answer_closes_it_and_the_wait_is_counted() -> None:
    breaker = opened()
    breaker.start_trial()
    breaker.record_success(7.5)
    assert not breaker.is_open
    assert breaker.past_outage_seconds == 7.5
    assert breaker.outage_seconds(9.0) == 0.0


def test_how_long_it_has_been_open_is_known() -> None:
    assert opened().outage_seconds(12.0) == 12.0
