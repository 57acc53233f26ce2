"""Dagster's own records on SQLite, created by several threads at the same time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from ouspark_assets.orchestration.storage.instance_storage import (
    EnvironmentStorage,
    PersistentSqliteStorage,
)

THREADS = 8


@pytest.mark.parametrize("attempt", range(3))
def test_storages_that_are_opened_at_the_same_time_share_their_records(
    attempt: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_HOME", str(home / str(attempt)))
    barrier = Barrier(THREADS)

    def open_storage() -> PersistentSqliteStorage:
        barrier.wait()
        storage = EnvironmentStorage.from_config_value(None, {})
        assert isinstance(storage, PersistentSqliteStorage)
        return storage

    with ThreadPoolExecutor(THREADS) as executor:
        storages = [
            future.result() for future in [executor.submit(open_storage) for _ in range(THREADS)]
        ]
    assert [storage.run_storage.get_runs() for storage in storages] == [[]] * THREADS
