"""The fault profiles by name, and how a `--faults` value selects them.

`errors:0.3` overrides the main number of a profile, and `errors:0.3,outage:5` combines two
profiles. How the faults are applied to answers is in `fault_injection.py`.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from ouspark_assets.domain.errors import OuSparkError


class FaultKind(StrEnum):
    """A kind of fault; its value is part of every random draw, so it must not change."""

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
    NO_RESULT = "sentence instead of the result"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault with its probability and the numbers that some kinds need."""

    kind: FaultKind
    probability: float = 1.0
    seconds: float = 0.0
    per_second: int = 0
    after_requests: int = 0


PROFILES: Final[dict[str, tuple[Fault, ...]]] = {
    "none": (),
    "slow": (Fault(FaultKind.SLOW, 1.0, seconds=0.3),),
    "errors": (Fault(FaultKind.ERROR, 0.10),),
    "resets": (Fault(FaultKind.RESET, 0.05),),
    "timeouts": (Fault(FaultKind.NEVER, 0.02),),
    "drips": (Fault(FaultKind.DRIP, 0.05, seconds=30),),
    "truncated": (Fault(FaultKind.TRUNCATED, 0.05),),
    "soft-errors": (Fault(FaultKind.SOFT_ERROR, 0.05),),
    "wrong-ticket": (Fault(FaultKind.WRONG_TICKET, 0.02),),
    "rate-limit": (Fault(FaultKind.RATE_LIMIT, per_second=200),),
    "outage": (Fault(FaultKind.OUTAGE, seconds=20, after_requests=200),),
    "damaged": (Fault(FaultKind.DAMAGED, 0.03),),
    # Not part of "everything": it takes students' results away, and no retry brings them back.
    "no-results": (Fault(FaultKind.NO_RESULT, 1 / 13),),
    "everything": (
        Fault(FaultKind.OUTAGE, seconds=20, after_requests=200),
        Fault(FaultKind.RATE_LIMIT, per_second=400),
        Fault(FaultKind.NEVER, 0.002),
        Fault(FaultKind.RESET, 0.02),
        Fault(FaultKind.ERROR, 0.05),
        Fault(FaultKind.SOFT_ERROR, 0.02),
        Fault(FaultKind.WRONG_TICKET, 0.02),
        Fault(FaultKind.TRUNCATED, 0.05),
        Fault(FaultKind.DRIP, 0.002, seconds=30),
        Fault(FaultKind.SLOW, 0.10, seconds=0.3),
        Fault(FaultKind.DAMAGED, 0.03),
    ),
}
# The main number of a profile is a probability, except in these.
PROFILES_IN_SECONDS: Final = ("slow", "outage")
PROFILES_IN_REQUESTS: Final = ("rate-limit",)


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Return the faults that a `--faults` value selects."""
    return tuple(fault for name in text.split(",") for fault in _parse_profile(name.strip()))


def _parse_profile(text: str) -> tuple[Fault, ...]:
    name, colon, number = text.partition(":")
    profile = PROFILES.get(name)
    if profile is None:
        message = f"{name!r} is not a fault profile. Choose from {', '.join(PROFILES)}."
        raise OuSparkError(message)
    if not colon:
        return profile
    if len(profile) != 1:
        message = f"{text!r}: the profile {name!r} takes no number."
        raise OuSparkError(message)
    try:
        value = float(number)
    except ValueError as error:
        message = f"{text!r}: {number!r} is not a number. Examples: errors:0.3, outage:5."
        raise OuSparkError(message) from error
    return (_override(profile[0], name, value),)


def _override(fault: Fault, name: str, number: float) -> Fault:
    if name in PROFILES_IN_SECONDS:
        if 0 < number < float("inf"):
            return replace(fault, seconds=number)
        meaning = "seconds, more than 0"
    elif name in PROFILES_IN_REQUESTS:
        if number >= 1 and number.is_integer():
            return replace(fault, per_second=int(number))
        meaning = "requests per second, 1 or more"
    else:
        if 0 <= number <= 1:
            return replace(fault, probability=number)
        meaning = "a probability from 0 to 1"
    message = f"{name}:{number:g}: the number must be {meaning}."
    raise OuSparkError(message)
