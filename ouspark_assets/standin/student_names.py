"""Invented names, composed of syllables, so that they belong to no real person.

The name of a student is a function of 64 random bits. Pages cut names at 30 characters.
"""

from collections.abc import Sequence
from typing import Final

MAX_NAME_LENGTH: Final = 30
# One father in three has another surname than the student.
OTHER_SURNAME_ONE_IN: Final = 3

_SURNAME_STEMS: Final = (
    "KAN", "VEM", "POTH", "BAND", "GUND", "MAD", "CHIN", "NAR", "YEL", "RAV", "MUN", "TAL",
    "KOT", "PAL", "SUR", "JAN", "GAD", "BOD", "DOD", "VAN", "ANUM", "BEJJ", "CHEK", "PUSK",
)  # fmt: skip
_SURNAME_ENDINGS: Final = (
    "DARI", "ULA", "APALLI", "AGIRI", "EPU", "ALA", "UGONDA", "AMARI", "ETI", "IKONDA", "AVARAM",
    "ISETTI", "ANURI",
)  # fmt: skip
_GIVEN_STEMS: Final = (
    "SRI", "LAS", "MAN", "VAI", "PRA", "DEE", "ANU", "NAV", "SAH", "TEJ", "KEE", "BHA", "RI",
    "SA", "HA", "YA", "CHA",
)  # fmt: skip
_GIVEN_ENDINGS: Final = {
    "FEMALE": (
        "THIKA", "VIKA", "SHMIKA", "NISHA", "LATHA", "VANI", "RANI", "PRIYA", "JITHA", "SREE",
        "HASINI",
    ),
    "MALE": (
        "KIRAN", "TEJ", "VARDHAN", "NISH", "RUTH", "HITH", "KESH", "VIND", "ESHWAR", "DEEP",
        "CHAND",
    ),
}  # fmt: skip
_TITLES: Final = {"FEMALE": ("SYEDA", "SHAIK", "MIRZA"), "MALE": ("MOHD", "SYED", "SHAIK", "KHAJA")}
_TITLED_STEMS: Final = ("AF", "IM", "RIZ", "NA", "FAR", "SUF", "TAB", "ZUB", "ARS", "WAJ")
_TITLED_ENDINGS: Final = {
    "FEMALE": ("REEN", "SIYA", "HEENA", "BEENA", "NAAZ", "UNNISA"),
    "MALE": ("RAAN", "WAAN", "SEER", "HAAN", "IYAN", "ADUDDIN"),
}

# The forms of names. Each applies below its limit of a number drawn from 0 to 999.
STYLES: Final = (
    (560, "{surname} {given}"),
    (700, "{titled}"),
    (800, "{given} {surname}"),
    (880, "{surname} {given} {second}"),
    (920, "{initial}. {given} {second}"),
    (950, "{surname}  {given}"),
    (985, "{surname} {given} {second} SATYA NARAYANA LAKSHMI"),
    (990, "{given} O'{surname}"),
    (994, "{given} D’{surname}"),
    (997, "{given} RENÉ {surname}"),
    (1000, "{given} & {second}"),
)


class _Bits:
    """Random bits, from which small numbers are taken one after another."""

    def __init__(self, bits: int) -> None:
        self._left = bits

    def take(self, limit: int) -> int:
        self._left, taken = divmod(self._left, limit)
        return taken

    def choose(self, options: Sequence[str]) -> str:
        self._left, taken = divmod(self._left, len(options))
        return options[taken]


def compose_name(bits: int, gender: str) -> str:
    """Return the name of a student."""
    return _compose(_Bits(bits), gender)


def compose_father_name(bits: int, father_bits: int) -> str:
    """Return the name of a student's father, in most cases with the student's surname."""
    source = _Bits(father_bits)
    if not source.take(OTHER_SURNAME_ONE_IN):
        return _compose(source, "MALE")
    of_student = _Bits(bits)
    of_student.take(STYLES[-1][0])
    surname = of_student.choose(_SURNAME_STEMS) + of_student.choose(_SURNAME_ENDINGS)
    given = source.choose(_GIVEN_STEMS) + source.choose(_GIVEN_ENDINGS["MALE"])
    return f"{surname} {given}"[:MAX_NAME_LENGTH]


def _compose(source: _Bits, gender: str) -> str:
    style = source.take(STYLES[-1][0])
    surname = source.choose(_SURNAME_STEMS) + source.choose(_SURNAME_ENDINGS)
    given = source.choose(_GIVEN_STEMS) + source.choose(_GIVEN_ENDINGS[gender])
    second = source.choose(_GIVEN_STEMS) + source.choose(_GIVEN_ENDINGS[gender])
    titled = f"{source.choose(_TITLES[gender])} {source.choose(_TITLED_STEMS)}"
    titled += source.choose(_TITLED_ENDINGS[gender])
    pattern = next(pattern for limit, pattern in STYLES if style < limit)
    name = pattern.format(
        surname=surname, given=given, second=second, titled=titled, initial=surname[0]
    )
    return name[:MAX_NAME_LENGTH].rstrip()
