"""Hall tickets: the meaning of the twelve digits (college, admission year, branch, serial).

One parser for single tickets and one set of expressions for frames. Which tickets exist is not
known here.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

HALL_TICKET_PATTERN = r"^[0-9]{12}$"
FIRST_LATERAL_SERIAL = 301
CENTURY = 2000

_TICKET = re.compile(HALL_TICKET_PATTERN)


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """The number block of a class: all tickets that differ only in the serial."""

    college: str
    admission_year: int
    branch: str

    def ticket(self, serial: int) -> str:
        """Return the hall ticket of this class with the given serial."""
        return f"{self.college}{self.admission_year % 100:02d}{self.branch}{serial:03d}"


@dataclass(frozen=True, slots=True, order=True)
class HallTicket:
    """A parsed hall ticket."""

    block: Block
    serial: int

    @classmethod
    def parse(cls, text: str) -> "HallTicket | None":
        """Return the parsed ticket, or None when the text is not twelve digits."""
        if not is_hall_ticket(text):
            return None
        return cls(Block(text[:4], CENTURY + int(text[4:6]), text[6:9]), int(text[9:]))

    @property
    def lateral_entry(self) -> bool:
        """Whether the student joined in the second year with a diploma."""
        return self.serial >= FIRST_LATERAL_SERIAL

    def __str__(self) -> str:
        return self.block.ticket(self.serial)


def is_hall_ticket(text: str) -> bool:
    """Return whether the text is twelve digits."""
    return _TICKET.fullmatch(text) is not None


def mask_ticket(ticket: str) -> str:
    """Return the ticket without its serial, as it may be shown in metadata and logs."""
    return f"{ticket[:9]}xxx" if is_hall_ticket(ticket) else "x" * len(ticket)


def hall_ticket_parts(column: str = "hall_ticket") -> "list[pl.Expr]":
    """Return expressions for college_code, branch_code, admission_year, serial, lateral_entry."""
    # The commands' `--help` parses no frame, and importing polars takes 0.7 s.
    import polars as pl

    ticket = pl.col(column)
    serial = ticket.str.slice(9, 3).cast(pl.Int16)
    return [
        ticket.str.slice(0, 4).alias("college_code"),
        ticket.str.slice(6, 3).alias("branch_code"),
        (ticket.str.slice(4, 2).cast(pl.Int16) + CENTURY).alias("admission_year"),
        serial.alias("serial"),
        (serial >= FIRST_LATERAL_SERIAL).alias("lateral_entry"),
    ]
