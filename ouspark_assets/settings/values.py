"""What a setting's value may be: text that fits a line, paths, addresses that can't be misread.

One check per function; which setting is held to which is said in `settings.py`.
"""

import unicodedata
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

# Control characters, lone surrogates, line and paragraph separators.
UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
HIGHEST_CGPA = 10


def plain(text: str) -> str:
    """A value without blanks around it; refused with anything in it that a line can't hold."""
    if not text.strip():
        message = "is blank: give it a value, or leave it out"
        raise ValueError(message)
    if any(unicodedata.category(letter) in UNPRINTABLE for letter in text.strip()):
        message = "has characters that can't be printed, or a line break"
        raise ValueError(message)
    return text.strip()


def expanded(path: Path) -> Path:
    """A path with the folder of whoever is meant by ~."""
    try:
        return path.expanduser()
    except RuntimeError:
        message = f"{path.parts[0]} is nobody's folder here: write the whole path"
        raise ValueError(message) from None


def unmistakable(value: SecretStr | None) -> SecretStr | None:
    """Refuse a URL of which another part would be taken for the host, and shown in messages."""
    if value is None:
        return None
    authority, _, path = value.get_secret_value().partition("://")[2].partition("/")
    if (
        authority.count("@") > 1
        or "@" in path.partition("?")[0]
        or "@" in authority.partition("?")[2]
    ):
        message = "has a user or password whose / @ ? must be written %2F %40 %3F"
        raise ValueError(message)
    return value


def refuse_odd_database(value: SecretStr) -> None:
    """Redis clients take anything but a number for database 0, which may be somebody else's."""
    parts = urlsplit(value.get_secret_value())
    refuse_odd_port(parts)
    if parts.path.strip("/") and not parts.path.strip("/").isdecimal():
        message = "must end in the number of a database, as redis://host:6379/0"
        raise ValueError(message)


def refuse_odd_port(parts: SplitResult) -> None:
    """Refuse a port that no server has."""
    try:
        odd = parts.port == 0
    except ValueError:
        odd = True
    if odd:
        message = "has a port that is no number from 1 to 65535"
        raise ValueError(message) from None


def with_scheme(value: SecretStr | None, schemes: tuple[str, ...]) -> SecretStr | None:
    """Refuse a URL of another kind."""
    if value is not None and value.get_secret_value().partition("://")[0] not in schemes:
        message = f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}"
        raise ValueError(message)
    return value


def digits(codes: tuple[str, ...], length: int) -> tuple[str, ...]:
    """Codes of so many digits each."""
    if wrong := [
        code for code in codes if not (code.isascii() and code.isdigit() and len(code) == length)
    ]:
        message = f"{wrong[0]!r} is not {length} digits"
        raise ValueError(message)
    return codes


def award(text: str) -> tuple[str, float]:
    """The name of a class award and its least CGPA."""
    name, _, limit = text.rpartition(":")
    try:
        least = float(limit)
    except ValueError:
        least = -1
    if not name.strip() or not 0 <= least <= HIGHEST_CGPA:
        message = f"{text!r} is not a name and a CGPA, as Distinction:8"
        raise ValueError(message)
    return name.strip(), least
