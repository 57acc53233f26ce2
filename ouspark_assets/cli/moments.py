"""Times and spans as people read them."""

from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60, 3600, 86400
STEPS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s"))


def when(moment: datetime) -> str:
    """The time, and how long ago that is."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC ({ago(moment)} ago)"


def ago(moment: datetime) -> str:
    """How long ago, in the largest unit that says something."""
    return span((datetime.now(UTC) - moment).total_seconds())


def span(seconds: float) -> str:
    """Seconds in the largest unit that says something."""
    size, unit = next(((size, unit) for size, unit in STEPS if seconds >= size), (1, "s"))
    return f"{max(int(seconds // size), 0)} {unit}"
