"""Putting a report where it belongs: whole or not at all, and untouched when it is the same."""

import os
import secrets
from enum import StrEnum
from pathlib import Path

from ouspark_assets.domain.errors import OuSparkError


class Written(StrEnum):
    """What became of a file."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


def put(path: Path, data: bytes) -> Written:
    """Write a file beside its place and move it there; says whether anything was different."""
    try:
        existed = path.exists()
        if existed and path.read_bytes() == data:
            return Written.UNCHANGED
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    except OSError as error:
        message = f"{path} can't be written ({error.strerror}): choose another folder with --out."
        raise OuSparkError(message) from None
    return Written.CHANGED if existed else Written.NEW


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
