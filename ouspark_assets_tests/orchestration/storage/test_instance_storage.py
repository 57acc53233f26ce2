"""Dagster's own records on SQLite, where several processes may come first."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from ouspark_assets.orchestration.storage.instance_storage import EnvironmentStorage, KeptStorage

AT_ONCE = 8


@pytest.mark.parametrize("attempt", range(3))
def test_whoever_comes_first_at_the_same_time_finds_the_same_records(
    attempt: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_HOME", str(home / str(attempt)))
    together = Barrier(AT_ONCE)

    def first() -> KeptStorage:
        together.wait()
        storage = EnvironmentStorage.from_config_value(None, {})
        assert isinstance(storage, KeptStorage)
        return storage

    with ThreadPoolExecutor(AT_ONCE) as people:
        opened = [it.result() for it in [people.submit(first) for _ in range(AT_ONCE)]]
    assert [it.run_storage.get_runs() for it in opened] == [[]] * AT_ONCE
