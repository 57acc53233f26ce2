"""Delivering what is due, all channels at once, within a time.

A channel that fails holds up no other; what it did not take stays in the outbox.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ouspark_assets.operations.alerts.channels import Channel, ChannelSpec, UnusableError
from ouspark_assets.operations.alerts.channels.channel import SEND_SECONDS, ChannelError
from ouspark_assets.operations.alerts.deliveries import Delivery, claim, delivered, not_delivered
from ouspark_assets.operations.alerts.outbox import Outbox

Clock = Callable[[], float]


@dataclass(frozen=True)
class Opened:
    """The channels that can be used, and why the others can't."""

    channels: Mapping[str, Channel]
    unusable: Mapping[str, str]


@dataclass(frozen=True)
class Delivered:
    """How many messages arrived, and a line for each channel that did not take one."""

    messages: int
    problems: tuple[str, ...]


def open_channels(specs: Mapping[str, ChannelSpec], environment: Mapping[str, str]) -> Opened:
    """Open the channels whose variables are set."""
    channels: dict[str, Channel] = {}
    unusable: dict[str, str] = {}
    for name, spec in specs.items():
        try:
            channels[name] = spec.opened(name, environment)
        except UnusableError as error:
            unusable[name] = str(error)
    return Opened(channels, unusable)


def deliver(
    outbox: Outbox, channels: Mapping[str, Channel], seconds: float, clock: Clock = time.time
) -> Delivered:
    """Send what is due; no message is begun that might not end within the time."""
    if not channels:
        return Delivered(0, ())
    last_start = time.monotonic() + seconds - SEND_SECONDS
    with ThreadPoolExecutor(len(channels)) as senders:
        done = list(
            senders.map(
                lambda channel: _drain(outbox, channel, last_start, clock), channels.values()
            )
        )
    problems = tuple(problem for _, problem in done if problem)
    return Delivered(sum(sent for sent, _ in done), problems)


def _drain(
    outbox: Outbox, channel: Channel, last_start: float, clock: Clock
) -> tuple[int, str | None]:
    """Send all that is due for one channel, until it is down or the time is up."""
    sent, problem = 0, None
    while time.monotonic() < last_start and (due := claim(outbox, channel.name, clock())):
        error = _send(outbox, channel, due, clock)
        if error is None:
            sent += 1
            continue
        problem = str(error)
        if error.is_down:
            break
    return sent, problem


def _send(outbox: Outbox, channel: Channel, due: Delivery, clock: Clock) -> ChannelError | None:
    try:
        note = channel.send(due.message)
    except ChannelError as error:
        not_delivered(
            outbox,
            due,
            clock(),
            str(error),
            is_down=error.is_down,
            retry_after=error.retry_after,
        )
        return error
    delivered(outbox, due, clock(), note)
    return None
