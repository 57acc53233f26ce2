"""The files and folders of the embedded servers below a home, and their permissions.

What the files contain is not decided here.
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
# macOS allows 103 bytes for the path of a socket, Linux 107. PostgreSQL's name is the longest.
MAX_SOCKET_PATH = 103
MAX_SOCKET_NAME = len("/.s.PGSQL.5432.lock")
# A comma separates socket folders in PostgreSQL's options; other characters have a meaning in URLs.
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+~-]+")


@dataclass(frozen=True)
class ServicePaths:
    """The files and folders of the servers of one home."""

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
        """The lock that new users share for a moment, and a stopping supervisor holds alone."""
        return self.root / "gate.lock"

    @property
    def start(self) -> Path:
        """The lock of the process that is starting a supervisor."""
        return self.root / "start.lock"

    @property
    def supervisor(self) -> Path:
        """The lock of the running supervisor."""
        return self.root / "supervisor.lock"

    @property
    def contact(self) -> Path:
        """The file with the supervisor's pid and control socket."""
        return self.root / "supervisor.json"

    @property
    def keep(self) -> Path:
        """The file that exists while servers are to run without users; it names them."""
        return self.root / "keep"

    @property
    def keeper(self) -> Path:
        """The lock of the process that restarts the supervisor while servers are kept."""
        return self.root / "keeper.lock"

    def log(self, name: str) -> Path:
        """Return the log file of a server."""
        return self.logs / f"{name}.log"

    def lock(self, name: str) -> Path:
        """Return the lock that a server's processes inherit and hold until the last one ends."""
        return self.root / f"{name}.lock"

    def data(self, name: str) -> Path:
        """Return a file or folder of a server's data."""
        return self.root / name


def create_folders(home: Path) -> ServicePaths:
    """Create the folders and lock files of a home; raise a ServiceError if that is impossible."""
    paths = ServicePaths(home)
    try:
        home.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        for folder in (paths.root, paths.logs, paths.users):
            _make_private(folder)
        for lock in (paths.gate, paths.start, paths.supervisor, paths.keeper):
            lock.touch(PRIVATE_FILE)
    except OSError as error:
        raise home_error(home, error) from error
    return paths


def home_error(home: Path, error: OSError) -> ServiceError:
    """Return the error for a home that cannot be written."""
    reason = error.strerror or str(error)
    at = f" ({error.filename})" if error.filename else ""
    return ServiceError(
        f"The embedded servers can't use {home}: {reason}{at}. Make it writable and free some"
        " space, or set OUSPARK_HOME to another folder."
    )


def create_socket_folder(paths: ServicePaths) -> Path:
    """Return a private folder for sockets: in the home, or in /tmp if the home's path is unfit."""
    inside = paths.root / "run"
    if _is_fit_for_sockets(inside):
        _make_private(inside)
        return inside
    name = f"ouspark-{os.geteuid()}-{hashlib.sha256(os.fsencode(paths.home)).hexdigest()[:12]}"
    temporary = Path(tempfile.gettempdir())
    fits = _is_fit_for_sockets(temporary / name)
    outside = (temporary if fits else Path("/tmp")) / name  # noqa: S108
    _make_private(outside)
    return outside


def write_private_file(path: Path, text: str) -> None:
    """Replace a file atomically; only its owner can read it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(
        os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE), "w"
    ) as file:
        file.write(text)
    temporary.replace(path)


def _is_fit_for_sockets(folder: Path) -> bool:
    length = len(os.fsencode(folder)) + MAX_SOCKET_NAME
    return length <= MAX_SOCKET_PATH and PLAIN_PATH.fullmatch(str(folder)) is not None


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    status = folder.lstat()
    is_folder = stat.S_ISDIR(status.st_mode)
    if not is_folder or status.st_uid != os.geteuid():
        problem = f"belongs to uid {status.st_uid}" if is_folder else "is not a folder"
        message = f"{folder} {problem}. Remove it, or set OUSPARK_HOME to another folder."
        raise ServiceError(message)
    if stat.S_IMODE(status.st_mode) != PRIVATE_FOLDER:
        folder.chmod(PRIVATE_FOLDER)
