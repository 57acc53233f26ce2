"""Delivering: what a channel does not take waits for it, and nothing is sent by two at once."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from ouspark_assets.operations.alerts.channels import Channel
from ouspark_assets.operations.alerts.channels.channel import ChannelError
from ouspark_assets.operations.alerts.channels.slack import Slack
from ouspark_assets.operations.alerts.deliveries import LEASE_SECONDS, all_due, claim
from ouspark_assets.operations.alerts.delivering import Delivered, deliver
from ouspark_assets.operations.alerts.ledger import Telling
from ouspark_assets.operations.alerts.outbox import Outbox
from ouspark_assets.operations.alerts.overview import overview
from ouspark_assets_tests.operations.alerts.receivers import web_receiver
from ouspark_assets_tests.operations.alerts.saying import (
    NOON,
    Book,
    ListChannel,
    after,
    down,
    finding,
    rule,
    ruleset,
)

NOW = NOON.timestamp()
SECONDS = 60.0
DEADLINE_SECONDS = 60.0


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(Outbox.under(tmp_path))


def send(book: Book, *channels: Channel, at: float = NOW) -> Delivered:
    return deliver(book.outbox, {it.name: it for it in channels}, SECONDS, lambda: at)


def waiting(book: Book) -> int:
    return len(overview(book.outbox, 10).undelivered)


def test_what_is_delivered_is_delivered_once(book: Book) -> None:
    chat = ListChannel()
    book.see(NOON, finding("one"), finding("two"))
    assert send(book, chat) == Delivered(2, ())
    assert send(book, chat) == Delivered(0, ())
    assert [it.subject for it in chat.taken] == ["one", "two"]


def test_a_channel_that_is_down_loses_nothing_and_is_told_in_order(book: Book) -> None:
    chat = ListChannel(failures=[down(), down(), down()])
    book.see(NOON, finding("one"))
    assert send(book, chat).problems == ("chat: it can't be reached",)
    book.see(after(minutes=1), finding("one"), finding("two"))
    for minute in (1, 3, 10):
        send(book, chat, at=NOW + minute * 60)
    book.see(after(minutes=11))
    send(book, chat, at=NOW + 1800)
    assert sorted((it.subject, it.event) for it in chat.taken) == [
        ("one", "begun"),
        ("one", "over"),
        ("two", "begun"),
        ("two", "over"),
    ]
    for subject in ("one", "two"):
        assert [it.event for it in chat.taken if it.subject == subject] == ["begun", "over"]
    assert waiting(book) == 0


def test_a_channel_that_is_down_is_tried_less_and_less_often(book: Book) -> None:
    chat = ListChannel(failures=[down() for _ in range(10)])
    book.see(NOON, finding("one"), finding("two"))
    tried = []
    for second in range(0, 3600, 10):
        before = len(chat.failures)
        send(book, chat, at=NOW + second)
        if len(chat.failures) < before:
            tried.append(second)
    assert tried == [0, 30, 60, 120, 180, 300, 420, 660, 900, 1380]
    assert len(chat.taken) == 2


def test_the_other_side_may_ask_for_more_time(book: Book) -> None:
    asked = ChannelError("chat", "answered 429", is_down=True, retry_after=600)
    chat = ListChannel(failures=[asked])
    book.see(NOON, finding())
    send(book, chat)
    send(book, chat, at=NOW + 599)
    assert chat.taken == []
    send(book, chat, at=NOW + 600)
    assert len(chat.taken) == 1


def test_one_message_that_is_never_taken_holds_up_no_other(book: Book) -> None:
    refused = ChannelError("chat", "answered 400", is_down=False)

    class Picky(ListChannel):
        def send(self, message: object) -> None:
            if getattr(message, "subject", "") == "bad":
                raise refused
            self.taken.append(message)  # type: ignore[arg-type]

    chat = Picky()
    book.see(NOON, finding("bad"), finding("good"))
    for minute in range(3):
        send(book, chat, at=NOW + 3600 * minute)
    assert [it.subject for it in chat.taken] == ["good"]
    assert waiting(book) == 1


def test_the_end_is_not_told_before_the_beginning(book: Book) -> None:
    chat = ListChannel(failures=[ChannelError("chat", "answered 400", is_down=False)])
    book.see(NOON, finding())
    book.see(after(seconds=1))
    send(book, chat)
    assert chat.taken == []
    send(book, chat, at=NOW + 60)
    assert [it.event for it in chat.taken] == ["begun", "over"]


def test_a_failing_channel_holds_up_no_other(book: Book) -> None:
    mail, chat = ListChannel("mail", failures=[down("mail")]), ListChannel("chat")
    book.telling = Telling(ruleset(rule(channels=("mail", "chat"))), {"mail", "chat"})
    book.see(NOON, finding())
    assert send(book, mail, chat) == Delivered(1, ("mail: it can't be reached",))
    assert len(chat.taken) == 1


def test_a_person_need_not_wait_for_the_next_attempt(book: Book) -> None:
    chat = ListChannel(failures=[down()])
    book.see(NOON, finding())
    send(book, chat)
    assert send(book, chat, at=NOW + 1) == Delivered(0, ())
    assert all_due(book.outbox, NOW + 1) == 1
    assert send(book, chat, at=NOW + 1) == Delivered(1, ())


def test_no_message_is_begun_that_might_not_end_in_time(book: Book) -> None:
    chat = ListChannel()
    book.see(NOON, finding())
    assert deliver(book.outbox, {"chat": chat}, 9.9, lambda: NOW) == Delivered(0, ())
    assert waiting(book) == 1


def test_a_web_server_that_refuses_and_then_takes_gets_everything_once(book: Book) -> None:
    with ExitStack() as stack:
        receiver = stack.enter_context(web_receiver())
        chat = Slack("chat", receiver.url)
        receiver.answers = [503, 200]
        book.see(NOON, finding("one"), finding("two"))
        assert send(book, chat).problems == ("chat: answered 503",)
        send(book, chat, at=NOW + 60)
        port = receiver.port
        assert len(receiver.taken) == 2
    book.see(after(minutes=2))
    assert send(book, chat, at=NOW + 120).problems == ("chat: it can't be reached",)
    with web_receiver(port) as receiver:
        send(book, chat, at=NOW + 3600)
        assert [it["text"].split("] ")[0] for it in receiver.taken] == ["[over after 2 min"] * 2


def test_two_senders_at_once_send_once(book: Book) -> None:
    book.see(NOON, *[finding(str(number)) for number in range(20)])
    with web_receiver() as receiver:
        chat = Slack("chat", receiver.url)
        with ThreadPoolExecutor(4) as senders:
            done = [it.result() for it in [senders.submit(send, book, chat) for _ in range(4)]]
        assert sum(it.messages for it in done) == 20
        assert len(receiver.asked) == 20
        assert len({it["text"] for it in receiver.taken}) == 20


def test_what_is_being_sent_is_nobody_elses_until_its_lease_is_over(book: Book) -> None:
    book.see(NOON, finding())
    assert claim(book.outbox, "chat", NOW) is not None
    assert claim(book.outbox, "chat", NOW + LEASE_SECONDS - 1) is None
    again = claim(book.outbox, "chat", NOW + LEASE_SECONDS)
    assert again is not None
    assert again.message.event == "begun"


SENDER = """
import sys
from pathlib import Path
from ouspark_assets.operations.alerts.channels.slack import Slack
from ouspark_assets.operations.alerts.delivering import deliver
from ouspark_assets.operations.alerts.outbox import Outbox
deliver(Outbox(Path(sys.argv[1])), {"chat": Slack("chat", sys.argv[2])}, 60)
"""


def test_a_sender_that_is_killed_holds_nothing_up_and_loses_nothing(book: Book) -> None:
    book.see(NOON, finding("one"), finding("two"))
    under_way, killed = threading.Event(), threading.Event()

    def wait() -> None:
        under_way.set()
        assert killed.wait(DEADLINE_SECONDS)

    with web_receiver() as receiver:
        receiver.meanwhile = wait
        victim = subprocess.Popen(
            [sys.executable, "-c", SENDER, str(book.outbox.path), receiver.url]
        )
        assert under_way.wait(DEADLINE_SECONDS)
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        killed.set()
        receiver.meanwhile = lambda: None
        chat = ListChannel()
        # The victim's clock is the real one.
        far = overview(book.outbox, 0).undelivered[0].due.timestamp() + 10**9
        assert send(book, chat, at=far) == Delivered(2, ())
    assert [it.subject for it in chat.taken] == ["one", "two"]
