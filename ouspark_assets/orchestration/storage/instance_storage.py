"""Where Dagster keeps its own records: under `$OUSPARK_HOME`, or in `OUSPARK_DAGSTER_DSN`.

`dagster.yaml` names these classes, because `env:` there has no default: one file serves a fresh
clone and a deployment alike. The only module that imports dagster's internals, hence the pinned
minor version.
"""

import signal
import sqlite3
import sys
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

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

from ouspark_assets.services.file_locks import lock_descriptor
from ouspark_assets.settings import load_settings
from ouspark_assets.settings.environment import load_dotenv_like_dagster

BUSY_SECONDS = 30


def dagster_folder() -> Path:
    """The folder of Dagster's local state, made when it is missing."""
    load_dotenv_like_dagster()
    folder = load_settings().servers.home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class KeptConnections(SqliteEventLogStorage):
    """Dagster's event log on SQLite, without a new engine and connection for every event.

    The stock class opens, prepares and closes two for each of a run's hundreds of events: 7 of
    17 seconds of a run with nothing to do. A commit waits for the operating system, not for the
    disk: what a power cut may lose is history of Dagster's, and the file stays sound (WAL).
    """

    MOST_ENGINES = 8

    def __init__(self, base_dir: str) -> None:
        """Open the log in this folder."""
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
        """The engine of a shard; those not used for longest are closed."""
        if shard not in self._engines:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                pool_size=1,
                connect_args={"timeout": BUSY_SECONDS},
            )
            event.listen(engine, "connect", _without_waiting_for_the_disk)
            self._engines[shard] = engine
        self._engines.move_to_end(shard)
        while len(self._engines) > self.MOST_ENGINES:
            self._engines.popitem(last=False)[1].dispose()
        return self._engines[shard]

    def remove(self, run_id: str) -> int:
        """Remove a run's own log; what is known of assets is in the one they share."""
        path = Path(self.path_for_shard(run_id))
        with self._db_lock:
            if engine := self._engines.pop(run_id, None):
                engine.dispose()
            files = list(path.parent.glob(f"{path.name}*"))
            for file in files:
                file.unlink(missing_ok=True)
        return len(files)

    def dispose(self) -> None:
        """Close everything."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()


class KeptStorage(DagsterSqliteStorage):
    """Dagster's storage on SQLite with that event log."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open the storage in this folder."""
        super().__init__(base_dir, inst_data)
        self._event_log_storage = KeptConnections(str(Path(base_dir) / "history" / "runs"))


class EnvironmentStorage(DagsterStorage, ConfigurableClass):
    """Runs, events and schedules: PostgreSQL when a DSN is set, SQLite otherwise."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing to configure: the environment says it all."""
        return {}

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> DagsterStorage[Any]:
        """The storage that the settings ask for."""
        del config_value
        load_dotenv_like_dagster()
        dsn = load_settings().runs.dagster_dsn
        if dsn is None:
            folder = dagster_folder()
            with _alone(folder):
                return KeptStorage(str(folder), inst_data)
        from ouspark_assets.orchestration.storage.pooled_storage import opened

        return opened(_with_psycopg2(dsn.get_secret_value()))


class EnvironmentArtifactStorage(LocalArtifactStorage):
    """Files of runs, in the same folder."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Beside the other records."""
        del config_value
        return cls(str(dagster_folder()), inst_data)


class EnvironmentComputeLogs(LocalComputeLogManager):
    """What steps print, in the same folder."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing to configure."""
        return {"polling_timeout": ConfigField(StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "EnvironmentComputeLogs":
        """Beside the other records."""
        del config_value
        return cls(base_dir=str(dagster_folder() / "logs"), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """As Dagster does, with helpers that Ctrl-C does not reach: this process ends them."""
        with ExitStack() as stack:
            with _interrupts_blocked():
                capturing = stack.enter_context(super().capture_logs(log_key))
            yield capturing


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Whatever is started meanwhile never gets SIGINT; here it comes when the block is left."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def storage_errors() -> tuple[type[Exception], ...]:
    """What Dagster's storage raises when it can't be reached.

    dagster-postgres counts only where it is in use already: importing it takes half a second.
    """
    postgres = sys.modules.get("dagster_postgres.utils")
    return (SQLAlchemyError, *([postgres.DagsterPostgresException] if postgres else []))


@dataclass(frozen=True)
class Pruned:
    """What was removed of Dagster's records."""

    events: int
    files: int


def prune(instance: DagsterInstance, runs: Iterable[str], before: datetime) -> Pruned:
    """Remove the events from before then, and what these runs logged.

    What is known of assets and their checks stays: it is what histories and plots are made of.
    """
    storage, table = instance.event_log_storage, SqlEventLogStorageTable.c
    if not isinstance(storage, SqlEventLogStorage):
        return Pruned(0, 0)
    of_no_asset = table.asset_key.is_(None) & or_(
        table.dagster_event_type.is_(None), table.dagster_event_type.not_like("ASSET%")
    )
    # As dagster writes them: UTC without saying so.
    old = delete(SqlEventLogStorageTable).where(
        of_no_asset & (table.timestamp < before.astimezone(UTC).replace(tzinfo=None))
    )
    with storage.index_connection() as connection:
        events = connection.execute(old).rowcount
    files = 0
    if isinstance(storage, KeptConnections):
        files += sum(storage.remove(run_id) for run_id in runs)
    for path in list(_printed_before(before)):
        path.unlink(missing_ok=True)
        files += 1
        with suppress(OSError):  # others are in there still
            path.parent.rmdir()
            path.parent.parent.rmdir()
    return Pruned(events, files)


def _printed_before(before: datetime) -> Iterator[Path]:
    """What steps, sensors and schedules printed."""
    for path in (dagster_folder() / "logs").rglob("*"):
        if path.is_file() and path.stat().st_mtime < before.timestamp():
            yield path


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two processes that create the same tables at once would end one of them."""
    with (folder / ".opening").open("w") as lock:
        lock_descriptor(lock.fileno())
        yield


def _without_waiting_for_the_disk(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")


def _with_psycopg2(dsn: str) -> str:
    """dagster-postgres speaks psycopg 2 only; say so whatever SQLAlchemy's default is."""
    return "postgresql+psycopg2://" + dsn.split("://", 1)[1]
