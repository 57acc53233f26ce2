"""The embedded PostgreSQL: one cluster with two databases, on a socket in a private folder.

What belongs here: its initialisation, configuration and start. There is no TCP and no password,
because only the owner of the home can open the folder of the socket.
"""

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services.binaries import postgres_program
from ouspark_assets.services.child_process import Child, Identity, read_output, run_child
from ouspark_assets.services.launcher import nobody_uid
from ouspark_assets.services.paths import PRIVATE_FILE, PRIVATE_FOLDER, ServicePaths
from ouspark_assets.services.server_runner import Launch

PORT = 5432
DATABASES = {"dev_dsn": "ouspark_dev", "prod_dsn": "ouspark_prod"}
IDENTITIES_OF_ROOT: tuple[Identity, ...] = ("namespace", "nobody")
OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    # Kept for the pipeline: this superuser, and ouspark_publisher where roles.sql was run. Idle
    # readers of all other roles cannot use up the rest.
    "superuser_reserved_connections": "20",
    "reserved_connections": "10",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "1GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    "fsync": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # The text and the detail of a failed statement contain rows of students.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# initdb writes 40 MB; the two databases and the first WAL file take the rest.
MIN_FREE_SPACE = 80 * 1024 * 1024
# Containers often have 64 MB of it, which two parallel queries exceed.
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
MIN_SHARED_MEMORY = 256 * 1024 * 1024
CREATE_DATABASES = "".join(
    f"SELECT 'CREATE DATABASE {name}' WHERE NOT EXISTS"
    f" (SELECT FROM pg_database WHERE datname = '{name}') \\gexec\n"
    for name in DATABASES.values()
)


