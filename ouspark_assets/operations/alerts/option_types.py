"""The types of the values in the rules file: durations, shares, counts, names, variables.

Every value of the YAML file arrives as text. A value that does not fit raises ValueError with what
it must be; `rules_file.py` adds the key and the line number. A value that may be a secret is never
part of the error.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

MAX_DURATION = timedelta(days=365)
MAX_QUOTED_LENGTH = 40
SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
NUMBER = r"[0-9]{1,9}(\.[0-9]{1,9})?"
VARIABLE = r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}"
DURATIONS = "a duration up to a year, e.g. 90s, 30m, 2h or 1d"
# For every model of the rules file. The inputs are hidden because the file may contain a secret by
# mistake.
MODEL_CONFIG = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True)
class Variable:
    """The name of an environment variable; its value is read when a channel is opened."""

    name: str


def quote(text: str) -> str:
    """Return a value for an error message, shortened."""
    return repr(text if len(text) <= MAX_QUOTED_LENGTH else text[:MAX_QUOTED_LENGTH] + "…")


def _text(
    parse: Callable[[str], object], expected: str, *, may_be_secret: bool = False
) -> BeforeValidator:
    """Return a validator that parses text; values that are set in code pass unchanged."""

    def validate(value: object) -> object:
        if isinstance(value, list | dict):
            message = "must be a single value"
            raise ValueError(message)  # noqa: TRY004 (pydantic reports only ValueErrors)
        if not isinstance(value, str):
            return value
        try:
            return parse(value)
        except ValueError:
            message = f"must be {expected}" + ("" if may_be_secret else f", not {quote(value)}")
            # The cause contains the value.
            raise ValueError(message) from None

    return BeforeValidator(validate)


def _match(pattern: str, text: str) -> re.Match[str]:
    match = re.fullmatch(pattern, text)
    if match is None:
        raise ValueError(text)
    return match


def _parse_duration(text: str) -> timedelta:
    match = _match(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)", text.strip())
    seconds = float(match[1]) * SECONDS[match[2]]
    if seconds > MAX_DURATION.total_seconds():
        raise ValueError(text)
    return timedelta(seconds=seconds)


def _parse_reminder(text: str) -> timedelta | None:
    interval = None if text == "never" else _parse_duration(text)
    if interval == timedelta(0):
        raise ValueError(text)
    return interval


def _parse_share(text: str) -> float:
    number = text.strip().removesuffix("%")
    share = float(_match(NUMBER, number)[0]) / (100 if text.strip().endswith("%") else 1)
    if share > 1:
        raise ValueError(text)
    return share


def _parse_text_or_variable(text: str) -> str | Variable:
    if match := re.fullmatch(VARIABLE, text.strip()):
        return Variable(match[1])
    if not text.strip() or "${" in text or not text.isprintable():
        raise ValueError(text)
    return text.strip()


def _require_list(value: object) -> object:
    """Return a list of at least one item; a single value becomes a list of one."""
    if isinstance(value, str) and value:
        return [value]
    if not isinstance(value, list | tuple) or not value:
        message = "must not be empty" if value == [] else "must be a list"
        raise ValueError(message)
    return value


Duration = Annotated[timedelta, _text(_parse_duration, DURATIONS)]
# None: never
Reminder = Annotated[
    timedelta | None, _text(_parse_reminder, f"{DURATIONS} (longer than 0), or never")
]
Share = Annotated[float, _text(_parse_share, "a share, e.g. 5% or 0.05")]
Factor = Annotated[
    float, _text(lambda text: float(_match(NUMBER, text.strip())[0]), "a number"), Field(gt=1)
]
Count = Annotated[
    int, _text(lambda text: int(_match("[0-9]{1,9}", text.strip())[0]), "a whole number")
]
# How many earlier runs a run is compared with
RunCount = Annotated[Count, Field(ge=2, le=50)]
Flag = Annotated[bool, _text(lambda text: _match("true|false", text)[0] == "true", "true or false")]
Name = Annotated[
    str,
    _text(
        lambda text: _match("[A-Za-z0-9][A-Za-z0-9_-]{0,63}", text)[0],
        "a name of letters, digits, - and _",
    ),
]
Names = Annotated[
    tuple[Name, ...],
    BeforeValidator(_require_list),
    AfterValidator(lambda names: tuple(dict.fromkeys(names))),
]
# A release key, an asset or a check, with * for anything
Pattern = Annotated[
    str,
    _text(
        lambda text: _match(r"[A-Za-z0-9_./*?\[\]!-]{1,100}", text)[0],
        "a name or a pattern, e.g. 2025* or clean/*",
    ),
]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_require_list)]
SecretVariable = Annotated[
    Variable,
    _text(
        lambda text: Variable(_match(VARIABLE, text.strip())[1]),
        "the environment variable that holds the value, e.g. ${NAME}: this file must not contain "
        "secrets",
        may_be_secret=True,
    ),
]
TextOrVariable = Annotated[
    str | Variable,
    _text(
        _parse_text_or_variable,
        "a text or one environment variable, e.g. ${NAME}",
        may_be_secret=True,
    ),
]
TextsOrVariables = Annotated[tuple[TextOrVariable, ...], BeforeValidator(_require_list)]
