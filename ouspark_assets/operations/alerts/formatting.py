"""Times, durations, numbers and outside text, formatted for messages that are read on a phone.

Text from outside becomes one line without hall tickets and without passwords.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from ouspark_assets.domain.masking import mask_secrets

MAX_TEXT_LENGTH = 300
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def to_one_line(text: str, max_length: int = MAX_TEXT_LENGTH) -> str:
    """Return a text as one printable line, with secrets and hall tickets masked."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    line = mask_secrets(" ".join(printable.split()))
    return line if len(line) <= max_length else line[: max_length - 1] + "…"


def format_time(when: datetime) -> str:
    """Return a time in UTC, to the minute."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def format_duration(length: timedelta) -> str:
    """Return a duration in its two largest units, e.g. `2 h 5 min`."""
    seconds = max(round(length.total_seconds()), 0)
    for (size, unit), (smaller_size, smaller_unit) in pairwise(_UNITS):
        if seconds >= size:
            rest = seconds % size // smaller_size
            return f"{seconds // size} {unit}" + (f" {rest} {smaller_unit}" if rest else "")
    return f"{seconds} s"


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun, e.g. `1 record` or `2,000 records`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def format_percent(share: float) -> str:
    """Return a share as a percentage with three significant digits, e.g. `12.5 %`."""
    return f"{share * 100:.3g} %"
