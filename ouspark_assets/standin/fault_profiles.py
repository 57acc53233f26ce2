"""The bad days by name: what goes wrong, how often, how long. One table, and its overrides.

`errors:0.3` sets the number that matters most in a profile; `errors:0.3,outage:5` has both.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from ouspark_assets.domain.errors import OuSparkError


class Trouble(StrEnum):
    """What can go wrong."""

    OUTAGE = "outage"
    RATE_LIMIT = "rate-limit"
    NEVER = "never answers"
    RESET = "connection reset"
    ERROR = "error page"
    SOFT_ERROR = "error text with status 200"
    WRONG_TICKET = "another student's page"
    TRUNCATED = "truncated"
    DRIP = "slow drip"
    SLOW = "latency"
    DAMAGED = "damaged page"


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble: its probability, and the numbers that some kinds need besides."""

    trouble: Trouble
    probability: float = 1.0
    seconds: float = 0.0
    per_second: int = 0
    after_requests: int = 0


PROFILES: Final[dict[str, tuple[Fault, ...]]] = {
    "none": (),
    "slow": (Fault(Trouble.SLOW, 1.0, seconds=0.3),),
    "errors": (Fault(Trouble.ERROR, 0.10),),
    "resets": (Fault(Trouble.RESET, 0.05),),
    "timeouts": (Fault(Trouble.NEVER, 0.02),),
    "drips": (Fault(Trouble.DRIP, 0.05, seconds=30),),
    "truncated": (Fault(Trouble.TRUNCATED, 0.05),),
    "soft-errors": (Fault(Trouble.SOFT_ERROR, 0.05),),
    "wrong-ticket": (Fault(Trouble.WRONG_TICKET, 0.02),),
    "rate-limit": (Fault(Trouble.RATE_LIMIT, per_second=200),),
    "outage": (Fault(Trouble.OUTAGE, seconds=20, after_requests=200),),
    "damaged": (Fault(Trouble.DAMAGED, 0.03),),
    "everything": (
        Fault(Trouble.OUTAGE, seconds=20, after_requests=200),
        Fault(Trouble.RATE_LIMIT, per_second=400),
        Fault(Trouble.NEVER, 0.002),
        Fault(Trouble.RESET, 0.02),
        Fault(Trouble.ERROR, 0.05),
        Fault(Trouble.SOFT_ERROR, 0.02),
        Fault(Trouble.WRONG_TICKET, 0.02),
        Fault(Trouble.TRUNCATED, 0.05),
        Fault(Trouble.DRIP, 0.002, seconds=30),
        Fault(Trouble.SLOW, 0.10, seconds=0.3),
        Fault(Trouble.DAMAGED, 0.03),
    ),
}
SECONDS_MATTER: Final = ("slow", "outage")
RATE_MATTERS: Final = ("rate-limit",)


def faults_of(text: str) -> tuple[Fault, ...]:
    """The faults that a `--faults` value asks for."""
    return tuple(fault for name in text.split(",") for fault in _one_profile(name.strip()))


def _one_profile(text: str) -> tuple[Fault, ...]:
    name, colon, number = text.partition(":")
    profile = PROFILES.get(name)
    if profile is None:
        message = f"{name!r} is no fault profile: choose from {', '.join(PROFILES)}"
        raise OuSparkError(message)
    if not colon:
        return profile
    if len(profile) != 1:
        message = f"{text!r}: the profile {name!r} takes no number"
        raise OuSparkError(message)
    return (_with_number(profile[0], name, _number(text, number)),)


def _number(text: str, number: str) -> float:
    try:
        return float(number)
    except ValueError:
        message = f"{text!r}: {number!r} is not a number, as in errors:0.3 or outage:5"
        raise OuSparkError(message) from None


def _with_number(fault: Fault, name: str, number: float) -> Fault:
    if name in SECONDS_MATTER and 0 < number < float("inf"):
        return replace(fault, seconds=number)
    if name in RATE_MATTERS and number >= 1 and number.is_integer():
        return replace(fault, per_second=int(number))
    if name not in SECONDS_MATTER + RATE_MATTERS and 0 <= number <= 1:
        return replace(fault, probability=number)
    meaning = (
        "seconds, more than 0" if name in SECONDS_MATTER
        else "requests a second, 1 or more" if name in RATE_MATTERS
        else "a probability from 0 to 1"
    )  # fmt: skip
    message = f"{name}:{number:g}: the number must be {meaning}"
    raise OuSparkError(message)