class Postgres:
    """The PostgreSQL cluster of one home."""

    name = "postgres"
    title = "PostgreSQL"
    attempts = 1
    death_signal = signal.SIGINT
    stop_steps: Sequence[tuple[signal.Signals, float]] = (
        (signal.SIGINT, 30.0),
        (signal.SIGQUIT, 10.0),
    )

    def __init__(self, paths: ServicePaths, sockets: Path) -> None:
        """Describe the cluster of a home, with its sockets in a private folder."""
        self._paths = paths
        self._sockets = sockets
        self._data = paths.data(self.name)
        self._log = paths.log(self.name)
        self._identity: Identity = "self"
        self.version: str | None = None

    async def prepare(self, lock: int) -> Launch:
        """Choose an identity, initialise a missing cluster, remove the files that a crash left."""
        self._identity, self.version = await _identity_and_version()
        if not self._data.exists():
            await self._initialise(lock)
        self._check_version(self.version)
        owner = nobody_uid() if self._identity == "nobody" else os.geteuid()
        if self._data.stat().st_uid != owner:
            _change_owner(self._data, self._identity)
        # We hold the lock, so no process of the cluster is alive, whatever pid the file contains.
        for stale in (
            self._data / "postmaster.pid",
            self._sockets / f".s.PGSQL.{PORT}",
            self._sockets / f".s.PGSQL.{PORT}.lock",
        ):
            stale.unlink(missing_ok=True)
        return Launch(self._command(), self._identity)

    def is_ready(self, pid: int) -> bool:
        """Return whether the status line of postmaster.pid says so."""
        try:
            lines = (self._data / "postmaster.pid").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return False
        # The lines are: pid, data, start, port, socket folder, address, shared memory, status.
        return lines[:1] == [str(pid)] and lines[-1].strip() == "ready"

    async def finish(self) -> None:
        """Create the missing databases."""
        psql = self._program("psql")
        target = ["-h", str(self._sockets), "-p", str(PORT), "-U", "postgres", "-d", "postgres"]
        statements = self._paths.root / "databases.sql"
        statements.write_text(CREATE_DATABASES, "utf-8")
        flags = ["-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-f", str(statements)]
        await run_child(Child([psql, *target, *flags], self._log), "Creating the databases")

    def addresses(self) -> dict[str, str]:
        """Return a DSN per database, in the form that libpq, psycopg and SQLAlchemy accept."""
        folder = quote(str(self._sockets))
        return {
            setting: f"postgresql://postgres@/{database}?host={folder}&port={PORT}"
            for setting, database in DATABASES.items()
        }

    async def _initialise(self, lock: int) -> None:
        """Initialise in another folder and rename it: an incomplete cluster is never started."""
        fresh = self._data.with_name(f"{self.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        free = shutil.disk_usage(self._paths.root).free
        if free < MIN_FREE_SPACE:
            message = (
                f"No space left on the disk of {self._paths.home}: PostgreSQL needs"
                f" {MIN_FREE_SPACE >> 20} MB to start with, and {free >> 20} MB are free. Free some"
                " space, or set OUSPARK_HOME to a folder on another disk."
            )
            raise ServiceError(message)
        fresh.mkdir(PRIVATE_FOLDER)
        _change_owner(fresh, self._identity)
        command = [
            self._program("initdb"),
            *("-D", str(fresh), "-U", "postgres", "-E", "UTF8", "--no-data-checksums"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            *("--auth-local=trust", "--auth-host=reject", "--no-instructions"),
        ]
        child = Child(command, self._log, identity=self._identity, lock=lock)
        await run_child(child, "Initialising PostgreSQL")
        hba = fresh / "pg_hba.conf"
        hba.write_text("local all all trust\n", "utf-8")
        hba.chmod(PRIVATE_FILE)
        fresh.rename(self._data)

    def _program(self, name: str) -> str:
        return str(postgres_program(name, for_all_users=self._identity == "nobody"))

    def _check_version(self, version: str) -> None:
        try:
            found = (self._data / "PG_VERSION").read_text("utf-8").strip()
        except FileNotFoundError:
            found = "?"
        wanted = version.partition(".")[0]
        if found != wanted:
            message = (
                f"{self._data} contains data of PostgreSQL {found}, but {wanted} is installed. Move"
                " that folder away to start with empty databases, or install the earlier version."
            )
            raise ServiceError(message)

    def _command(self) -> list[str]:
        options = OPTIONS | {"unix_socket_directories": str(self._sockets)}
        if _is_short_of_shared_memory():
            options |= {"dynamic_shared_memory_type": "mmap"}
        settings = [part for item in options.items() for part in ("-c", "=".join(item))]
        return [self._program("postgres"), "-D", str(self._data), "-p", str(PORT), *settings]


async def _identity_and_version() -> tuple[Identity, str]:
    program = str(postgres_program("postgres"))
    candidates: tuple[Identity, ...] = ("self",) if os.geteuid() != 0 else IDENTITIES_OF_ROOT
    for identity in candidates:
        printed = await read_output([program, "--version"], identity)
        if printed is not None:
            return identity, printed.rpartition(" ")[2]
    if os.geteuid() != 0:
        message = f"{program} can't be run on this machine"
    else:
        message = (
            "PostgreSQL does not run as root, and on this machine root can neither create a user"
            " namespace nor become nobody: run as another user"
        )
    message += ", or set OUSPARK_DEV_DSN and OUSPARK_PROD_DSN"
    raise ServiceError(message)


def _change_owner(folder: Path, identity: Identity) -> None:
    """Change the owner of a tree to the user that the server runs as."""
    if os.geteuid() != 0:
        return
    uid = nobody_uid() if identity == "nobody" else 0
    os.chown(folder, uid, -1)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent) / name, uid, -1, follow_symlinks=False)


def _is_short_of_shared_memory() -> bool:
    if sys.platform != "linux" or not SHARED_MEMORY.is_dir():
        return False
    free = os.statvfs(SHARED_MEMORY)
    return free.f_bavail * free.f_frsize < MIN_SHARED_MEMORY
