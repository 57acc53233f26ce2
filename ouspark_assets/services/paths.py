"""Where everything of the embedded servers lies below a home, and who may look at it.

What belongs here: paths, permissions and the choice of the folder for sockets. What does not:
what the files mean.
"""

import hashlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ouspark_assets.domain.errors import ServiceError

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
# macOS allows 103 bytes for the path of a socket, Linux 107; the longest name is PostgreSQL's.
LONGEST_SOCKET_PATH = 103
LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432.lock")
# PostgreSQL separates several socket folders by commas, URLs give other characters a meaning.
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+~-]+")


@dataclass(frozen=True)
class Places:
    """The folders and files of one home."""

    home: Path

    @property
    def root(self) -> Path:
        """The private folder of everything but the logs."""
        return self.home / "services"

    @property
    def logs(self) -> Path:
        """The folder of the logs."""
        return self.home / "logs"

    @property
    def users(self) -> Path:
        """The folder with one locked file per process that uses the servers."""
        return self.root / "users"

    @property
    def gate(self) -> Path:
        """The lock that newcomers pass and that a stopping supervisor keeps closed."""
        return self.root / "gate.lock"

    @property
    def start(self) -> Path:
        """The lock that lets one process at a time start a supervisor."""
        return self.root / "start.lock"

    @property
    def supervisor(self) -> Path:
        """The lock that the supervisor holds as long as it lives."""
        return self.root / "supervisor.lock"

    @property
    def contact(self) -> Path:
        """The file that says how to reach the supervisor."""
        return self.root / "supervisor.json"

    @property
    def keep(self) -> Path:
        """The mark that the servers stay without users."""
        return self.root / "keep"

    def log(self, name: str) -> Path:
        """The log of a server."""
        return self.logs / f"{name}.log"

    def lock(self, name: str) -> Path:
        """The lock that a server inherits, held until its last process is gone."""
        return self.root / f"{name}.lock"

    def data(self, name: str) -> Path:
        """The folder or file of what a server keeps."""
        return self.root / name


def prepare(home: Path) -> Places:
    """Make the folders of a home; what stands in the way is one clear line."""
    places = Places(home)
    try:
        home.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        for folder in (places.root, places.logs, places.users):
            _make_private(folder)
        for lock in (places.gate, places.start, places.supervisor):
            lock.touch(PRIVATE_FILE)
    except OSError as error:
        raise unusable(home, error) from error
    return places


def unusable(home: Path, error: OSError) -> ServiceError:
    """The one line for a home that can't be written."""
    reason = error.strerror or str(error)
    at = f" ({error.filename})" if error.filename else ""
    return ServiceError(
        f"The embedded servers can't use {home}: {reason}{at}; make it writable with some free"
        " space, or point OUSPARK_HOME at another folder"
    )


def socket_folder(places: Places) -> Path:
    """A private folder for sockets: in the home, else (path too long) in the temporary folder."""
    inside = places.root / "run"
    if _fits(inside):
        _make_private(inside)
        return inside
    name = f"ouspark-{os.geteuid()}-{hashlib.sha256(os.fsencode(places.home)).hexdigest()[:12]}"
    temporary = Path(tempfile.gettempdir())
    outside = (temporary if _fits(temporary / name) else Path("/tmp")) / name  # noqa: S108
    _make_private(outside)
    return outside


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by its owner only."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(
        os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE), "w"
    ) as file:
        file.write(text)
    beside.replace(path)


def _fits(folder: Path) -> bool:
    length = len(os.fsencode(folder)) + LONGEST_SOCKET_NAME
    return length <= LONGEST_SOCKET_PATH and PLAIN_PATH.fullmatch(str(folder)) is not None


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        what = f"belongs to uid {status.st_uid}" if stat.S_ISDIR(status.st_mode) else "is no folder"
        message = f"{folder} {what}: remove it, or point OUSPARK_HOME at another folder"
        raise ServiceError(message)
    if stat.S_IMODE(status.st_mode) != PRIVATE_FOLDER:
        folder.chmod(PRIVATE_FOLDER)
