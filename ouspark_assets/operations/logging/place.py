"""Where a line was written: the run, the stage and the release that are at work.

Set around the work (`assets/stage.py`), read when a line is written, from any task of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """What is at work; nothing of it when no stage is."""

    run: str | None = None
    stage: str | None = None
    release: str | None = None


NOWHERE = Place()
_here: ContextVar[Place] = ContextVar("place", default=NOWHERE)


def here() -> Place:
    """What is at work here and now."""
    return _here.get()


@contextmanager
def at_work(run: str, stage: str, release: str | None = None) -> Iterator[None]:
    """Mark every line written meanwhile with the run, the stage and the release."""
    token = _here.set(Place(run, stage, release))
    try:
        yield
    finally:
        _here.reset(token)
