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
def test_a_ticket_taken_apart_and_put_together_is_the_same(text: str) -> None:
    assert str(HallTicket.parse(text)) == text


@given(tickets)
def test_frames_and_single_tickets_are_taken_apart_alike(text: str) -> None:
    parts = pl.DataFrame({"hall_ticket": [text]}).select(hall_ticket_parts()).row(0)
    ticket = HallTicket.parse(text)
    assert ticket is not None
    block = ticket.block
    expected = (block.college, block.branch, block.admission_year, ticket.serial)
    assert parts == (*expected, ticket.lateral_entry)


@pytest.mark.parametrize(
    "text", ["", "16042173300", "1604217330011", "16042173300x", "160421733001\n", "१६०४२१७३३००१"]
)
def test_anything_but_twelve_digits_is_no_ticket(text: str) -> None:
    assert not is_hall_ticket(text)
    assert HallTicket.parse(text) is None


@pytest.mark.parametrize(("serial", "lateral"), [(300, False), (301, True)])
def test_serials_from_301_are_lateral_entry(serial: int, lateral: bool) -> None:
    assert HallTicket(Block("1604", 2021, "733"), serial).lateral_entry is lateral


def test_a_masked_ticket_tells_the_class_but_not_the_student() -> None:
    assert mask_ticket("160421733001") == "160421733xxx"
