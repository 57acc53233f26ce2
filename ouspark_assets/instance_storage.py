"""Where Dagster keeps its own records: under `$OUSPARK_HOME`, or in `OUSPARK_DAGSTER_DSN`.

`dagster.yaml` names these classes, because `env:` there has no default: one file serves a fresh
clone and a deployment alike. The only module that imports dagster's internals, hence the pinned
minor version.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from dagster import Field as ConfigField
from dagster import StringSource
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from ouspark_assets.settings import load_dotenv_like_dagster, load_settings


def dagster_folder() -> Path:
    """The folder of Dagster's local state, made when it is missing."""
    load_dotenv_like_dagster()
    folder = load_settings().home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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
        dsn = load_settings().dagster_dsn
        if dsn is None:
            return DagsterSqliteStorage(str(dagster_folder()), inst_data)
        from dagster_postgres import DagsterPostgresStorage

        return DagsterPostgresStorage(
            _with_psycopg2(dsn.get_secret_value()), should_autocreate_tables=True
        )


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


def _with_psycopg2(dsn: str) -> str:
    """dagster-postgres speaks psycopg 2 only; say so whatever SQLAlchemy's default is."""
    return "postgresql+psycopg2://" + dsn.split("://", 1)[1]
