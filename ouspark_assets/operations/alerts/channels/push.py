"""Push messages to the people who use the results, by the REST form of OneSignal.

Only the good news goes this way, and of it only the exam and how many students it is about.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import orjson

from ouspark_assets.operations.alerts.channels.channel import (
    Channel,
    ChannelError,
    ChannelSpec,
    UnusableError,
    value_of,
    web_address,
)
from ouspark_assets.operations.alerts.channels.http import post
from ouspark_assets.operations.alerts.messages import Event, Message
from ouspark_assets.operations.alerts.news import EXAM, STUDENTS
from ouspark_assets.operations.alerts.options import Option, Variable, secret, text_or_variable

ONESIGNAL = "https://api.onesignal.com/notifications"


@dataclass(frozen=True, kw_only=True)
class PushSpec(ChannelSpec):
    """`type: push`."""

    type: ClassVar[str] = "push"
    for_operators: ClassVar[bool] = False
    app: Annotated[Variable, Option(secret)]
    key: Annotated[Variable, Option(secret)]
    segment: Annotated[str | Variable, Option(text_or_variable)] = "Total Subscriptions"
    test_segment: Annotated[str | Variable | None, Option(text_or_variable)] = None
    url: Annotated[str | Variable, Option(text_or_variable)] = ONESIGNAL

    def opened(self, name: str, environment: Mapping[str, str]) -> Channel:
        """The channel."""
        test = value_of(self.test_segment, environment) if self.test_segment else None
        return Push(
            name=name,
            segment=value_of(self.segment, environment),
            test_segment=test,
            address=web_address(self.url, environment),
            app=value_of(self.app, environment),
            key=value_of(self.key, environment),
        )


@dataclass(frozen=True)
class Push:
    """Everybody who asked for it."""

    name: str
    segment: str
    test_segment: str | None
    address: str = field(repr=False)
    app: str = field(repr=False)
    key: str = field(repr=False)

    def send(self, message: Message) -> str | None:
        """Tell everybody that results are live."""
        if message.event is not Event.NEWS:
            why = "only good news goes to students"
            raise ChannelError(self.name, why, is_down=False)
        students = message.detail(STUDENTS)
        said = f"{message.detail(EXAM)}: {students} students' results can be looked up."
        return self._post(message, self.segment, "Results are live", said)

    def send_test(self, message: Message) -> str | None:
        """To testers alone."""
        if self.test_segment is None:
            error = (
                f"{self.name}: a test would go to every student; name a test_segment in the "
                "rules file for it"
            )
            raise UnusableError(error)
        return self._post(message, self.test_segment, "OuSpark", message.title)

    def _post(self, message: Message, segment: str, heading: str, said: str) -> str | None:
        body = {
            "app_id": self.app,
            "target_channel": "push",
            "included_segments": [segment],
            "headings": {"en": heading},
            "contents": {"en": said},
            # The service drops a repetition of the same key.
            "idempotency_key": message.id,
        }
        answer = post(
            self.name, self.address, orjson.dumps(body), {"Authorization": f"Key {self.key}"}
        )
        return None if _reached_somebody(answer.body) else "nobody is subscribed"


def _reached_somebody(answer: bytes) -> bool:
    """A success without an id means that there was nobody to send it to."""
    try:
        said = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return True
    return not (isinstance(said, dict) and said.get("id") == "")
