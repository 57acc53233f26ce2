"""The embedded PostgreSQL: one cluster with two databases, on a socket in a private folder.

What belongs here: how it is initialised, configured and started. There is no TCP and no password:
whoever may enter the folder of the socket is its owner.
"""

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services import binaries, launcher
from ouspark_assets.services import child_process as process
from ouspark_assets.services.child_process import Child, Identity
from ouspark_assets.services.paths import PRIVATE_FILE, PRIVATE_FOLDER, Places
from ouspark_assets.services.server import Launch

PORT = 5432
DATABASES = {"dev_dsn": "ouspark_dev", "prod_dsn": "ouspark_prod"}
IDENTITIES_OF_ROOT: tuple[Identity, ...] = ("namespace", "nobody")
OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
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
    # A failing statement and its detail would carry students' rows into the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# Containers often have 64 MB here, which two parallel queries exceed.
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
LEAST_SHARED_MEMORY = 256 * 1024 * 1024
CREATE_DATABASES = "".join(
    f"SELECT 'CREATE DATABASE {name}' WHERE NOT EXISTS"
    f" (SELECT FROM pg_database WHERE datname = '{name}') \\gexec\n"
    for name in DATABASES.values()
)


class Postgres:
    """PostgreSQL of one home."""

    name = "postgres"
    title = "PostgreSQL"
    attempts = 1
    death_signal = signal.SIGINT
    stop_steps: Sequence[tuple[signal.Signals, float]] = (
        (signal.SIGINT, 30.0),
        (signal.SIGQUIT, 10.0),
    )

    def __init__(self, places: Places, sockets: Path) -> None:
        """Of a home, with its sockets in a private folder."""
        self._places = places
        self._sockets = sockets
        self._data = places.data(self.name)
        self._log = places.log(self.name)
        self._identity: Identity = "self"
        self.version: str | None = None

    async def prepare(self, lock: int) -> Launch:
        """Choose an identity, initialise the cluster if there is none, clear what a crash left."""
        self._identity, self.version = await _identity_and_version()
        if not self._data.exists():
            await self._initialise(lock)
        self._check_version(self.version)
        self._give_data()
        # The lock is ours, so no process of the cluster lives, whatever pid the file names.
        for stale in (
            self._data / "postmaster.pid",
            self._sockets / f".s.PGSQL.{PORT}",
            self._sockets / f".s.PGSQL.{PORT}.lock",
        ):
            stale.unlink(missing_ok=True)
        return Launch(self._command(), self._identity)

    def is_ready(self, pid: int) -> bool:
        """Whether the status line of the postmaster's own file says so."""
        try:
            lines = (self._data / "postmaster.pid").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return False
        # Line by line: pid, data, start, port, socket folder, address, shared memory, status.
        return lines[:1] == [str(pid)] and lines[-1].strip() == "ready"

    async def finish(self) -> None:
        """Create the databases that are missing."""
        psql = self._program("psql")
        where = [
            "-h",
            str(self._sockets),
            "-p",
            str(PORT),
            "-U",
            "postgres",
            "-d",
            "postgres",
        ]
        statements = self._places.root / "databases.sql"
        statements.write_text(CREATE_DATABASES, "utf-8")
        flags = ["-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-f", str(statements)]
        await process.complete(Child([psql, *where, *flags], self._log), "Creating the databases")

    def addresses(self) -> dict[str, str]:
        """A DSN per database, as libpq, psycopg and SQLAlchemy read it."""
        folder = quote(str(self._sockets))
        return {
            setting: f"postgresql://postgres@/{database}?host={folder}&port={PORT}"
            for setting, database in DATABASES.items()
        }

    async def _initialise(self, lock: int) -> None:
        """Initialise beside the final place, so that a half-made cluster is never started."""
        fresh = self._data.with_name(f"{self.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(PRIVATE_FOLDER)
        _give(fresh, self._identity)
        command = [
            self._program("initdb"),
            *("-D", str(fresh), "-U", "postgres", "-E", "UTF8", "--no-data-checksums"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            *("--auth-local=trust", "--auth-host=reject", "--no-instructions"),
        ]
        child = Child(command, self._log, identity=self._identity, lock=lock)
        await process.complete(child, "Initialising PostgreSQL")
        hba = fresh / "pg_hba.conf"
        hba.write_text("local all all trust\n", "utf-8")
        hba.chmod(PRIVATE_FILE)
        fresh.rename(self._data)

    def _program(self, name: str) -> str:
        return str(binaries.postgres_program(name, for_everybody=self._identity == "nobody"))

    def _check_version(self, version: str) -> None:
        try:
            found = (self._data / "PG_VERSION").read_text("utf-8").strip()
        except FileNotFoundError:
            found = "?"
        wanted = version.partition(".")[0]
        if found != wanted:
            message = (
                f"{self._data} holds data of PostgreSQL {found}, installed is {wanted}: move that"
                " folder away to begin with empty databases, or install the earlier version again"
            )
            raise ServiceError(message)

    def _give_data(self) -> None:
        owner = launcher.nobody() if self._identity == "nobody" else os.geteuid()
        if self._data.stat().st_uid != owner:
            _give(self._data, self._identity)

    def _command(self) -> list[str]:
        options = OPTIONS | {"unix_socket_directories": str(self._sockets)}
        if _is_short_of_shared_memory():
            options |= {"dynamic_shared_memory_type": "mmap"}
        settings = [part for item in options.items() for part in ("-c", "=".join(item))]
        return [self._program("postgres"), "-D", str(self._data), "-p", str(PORT), *settings]


async def _identity_and_version() -> tuple[Identity, str]:
    program = str(binaries.postgres_program("postgres"))
    candidates: tuple[Identity, ...] = ("self",) if os.geteuid() != 0 else IDENTITIES_OF_ROOT
    for identity in candidates:
        printed = await process.output([program, "--version"], identity)
        if printed is not None:
            return identity, printed.rpartition(" ")[2]
    if os.geteuid() != 0:
        message = f"{program} can't be run on this machine"
    else:
        message = (
            "PostgreSQL never runs as root, and this machine lets root neither make a user"
            " namespace nor become nobody: run as another user"
        )
    message += ", or set OUSPARK_DEV_DSN and OUSPARK_PROD_DSN"
    raise ServiceError(message)


def _give(folder: Path, identity: Identity) -> None:
    """Make a tree the property of whom the server runs as."""
    if os.geteuid() != 0:
        return
    uid = launcher.nobody() if identity == "nobody" else 0
    os.chown(folder, uid, -1)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent) / name, uid, -1, follow_symlinks=False)


def _is_short_of_shared_memory() -> bool:
    if sys.platform != "linux" or not SHARED_MEMORY.is_dir():
        return False
    free = os.statvfs(SHARED_MEMORY)
    return free.f_bavail * free.f_frsize < LEAST_SHARED_MEMORY
