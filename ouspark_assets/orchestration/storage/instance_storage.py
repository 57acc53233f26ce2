"""The storage classes named in `dagster.yaml`: SQLite under OUSPARK_HOME, or OUSPARK_DAGSTER_DSN.

`env:` in `dagster.yaml` has no default, so these classes read the settings; the same file then
serves a fresh clone and a deployment. Only this module and `protected_instance.py` import Dagster's
internals, which is why Dagster's minor version is pinned. PostgreSQL is in `pooled_storage.py`.
"""

import signal
import sys
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from click import ClickException
from dagster import DagsterInstance, StringSource
from dagster import Field as ConfigField
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, delete, event, or_
from sqlalchemy.exc import SQLAlchemyError

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services.file_locks import lock_descriptor
from ouspark_assets.services.private_files import restrict_permissions
from ouspark_assets.settings import Settings, load_settings
from ouspark_assets.settings.environment import load_dotenv_like_dagster

BUSY_TIMEOUT_SECONDS = 30


class UnusableHomeError(ServiceError, ClickException):
    """OUSPARK_HOME cannot be used. Dagster's commands print a ClickException as one line."""


def dagster_folder() -> Path:
    """Return the folder of Dagster's local state; create it if it is missing."""
    home = _load_settings().servers.home
    try:
        (home / "dagster").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = (
            f"Dagster's state can't be stored in {home}: {error.strerror} ({error.filename}). Make"
            " it writable, or set OUSPARK_HOME to another folder."
        )
        raise UnusableHomeError(message) from error
    return home / "dagster"


def _load_settings() -> Settings:
    """Return the settings; from here on, this process creates private files only."""
    load_dotenv_like_dagster()
    settings = load_settings()
    restrict_permissions(settings.servers.home, settings.servers.lake_location)
    return settings


class PersistentSqliteEventLog(SqliteEventLogStorage):
    """Dagster's event log on SQLite with connections that stay open between events.

    The stock class opens, prepares and closes two connections for each of a run's hundreds of
    events; that took 7 of the 17 seconds of a run with nothing to do. Commits wait for the
    operating system only, not for the disk: a power cut may lose some of Dagster's history, but
    the file stays consistent (WAL).
    """

    MAX_ENGINES = 8

    def __init__(self, base_dir: str) -> None:
        """Use the event log in this folder."""
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs or not Path(self.path_for_shard(shard)).exists():
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        """Return the engine of a shard; close the least recently used beyond the maximum."""
        if shard not in self._engines:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                pool_size=1,
                connect_args={"timeout": BUSY_TIMEOUT_SECONDS},
            )
            event.listen(
                engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = NORMAL")
            )
            self._engines[shard] = engine
        self._engines.move_to_end(shard)
        while len(self._engines) > self.MAX_ENGINES:
            self._engines.popitem(last=False)[1].dispose()
        return self._engines[shard]

    def remove(self, run_id: str) -> int:
        """Remove a run's own log and return the number of files; events of assets are elsewhere."""
        path = Path(self.path_for_shard(run_id))
        with self._db_lock:
            if engine := self._engines.pop(run_id, None):
                engine.dispose()
            files = list(path.parent.glob(f"{path.name}*"))
            for file in files:
                file.unlink(missing_ok=True)
        return len(files)

    def dispose(self) -> None:
        """Close all engines."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()


class PersistentSqliteStorage(DagsterSqliteStorage):
    """Dagster's storage on SQLite with `PersistentSqliteEventLog`."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Use the storage in this folder."""
        super().__init__(base_dir, inst_data)
        self._event_log_storage = PersistentSqliteEventLog(str(Path(base_dir) / "history" / "runs"))


class EnvironmentStorage(DagsterStorage, ConfigurableClass):
    """Runs, events and schedules, in PostgreSQL if OUSPARK_DAGSTER_DSN is set, otherwise SQLite."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return an empty schema: the settings come from the environment."""
        return {}

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> DagsterStorage[Any]:
        """Return the storage that the settings select."""
        del config_value
        dsn = _load_settings().runs.dagster_dsn
        if dsn is None:
            folder = dagster_folder()
            # If two processes create the same tables at the same time, one of them fails.
            with (folder / ".opening").open("w") as lock:
                lock_descriptor(lock.fileno())
                return PersistentSqliteStorage(str(folder), inst_data)
        from ouspark_assets.orchestration.storage.pooled_storage import open_storage

        # The only driver that dagster-postgres supports.
        return open_storage("postgresql+psycopg2://" + dsn.get_secret_value().split("://", 1)[1])


class EnvironmentArtifactStorage(LocalArtifactStorage):
    """Files of runs, in the folder of Dagster's local state."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the configuration schema."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Return the storage in the folder of Dagster's local state."""
        del config_value
        return cls(str(dagster_folder()), inst_data)


class EnvironmentComputeLogs(LocalComputeLogManager):
    """Output of steps, in the folder of Dagster's local state."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the configuration schema."""
        return {"polling_timeout": ConfigField(StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "EnvironmentComputeLogs":
        """Return the storage in the folder of Dagster's local state."""
        del config_value
        return cls(base_dir=str(dagster_folder() / "logs"), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Capture as Dagster does, with helper processes that Ctrl-C does not reach.

        This process ends them; if they were interrupted as well, they would print errors.
        """
        with ExitStack() as stack:
            with _interrupts_blocked():
                context = stack.enter_context(super().capture_logs(log_key))
            yield context


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block SIGINT for processes started in the block; this process gets it after the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def storage_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that Dagster's storage raises when it is unreachable.

    Those of dagster-postgres are included only if it is imported already; importing it takes half
    a second.
    """
    postgres = sys.modules.get("dagster_postgres.utils")
    return (SQLAlchemyError, *([postgres.DagsterPostgresException] if postgres else []))


@dataclass(frozen=True)
class Pruned:
    """How many of Dagster's records were removed."""

    events: int
    files: int


def prune(instance: DagsterInstance, runs: Iterable[str], before: datetime) -> Pruned:
    """Remove the events before this time, and the logs of these runs.

    Events of assets and their checks stay, because histories and plots are made from them.
    """
    storage, table = instance.event_log_storage, SqlEventLogStorageTable.c
    if not isinstance(storage, SqlEventLogStorage):
        return Pruned(0, 0)
    without_asset = table.asset_key.is_(None) & or_(
        table.dagster_event_type.is_(None), table.dagster_event_type.not_like("ASSET%")
    )
    # Dagster stores timestamps in UTC, without a time zone.
    old = delete(SqlEventLogStorageTable).where(
        without_asset & (table.timestamp < before.astimezone(UTC).replace(tzinfo=None))
    )
    with storage.index_connection() as connection:
        events = connection.execute(old).rowcount
    files = 0
    if isinstance(storage, PersistentSqliteEventLog):
        files += sum(storage.remove(run_id) for run_id in runs)
    # Output of steps, sensors and schedules.
    for path in [
        path
        for path in (dagster_folder() / "logs").rglob("*")
        if path.is_file() and path.stat().st_mtime < before.timestamp()
    ]:
        path.unlink(missing_ok=True)
        files += 1
        with suppress(OSError):  # not empty yet
            path.parent.rmdir()
            path.parent.parent.rmdir()
    return Pruned(events, files)
