"""Delivering messages: retries, order, leases, and channels that fail or hang."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ouspark_assets.operations.alerts.alert_store import AlertStore
from ouspark_assets.operations.alerts.channels import (
    SEND_TIMEOUT,
    Channel,
    ChannelError,
    SlackChannel,
)
from ouspark_assets.operations.alerts.deliveries import (
    LEASE_DURATION,
    DeliveryResult,
    claim_delivery,
    deliver_due,
    make_all_due,
)
from ouspark_assets.operations.alerts.messages import Message
from ouspark_assets_tests.operations.alerts.examples import (
    NOON,
    ListChannel,
    RecordedStore,
    after,
    finding,
    run_failed_rule,
    unreachable,
)
from ouspark_assets_tests.operations.alerts.receivers import web_receiver

NOW = NOON.timestamp()
SECONDS = 60.0
DEADLINE = 60.0


@pytest.fixture
def store(tmp_path: Path) -> RecordedStore:
    return RecordedStore(AlertStore.in_home(tmp_path))


def deliver(store: RecordedStore, *channels: Channel, at: float = NOW) -> DeliveryResult:
    by_name = {channel.name: channel for channel in channels}
    return deliver_due(store.store, by_name, SECONDS, lambda: at)


def count_pending(store: RecordedStore) -> int:
    return len(store.store.read_overview(10).undelivered)


def test_a_message_is_delivered_once(store: RecordedStore) -> None:
    chat = ListChannel()
    store.record_findings(NOON, finding("one"), finding("two"))
    assert deliver(store, chat) == DeliveryResult(2, ())
    assert deliver(store, chat) == DeliveryResult(0, ())
    assert [message.subject for message in chat.sent] == ["one", "two"]


def test_a_channel_that_was_down_gets_every_message_in_order(store: RecordedStore) -> None:
    chat = ListChannel(failures=[unreachable(), unreachable(), unreachable()])
    store.record_findings(NOON, finding("one"))
    assert deliver(store, chat).problems == ("chat: cannot be reached",)
    store.record_findings(after(minutes=1), finding("one"), finding("two"))
    for minute in (1, 3, 10):
        deliver(store, chat, at=NOW + minute * 60)
    store.record_findings(after(minutes=11))
    deliver(store, chat, at=NOW + 1800)
    assert sorted((message.subject, message.event) for message in chat.sent) == [
        ("one", "begun"),
        ("one", "over"),
        ("two", "begun"),
        ("two", "over"),
    ]
    for subject in ("one", "two"):
        events = [message.event for message in chat.sent if message.subject == subject]
        assert events == ["begun", "over"]
    assert count_pending(store) == 0


def test_a_channel_that_is_down_is_tried_less_and_less_often(store: RecordedStore) -> None:
    chat = ListChannel(failures=[unreachable() for _ in range(10)])
    store.record_findings(NOON, finding("one"), finding("two"))
    attempts = []
    for second in range(0, 3600, 10):
        before = len(chat.failures)
        deliver(store, chat, at=NOW + second)
        if len(chat.failures) < before:
            attempts.append(second)
    assert attempts == [0, 30, 60, 120, 180, 300, 420, 660, 900, 1380]
    assert len(chat.sent) == 2


def test_a_longer_retry_after_of_the_receiver_is_respected(store: RecordedStore) -> None:
    chat = ListChannel(
        failures=[ChannelError("chat", "answered 429", is_down=True, retry_after=600)]
    )
    store.record_findings(NOON, finding())
    deliver(store, chat)
    deliver(store, chat, at=NOW + 599)
    assert chat.sent == []
    deliver(store, chat, at=NOW + 600)
    assert len(chat.sent) == 1


def test_a_retry_after_of_days_counts_as_an_hour(store: RecordedStore) -> None:
    chat = ListChannel(
        failures=[ChannelError("chat", "answered 429", is_down=True, retry_after=999_999)]
    )
    store.record_findings(NOON, finding())
    deliver(store, chat)
    deliver(store, chat, at=NOW + 3600)
    assert len(chat.sent) == 1


def test_a_message_that_is_always_refused_does_not_block_others(store: RecordedStore) -> None:
    refused = ChannelError("chat", "answered 400", is_down=False)

    class PickyChannel(ListChannel):
        def send(self, message: Message) -> None:
            if message.subject == "bad":
                raise refused
            self.sent.append(message)

    chat = PickyChannel()
    store.record_findings(NOON, finding("bad"), finding("good"))
    for hour in range(3):
        deliver(store, chat, at=NOW + 3600 * hour)
    assert [message.subject for message in chat.sent] == ["good"]
    assert count_pending(store) == 1


def test_a_recovery_is_not_delivered_before_the_opening(store: RecordedStore) -> None:
    chat = ListChannel(failures=[ChannelError("chat", "answered 400", is_down=False)])
    store.record_findings(NOON, finding())
    store.record_findings(after(seconds=1))
    deliver(store, chat)
    assert chat.sent == []
    deliver(store, chat, at=NOW + 60)
    assert [message.event for message in chat.sent] == ["begun", "over"]


def test_a_failing_channel_does_not_delay_another(store: RecordedStore) -> None:
    mail, chat = ListChannel("mail", failures=[unreachable("mail")]), ListChannel("chat")
    store.rules = [run_failed_rule(channels=("mail", "chat"))]
    store.active_channels = ("mail", "chat")
    store.record_findings(NOON, finding())
    assert deliver(store, mail, chat) == DeliveryResult(1, ("mail: cannot be reached",))
    assert len(chat.sent) == 1


def test_pending_messages_can_be_made_due_at_once(store: RecordedStore) -> None:
    chat = ListChannel(failures=[unreachable()])
    store.record_findings(NOON, finding())
    deliver(store, chat)
    assert deliver(store, chat, at=NOW + 1) == DeliveryResult(0, ())
    assert make_all_due(store.store, NOW + 1) == 1
    assert deliver(store, chat, at=NOW + 1) == DeliveryResult(1, ())


def test_no_message_is_started_that_might_not_end_in_time(store: RecordedStore) -> None:
    store.record_findings(NOON, finding())
    result = deliver_due(store.store, {"chat": ListChannel()}, 9.9, lambda: NOW)
    assert result == DeliveryResult(0, ())
    assert count_pending(store) == 1


def test_a_web_server_that_recovers_gets_every_message_once(store: RecordedStore) -> None:
    with web_receiver() as receiver:
        chat, port = SlackChannel("chat", receiver.url), receiver.port
        receiver.statuses = [503, 200]
        store.record_findings(NOON, finding("one"), finding("two"))
        assert deliver(store, chat).problems == ("chat: answered 503",)
        deliver(store, chat, at=NOW + 60)
        assert len(receiver.accepted) == 2
    store.record_findings(after(minutes=2))
    assert deliver(store, chat, at=NOW + 120).problems == ("chat: cannot be reached",)
    with web_receiver(port) as receiver:
        deliver(store, chat, at=NOW + 3600)
        prefixes = [body["text"].split("] ")[0] for body in receiver.accepted]
        assert prefixes == ["[recovered after 2 min"] * 2


def test_concurrent_senders_send_each_message_once(store: RecordedStore) -> None:
    store.record_findings(NOON, *[finding(str(number)) for number in range(20)])
    with web_receiver() as receiver:
        chat = SlackChannel("chat", receiver.url)
        with ThreadPoolExecutor(4) as senders:
            futures = [senders.submit(deliver, store, chat) for _ in range(4)]
        assert sum(future.result().delivered for future in futures) == 20
        assert len(receiver.requests) == 20
        assert len({body["text"] for body in receiver.accepted}) == 20


def test_a_leased_message_is_not_claimed_again_before_the_lease_expires(
    store: RecordedStore,
) -> None:
    store.record_findings(NOON, finding())
    assert claim_delivery(store.store, "chat", NOW) is not None
    assert claim_delivery(store.store, "chat", NOW + LEASE_DURATION - 1) is None
    delivery = claim_delivery(store.store, "chat", NOW + LEASE_DURATION)
    assert delivery is not None
    assert delivery.message.event == "begun"


def test_a_lease_lasts_longer_than_sending() -> None:
    assert SEND_TIMEOUT * 2 < LEASE_DURATION


SENDER = """
import sys
from pathlib import Path
from ouspark_assets.operations.alerts.alert_store import AlertStore
from ouspark_assets.operations.alerts.channels import SlackChannel
from ouspark_assets.operations.alerts.deliveries import deliver_due
deliver_due(AlertStore(Path(sys.argv[1])), {"chat": SlackChannel("chat", sys.argv[2])}, 60)
"""


def test_a_killed_sender_blocks_and_loses_nothing(store: RecordedStore) -> None:
    store.record_findings(NOON, finding("one"), finding("two"))
    is_sending, is_killed = threading.Event(), threading.Event()

    def wait() -> None:
        is_sending.set()
        assert is_killed.wait(DEADLINE)

    with web_receiver() as receiver:
        receiver.before_answer = wait
        sender = subprocess.Popen(
            [sys.executable, "-c", SENDER, str(store.store.path), receiver.url]
        )
        assert is_sending.wait(DEADLINE)
        os.kill(sender.pid, signal.SIGKILL)
        sender.wait()
        is_killed.set()
        receiver.before_answer = lambda: None
        chat = ListChannel()
        # The killed sender's clock was the real one.
        due = store.store.read_overview(0).undelivered[0].due.timestamp()
        assert deliver(store, chat, at=due + 10**9) == DeliveryResult(2, ())
    assert [message.subject for message in chat.sent] == ["one", "two"]
