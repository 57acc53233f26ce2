"""Moments, durations and texts as people read them, on a phone too.

Whatever comes from outside is made one line here, without hall tickets and without passwords.
"""

from datetime import UTC, datetime, timedelta

from ouspark_assets.domain.masking import mask_secrets

LONGEST_TEXT = 300
_STEPS = ((86400, "d"), (3600, "h"), (60, "min"))


def one_line(text: str, longest: int = LONGEST_TEXT) -> str:
    """A text that may be shown: printable, one line, not too long, nothing private in it."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    line = mask_secrets(" ".join(printable.split()))
    return line if len(line) <= longest else line[: longest - 1] + "…"


def moment(when: datetime) -> str:
    """A moment, to the minute."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def duration(length: timedelta) -> str:
    """A duration in its largest unit and the next: 2 h 5 min."""
    seconds = max(round(length.total_seconds()), 0)
    for (size, unit), (smaller, name) in zip(_STEPS, (*_STEPS[1:], (1, "s")), strict=True):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size} {unit}" + (f" {rest} {name}" if rest else "")
    return f"{seconds} s"


def counted(number: int, noun: str) -> str:
    """A number and its noun: 1 record, 2,000 records."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """A share in percent, without needless decimals: 12.5 %."""
    return f"{share * 100:.3g} %"
