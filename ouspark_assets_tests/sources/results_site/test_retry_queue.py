"""The hall tickets that wait for another attempt, and the attempts charged to their budget."""

from ouspark_assets.sources.results_site.outcomes import Cause, Verdict
from ouspark_assets.sources.results_site.retry_queue import RetryQueue, RetryState
from ouspark_assets.sources.results_site.site_client import Answer
from ouspark_assets_tests.sources.results_site.small_site import NoJitter

ANN, BEN = "160424733001", "160424733002"
NO_ANSWER = Answer(None, b"", 10)


def record_charged_failure(queue: RetryQueue, ticket: str) -> RetryState:
    state = queue.record_failure(ticket, Verdict.failed(Cause.TIMEOUT), NO_ANSWER)
    queue.charge(ticket)
    return state


def test_failures_since_the_last_valid_answer_are_refunded_when_the_site_was_down() -> None:
    queue = RetryQueue(NoJitter())
    record_charged_failure(queue, ANN)
    queue.confirm_charges()
    ann, ben = record_charged_failure(queue, ANN), record_charged_failure(queue, BEN)
    assert (ann.charged, ben.charged) == (2, 1)
    queue.refund_charges()
    assert (ann.charged, ben.charged) == (1, 0)
    # The attempts themselves are counted in any case, and nothing is refunded twice.
    assert (ann.attempts, ben.attempts) == (2, 1)
    queue.refund_charges()
    assert (ann.charged, ben.charged) == (1, 0)


def test_tickets_are_due_in_the_order_of_their_backoff() -> None:
    queue = RetryQueue(NoJitter())
    for ticket, now in ((ANN, 20.0), (BEN, 10.0)):
        record_charged_failure(queue, ticket)
        queue.schedule(ticket, now)
    assert queue.pop_due(9.9) is None
    assert queue.seconds_to_due(9.0) == 1.0
    assert [queue.pop_due(30.0), queue.pop_due(30.0), queue.pop_due(30.0)] == [BEN, ANN, None]


def test_deferred_tickets_are_due_only_in_the_final_round() -> None:
    queue = RetryQueue(NoJitter())
    state = record_charged_failure(queue, ANN)
    queue.defer(ANN)
    assert queue.pop_due(1e9) is None
    assert not state.is_in_final_round
    assert queue.start_final_round(0.0) == ANN
    assert state.is_in_final_round
    assert queue.start_final_round(0.0) is None
