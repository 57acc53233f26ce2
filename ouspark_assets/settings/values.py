"""Checks and conversions of single values: text, paths, URLs, codes, award limits.

Each raises a ValueError with the end of a sentence whose subject is the variable. Which setting
uses which check is in `groups.py`.
"""

import re
import unicodedata
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

# Control characters, lone surrogates, line and paragraph separators.
UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
MAX_CGPA = 10
MIN_KEY_LENGTH = 16


def stripped_line(text: str) -> str:
    """Return the value without surrounding blanks; refuse what does not print on one line."""
    text = text.strip()
    if not text:
        message = "is blank: give it a value, or leave it out"
        raise ValueError(message)
    if any(unicodedata.category(letter) in UNPRINTABLE for letter in text):
        message = "has characters that can't be printed, or a line break"
        raise ValueError(message)
    return text


def expanded_path(path: Path) -> Path:
    """Return the path with ~ and ~user replaced by the home folder."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        message = f"can't expand {path.parts[0]} (no such user): write the whole path"
        raise ValueError(message) from error


def secret_url(value: SecretStr | None, schemes: tuple[str, ...]) -> SecretStr | None:
    """Return the URL; refuse other schemes, and a password that would be read as the host.

    A host is shown in messages, so that a misread password would be shown as well.
    """
    if value is None:
        return None
    scheme, _, rest = value.get_secret_value().partition("://")
    if scheme not in schemes:
        message = f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}"
        raise ValueError(message)
    authority, _, path = rest.partition("/")
    if (
        authority.count("@") > 1
        or "@" in path.partition("?")[0]
        or "@" in authority.partition("?")[2]
    ):
        message = "has a user or password whose / @ ? must be written %2F %40 %3F"
        raise ValueError(message)
    return value


def secret_key(value: SecretStr | None) -> SecretStr | None:
    """Return the key; refuse one that can be guessed."""
    if value is not None and len(value.get_secret_value()) < MIN_KEY_LENGTH:
        message = f"must have at least {MIN_KEY_LENGTH} characters (`openssl rand -hex 32`)"
        raise ValueError(message)
    return value


def redis_url(value: SecretStr | None) -> SecretStr | None:
    """Return the URL; refuse a database that is not a number.

    Redis clients use database 0 instead, which may belong to another application.
    """
    secret_url(value, schemes=("redis", "rediss", "unix"))
    if value is None or value.get_secret_value().startswith("unix:"):
        return value
    parts = urlsplit(value.get_secret_value())
    _refuse_malformed_port(parts)
    if parts.path.strip("/") and not parts.path.strip("/").isdecimal():
        message = "must end in the number of a database, e.g. redis://host:6379/0"
        raise ValueError(message)
    return value


def lake_location(value: str | None) -> str | None:
    """Return the folder with ~ replaced, or the s3:// URL; refuse other URLs."""
    if value is None or value.startswith("s3://"):
        return value
    if "://" in value:
        message = "must be a folder or an s3:// URL"
        raise ValueError(message)
    return str(expanded_path(Path(value)))


def root_url(value: str | None) -> str | None:
    """Return the root URL of a site without a trailing slash; refuse anything beyond a root."""
    if value is None:
        return None
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in value:
        message = "must be an http:// or https:// URL"
        raise ValueError(message)
    if "@" in parts.netloc or parts.query or parts.fragment:
        message = "must be the root URL of a site: no user, password, query or fragment"
        raise ValueError(message)
    _refuse_malformed_port(parts)
    return value.rstrip("/")


def _refuse_malformed_port(parts: SplitResult) -> None:
    try:
        malformed = parts.port == 0
    except ValueError:
        malformed = True
    if malformed:
        message = "has a port that is not a number from 1 to 65535"
        # Not chained: the cause quotes the port, which is part of a password if it was misread.
        raise ValueError(message)


def codes_of_digits(codes: tuple[str, ...], length: int) -> tuple[str, ...]:
    """Return the codes; refuse one that does not consist of `length` digits."""
    for code in codes:
        if not (code.isascii() and code.isdigit() and len(code) == length):
            message = f"{code!r} is not {length} digits"
            raise ValueError(message)
    return codes


def host_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names or IP addresses of hosts; refuse URLs, ports and wildcards."""
    for name in names:
        try:
            is_host = urlsplit(f"//[{name}]" if name.count(":") > 1 else f"//{name}").hostname
        except ValueError:
            is_host = None
        if is_host != name or not re.fullmatch(r"[\w.:-]+", name, re.ASCII):
            message = f"{name!r} is not the name of a host, e.g. dagster.example.org"
            raise ValueError(message)
    return names


def award_limit(text: str) -> tuple[str, float]:
    """Return the name of a class award and its minimum CGPA, from e.g. `Distinction:8`."""
    name, _, limit = text.rpartition(":")
    try:
        minimum = float(limit)
    except ValueError:
        minimum = -1
    if not name.strip() or not 0 <= minimum <= MAX_CGPA:
        message = f"{text!r} is not a name and a CGPA, e.g. Distinction:8"
        raise ValueError(message)
    return name.strip(), minimum
