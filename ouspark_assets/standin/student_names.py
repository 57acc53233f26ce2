"""Made-up names, put together from syllables so that no real person is meant.

A name belongs to 64 random bits of its student. Pages cut names at 30 characters.
"""

from typing import Final

LONGEST_NAME: Final = 30
# One father in so many is of another house than the student.
SONS_OF_ANOTHER_HOUSE: Final = 3

_HOUSES: Final = (
    "KAN", "VEM", "POTH", "BAND", "GUND", "MAD", "CHIN", "NAR", "YEL", "RAV", "MUN", "TAL",
    "KOT", "PAL", "SUR", "JAN", "GAD", "BOD", "DOD", "VAN", "ANUM", "BEJJ", "CHEK", "PUSK",
)  # fmt: skip
_PLACES: Final = (
    "DARI", "ULA", "APALLI", "AGIRI", "EPU", "ALA", "UGONDA", "AMARI", "ETI", "IKONDA", "AVARAM",
    "ISETTI", "ANURI",
)  # fmt: skip
_HEADS: Final = (
    "SRI", "LAS", "MAN", "VAI", "PRA", "DEE", "ANU", "NAV", "SAH", "TEJ", "KEE", "BHA", "RI",
    "SA", "HA", "YA", "CHA",
)  # fmt: skip
_TAILS: Final = {
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
_STEMS: Final = ("AF", "IM", "RIZ", "NA", "FAR", "SUF", "TAB", "ZUB", "ARS", "WAJ")
_ENDS: Final = {
    "FEMALE": ("REEN", "SIYA", "HEENA", "BEENA", "NAAZ", "UNNISA"),
    "MALE": ("RAAN", "WAAN", "SEER", "HAAN", "IYAN", "ADUDDIN"),
}

# The ways pages write names; each up to its limit in a thousand.
STYLES: Final = (
    (560, "{house} {given}"),
    (700, "{titled}"),
    (800, "{given} {house}"),
    (880, "{house} {given} {second}"),
    (920, "{initial}. {given} {second}"),
    (950, "{house}  {given}"),
    (985, "{house} {given} {second} SATYA NARAYANA LAKSHMI"),
    (990, "{given} O'{house}"),
    (994, "{given} D’{house}"),
    (997, "{given} RENÉ {house}"),
    (1000, "{given} & {second}"),
)


class _Bits:
    """Takes small numbers off a large one."""

    def __init__(self, bits: int) -> None:
        self._left = bits

    def below(self, limit: int) -> int:
        self._left, taken = divmod(self._left, limit)
        return taken

    def one_of(self, options: tuple[str, ...]) -> str:
        return options[self.below(len(options))]


def name_of(bits: int, gender: str) -> str:
    """The name of a student."""
    return _composed(_Bits(bits), gender)[:LONGEST_NAME].rstrip()


def father_name_of(bits: int, father_bits: int) -> str:
    """The father's name: of the same house more often than not."""
    chance = _Bits(father_bits)
    if chance.below(SONS_OF_ANOTHER_HOUSE):
        own = _Bits(bits)
        own.below(STYLES[-1][0])
        given = chance.one_of(_HEADS) + chance.one_of(_TAILS["MALE"])
        return f"{_house(own)} {given}"[:LONGEST_NAME]
    return _composed(chance, "MALE")[:LONGEST_NAME].rstrip()


def _house(bits: _Bits) -> str:
    return bits.one_of(_HOUSES) + bits.one_of(_PLACES)


def _composed(bits: _Bits, gender: str) -> str:
    style = bits.below(STYLES[-1][0])
    house = _house(bits)
    given = bits.one_of(_HEADS) + bits.one_of(_TAILS[gender])
    second = bits.one_of(_HEADS) + bits.one_of(_TAILS[gender])
    titled = f"{bits.one_of(_TITLES[gender])} {bits.one_of(_STEMS)}{bits.one_of(_ENDS[gender])}"
    pattern = next(pattern for limit, pattern in STYLES if style < limit)
    return pattern.format(house=house, given=given, second=second, titled=titled, initial=house[0])
