"""What all conditions have in common: options that are read from the file, and a judgement.

The conditions themselves are in `failures.py`, `volumes.py`, `times.py` and `news.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ouspark_assets.operations.alerts.facts import Facts
from ouspark_assets.operations.alerts.findings import Seen

# What is seen, by the part of the facts it was seen in; None: that part is not known.
Judgement = Mapping[str, Sequence[Seen] | None]

STATUS_NEXT = "`ouspark status` shows the rest"
RERUN_NEXT = f"`ouspark run` goes on from where it stopped; {STATUS_NEXT}"


@dataclass(frozen=True)
class Condition(ABC):
    """When a rule finds something; its fields are the thresholds."""

    # The words that tell that it is over.
    over: ClassVar[str] = ""
    # By what a rule of this kind can be narrowed.
    filters: ClassVar[frozenset[str]] = frozenset()
    is_news: ClassVar[bool] = False

    @abstractmethod
    def judge(self, facts: Facts) -> Judgement:
        """What is seen, by part of the facts."""


def of_release(release: str | None) -> str:
    """The part of a sentence that names the release."""
    return f" of {release}" if release else ""
