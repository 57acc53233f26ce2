"""The alert store: its file, and what stays readable after an upgrade."""

from pathlib import Path

import pytest

from ouspark_assets.domain.errors import AlertsError
from ouspark_assets.operations.alerts.alert_store import AlertStore
from ouspark_assets.operations.alerts.messages import Event, Message
from ouspark_assets_tests.operations.alerts.examples import message

# Files of installations have these columns, in this order: they must not change in version 1.
ALERT_COLUMNS = (
    "id uid rule topic subject severity headline details next_step run_id over is_news since "
    "opened_at seen_at quiet_since ended_at reminders told_at"
)
DELIVERY_COLUMNS = (
    "id alert channel event number message due_at attempts claimed_by claimed_until delivered_at "
    "error"
)
# A message as the first version stored it.
STORED_MESSAGE = (
    '{"id":"5f1f2b0a-0000-4000-8000-000000000001","alert":"5f1f2b0a-0000-4000-8000-000000000002",'
    '"event":"begun","rule":"run-failed","subject":"clean/marks of 20250402","severity":"critical",'
    '"headline":"Run failed: clean/marks of 20250402","since":"2025-04-02T12:00:00+00:00",'
    '"at":"2025-04-02T14:05:00+00:00","details":[["Why","the site <is> down & out"],'
    '["Run","243eafeb"]],"next_step":"`ouspark run` resumes","link":null}'
)


@pytest.fixture
def store(tmp_path: Path) -> AlertStore:
    return AlertStore.in_home(tmp_path)


def test_the_file_the_version_and_the_columns_are_those_of_existing_installations(
    store: AlertStore, tmp_path: Path
) -> None:
    with store.transaction() as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        columns = {
            table: " ".join(
                row["name"] for row in connection.execute(f"PRAGMA table_info({table})")
            )
            for table in ("alerts", "deliveries")
        }
    assert store.path == tmp_path / "alerts.sqlite"
    assert version == 1
    assert columns == {"alerts": ALERT_COLUMNS, "deliveries": DELIVERY_COLUMNS}


def test_a_message_of_the_first_version_can_be_read_and_is_stored_the_same() -> None:
    assert Message.from_json(STORED_MESSAGE) == message()
    assert message().as_json().decode() == STORED_MESSAGE


@pytest.mark.parametrize(
    "stored", [message(), message(link="https://x/"), message(Event.NEWS, details=())]
)
def test_a_stored_message_is_read_back_unchanged(stored: Message) -> None:
    assert Message.from_json(stored.as_json()) == stored


def test_a_store_of_a_newer_version_is_one_line(store: AlertStore) -> None:
    with store.transaction() as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(AlertsError, match="was written by a newer version of OuSpark"):
        store.read_overview(1)


def test_a_damaged_store_is_one_line(store: AlertStore) -> None:
    store.path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(AlertsError, match=r"Cannot use the alert store .*: .*move it away"):
        store.read_overview(1)


def test_a_store_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AlertsError, match=r"Cannot write the alert store .*: File exists"):
        AlertStore.in_home(tmp_path / "file").read_overview(1)


def test_only_the_owner_can_read_the_store(store: AlertStore) -> None:
    store.read_overview(1)
    assert store.path.stat().st_mode & 0o077 == 0
