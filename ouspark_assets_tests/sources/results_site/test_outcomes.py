"""Verdicts on answers: no student is missed, and none is taken for another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouspark_assets.sources.results_site.outcomes import (
    Cause,
    Outcome,
    has_nothing_open,
    judge_answer,
)
from ouspark_assets_tests.sources.results_site.small_site import HEAD, found_page, sentence_page

TICKET, OTHER = "160421733001", "160421733002"
PAGE = found_page(TICKET)


def test_a_student_page_is_found() -> None:
    assert judge_answer(PAGE, TICKET).outcome is Outcome.FOUND


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'id="AutoNumber3"', b"ID=AutoNumber3"),
        (b'id="AutoNumber3"', b"id = 'autonumber3'"),
        (b"&nbsp;", b"\xa0"),
        (b"&nbsp;", b"&#160; "),
        (b"Hall Ticket No.", b"HALL TICKET NO :"),
        (b"Hall Ticket No.", b"<font size=2>Hall&nbsp;Ticket\r\n No.</font>"),
        (b"<html>", b"<!DOCTYPE html>\n<HTML lang=en>"),
        (b'<table id="AutoNumber6">', b'<table width="100%" ID=AutoNumber6>'),
    ],
)
def test_variants_of_the_markup_are_found_too(old: bytes, new: bytes) -> None:
    assert old in PAGE
    assert judge_answer(PAGE.replace(old, new), TICKET).outcome is Outcome.FOUND


def test_a_page_with_unclosed_tables_is_found() -> None:
    unclosed = PAGE.replace(
        b'</table></td></tr><tr><td><table id="AutoNumber4">', b"<table id=AutoNumber4>"
    )
    assert unclosed != PAGE
    assert judge_answer(unclosed, TICKET).outcome is Outcome.FOUND


@given(st.integers(min_value=0, max_value=len(PAGE) - 1))
def test_a_truncated_page_is_failed_with_a_cause(length: int) -> None:
    judged = judge_answer(PAGE[:length], TICKET)
    assert judged.outcome is Outcome.FAILED
    assert judged.cause is not None


def test_a_page_truncated_at_any_byte_is_failed() -> None:
    outcomes = {judge_answer(PAGE[:length], TICKET).outcome for length in range(len(PAGE))}
    assert outcomes == {Outcome.FAILED}


def test_a_page_for_another_ticket_is_failed() -> None:
    assert judge_answer(PAGE, OTHER).cause == Cause.WRONG_TICKET
    assert judge_answer(sentence_page(TICKET), OTHER).cause == Cause.WRONG_TICKET


def test_the_example_ticket_of_the_search_box_is_never_taken_for_the_answer() -> None:
    assert judge_answer(PAGE, "160421733999").cause == Cause.WRONG_TICKET
    empty = PAGE.replace(b"&nbsp;160421733001", b"")
    assert judge_answer(empty, "160421733999").cause == Cause.NO_TICKET


@pytest.mark.parametrize("quote", ['"', "&quot;", "'", ""])
@pytest.mark.parametrize("ending", ["Not Found.", "not&nbsp;found", "NOT <b>FOUND</b>"])
def test_the_not_found_sentence_is_recognised(quote: str, ending: str) -> None:
    assert judge_answer(sentence_page(TICKET, ending, quote), TICKET).outcome is Outcome.NOT_FOUND


@pytest.mark.parametrize("ending", ["No CHANGE.", "no change", "No&nbsp;Change"])
def test_the_no_change_sentence_is_recognised(ending: str) -> None:
    assert judge_answer(sentence_page(TICKET, ending), TICKET).outcome is Outcome.NO_CHANGE


@pytest.mark.parametrize(
    ("body", "status", "cause"),
    [
        (b"", 200, Cause.EMPTY),
        (b" \r\n", 200, Cause.EMPTY),
        (PAGE, 500, "http_500"),
        (sentence_page(TICKET), 404, "http_404"),
        (b"OU SERVER ERROR, please try after couple of minutes", 200, Cause.UNKNOWN_PAGE),
        (b"<html>HTTP Status 500 - Internal Server Error</html>", 200, Cause.UNKNOWN_PAGE),
        (HEAD.format(middle="").encode(), 200, Cause.UNKNOWN_PAGE),
        (b"<html><body>Hall Ticket Number", 200, Cause.TRUNCATED),
        (PAGE.replace(b"</form>", b"") + sentence_page(TICKET), 200, Cause.CONTRADICTORY),
    ],
)
def test_any_other_answer_is_failed_with_its_cause(body: bytes, status: int, cause: str) -> None:
    judged = judge_answer(body, TICKET, status)
    assert (judged.outcome, judged.cause) == (Outcome.FAILED, cause)


@given(st.binary(max_size=400))
def test_random_bytes_are_failed(body: bytes) -> None:
    assert judge_answer(body, TICKET).outcome is Outcome.FAILED


@given(st.binary(max_size=60), st.integers(min_value=0, max_value=len(PAGE)))
def test_noise_in_a_page_never_makes_it_valid_for_another_ticket(noise: bytes, place: int) -> None:
    assert judge_answer(PAGE[:place] + noise + PAGE[place:], OTHER).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("status", "settled"),
    [("PASSED-8.38", True), ("PROMOTED--", False), ("PROMOTED-7", False), ("DETAINED", False),
     ("COMPLETED-7.1", False), ("RESULT LATER", False)],
)  # fmt: skip
def test_only_a_page_with_passed_alone_has_nothing_open(status: str, settled: bool) -> None:
    assert has_nothing_open(found_page(TICKET, status=status)) is settled
