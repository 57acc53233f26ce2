import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouspark_assets.domain.hall_tickets import (
    Block,
    HallTicket,
    hall_ticket_parts,
    is_hall_ticket,
    mask_ticket,
)

tickets = st.from_regex(r"\A[0-9]{12}\Z")


@given(tickets)
def test_parsing_and_formatting_a_hall_ticket_returns_the_same_text(text: str) -> None:
    assert str(HallTicket.parse(text)) == text


@given(tickets)
def test_frames_and_single_hall_tickets_are_parsed_alike(text: str) -> None:
    parts = pl.DataFrame({"hall_ticket": [text]}).select(hall_ticket_parts()).row(0)
    ticket = HallTicket.parse(text)
    assert ticket is not None
    block = ticket.block
    expected = (block.college, block.branch, block.admission_year, ticket.serial)
    assert parts == (*expected, ticket.lateral_entry)


@pytest.mark.parametrize(
    "text", ["", "16042173300", "1604217330011", "16042173300x", "160421733001\n", "१६०४२१७३३००१"]
)
def test_only_twelve_digits_are_a_hall_ticket(text: str) -> None:
    assert not is_hall_ticket(text)
    assert HallTicket.parse(text) is None


@pytest.mark.parametrize(("serial", "lateral"), [(300, False), (301, True)])
def test_serials_from_301_are_lateral_entrants(serial: int, lateral: bool) -> None:
    assert HallTicket(Block("1604", 2021, "733"), serial).lateral_entry is lateral


def test_a_masked_ticket_shows_the_class_but_not_the_student() -> None:
    assert mask_ticket("160421733001") == "160421733xxx"


@pytest.mark.parametrize("text", ["12", "16042173300x", "1604217330011"])
def test_of_a_text_that_is_not_a_hall_ticket_only_its_length_is_shown(text: str) -> None:
    assert mask_ticket(text) == "x" * len(text)


def test_hall_tickets_are_ordered_by_college_year_branch_and_serial() -> None:
    texts = ["245321733001", "160421735001", "160422733001", "160421733002"]
    parsed = [ticket for text in texts if (ticket := HallTicket.parse(text))]
    assert [str(ticket) for ticket in sorted(parsed)] == [
        "160421733002",
        "160421735001",
        "160422733001",
        "245321733001",
    ]
