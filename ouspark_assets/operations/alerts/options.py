"""How the values of the rules file are read: durations, shares, numbers, words, variables.

Each reader takes a text and raises ValueError with what it should have been. No value that may be
a secret is repeated in a message.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar, get_type_hints

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
LONGEST_DURATION = timedelta(days=365)
LONGEST_SHOWN = 40
Words = TypeVar("Words", bound=StrEnum)


@dataclass(frozen=True)
class Option:
    """How a key of the rules file is read: stands in the annotation of the field it fills."""

    read: Callable[[str], Any]
    many: bool = False
    # When the key has another name than the field.
    key: str = ""


@dataclass(frozen=True)
class Variable:
    """The environment variable that holds a value; the value itself is never kept here."""

    name: str

    def __str__(self) -> str:
        """As the file says it."""
        return f"${{{self.name}}}"


def options_of(kind: type[Any]) -> Mapping[str, tuple[str, Option, bool]]:
    """By key: the field of a dataclass, how it is read, and whether it must be there."""
    hints = get_type_hints(kind, include_extras=True)
    found = {}
    for it in fields(kind):
        for option in getattr(hints[it.name], "__metadata__", ()):
            found[option.key or it.name] = (it.name, option, it.default is MISSING)
    return found


def shown(text: str) -> str:
    """A value in a message, not too long."""
    return repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")


def duration(text: str) -> timedelta:
    """A duration: 90s, 30m, 2h, 1d."""
    found = _DURATION.fullmatch(text.strip())
    if not found or float(found[1]) * _SECONDS[found[2]] > LONGEST_DURATION.total_seconds():
        message = f"must be a duration up to a year, as 90s, 30m, 2h or 1d, not {shown(text)}"
        raise ValueError(message)
    return timedelta(seconds=float(found[1]) * _SECONDS[found[2]])


def share(text: str) -> float:
    """A share of something: 5%, or 0.05."""
    number = _number(text.strip().removesuffix("%"))
    if number is not None and text.strip().endswith("%"):
        number /= 100
    if number is None or not 0 <= number <= 1:
        message = f"must be a share, as 5% or 0.05, not {shown(text)}"
        raise ValueError(message)
    return number


def factor(text: str) -> float:
    """How many times as much: more than 1."""
    number = _number(text.strip())
    if number is None or number <= 1:
        message = f"must be a number greater than 1, not {shown(text)}"
        raise ValueError(message)
    return number


def count(text: str) -> int:
    """How many: a whole number that is not negative."""
    if not re.fullmatch(r"\d{1,9}", text.strip(), re.ASCII):
        message = f"must be a whole number, not {shown(text)}"
        raise ValueError(message)
    return int(text)


def several(text: str) -> int:
    """How many of something that is compared with: 2 to 50."""
    if not 2 <= (number := count(text)) <= 50:  # noqa: PLR2004 (as the docstring says)
        message = f"must be between 2 and 50, not {shown(text)}"
        raise ValueError(message)
    return number


def flag(text: str) -> bool:
    """Yes or no."""
    if text not in ("true", "false"):
        message = f"must be true or false, not {shown(text)}"
        raise ValueError(message)
    return text == "true"


def one_of(words: type[Words]) -> Callable[[str], Words]:
    """One of some words."""

    def read(text: str) -> Words:
        try:
            return words(text)
        except ValueError:
            message = f"must be one of {', '.join(words)}, not {shown(text)}"
            raise ValueError(message) from None

    return read


def name(text: str) -> str:
    """The name of a rule or a channel."""
    if not NAME.fullmatch(text):
        message = f"must be a name of letters, digits, - and _, not {shown(text)}"
        raise ValueError(message)
    return text


def pattern(text: str) -> str:
    """A pattern of release keys or assets, with * for anything."""
    if not re.fullmatch(r"[A-Za-z0-9_./*?\[\]!-]{1,100}", text):
        message = f"must be a name or a pattern, as 2025* or clean/*, not {shown(text)}"
        raise ValueError(message)
    return text


def secret(text: str) -> Variable:
    """What never stands in the file itself: the variable it is in."""
    found = _VARIABLE.fullmatch(text.strip())
    if not found:
        message = "must be the variable that holds it, as ${NAME}: secrets never stand in this file"
        raise ValueError(message)
    return Variable(found[1])


def text_or_variable(text: str) -> str | Variable:
    """A text that is no secret, or the variable it is in."""
    found = _VARIABLE.fullmatch(text.strip())
    if found:
        return Variable(found[1])
    if not text.strip() or "${" in text or not text.isprintable():
        message = "must be a text, or one variable as ${NAME}"
        raise ValueError(message)
    return text.strip()


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII) else None
