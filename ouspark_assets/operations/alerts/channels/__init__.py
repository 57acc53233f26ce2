"""Channels: a module for each way that a message can go.

A spec is what the rules file says, without secrets; opened with an environment it is a channel
that sends. The outbox is none of its business.
"""

from collections.abc import Mapping

from ouspark_assets.operations.alerts.channels.channel import Channel, ChannelSpec, UnusableError
from ouspark_assets.operations.alerts.channels.email import EmailSpec
from ouspark_assets.operations.alerts.channels.push import PushSpec
from ouspark_assets.operations.alerts.channels.slack import SlackSpec
from ouspark_assets.operations.alerts.channels.webhook import WebhookSpec

CHANNEL_TYPES: Mapping[str, type[ChannelSpec]] = {
    "slack": SlackSpec,
    "webhook": WebhookSpec,
    "email": EmailSpec,
    "push": PushSpec,
}

__all__ = ["CHANNEL_TYPES", "Channel", "ChannelSpec", "UnusableError"]
