"""The names of the keys, a contract with the applications that read the cache.

`ouspark:current` names the current generation; `ouspark:<generation>:<kind>:<name>` is a document.
"""

from dataclasses import dataclass, replace

PREFIX = "ouspark"
CURRENT_KEY = f"{PREFIX}:current"
# A set of the generations that may have persistent keys, so that none of them is kept for ever.
GENERATIONS_KEY = f"{PREFIX}:generations"
META = "meta"
# Increase this when keys or the shape of documents change, so that the next run builds anew.
LAYOUT_VERSION = 1


@dataclass(frozen=True)
class Generation:
    """A complete set of keys: the documents of one publication in the present layout."""

    publication: int
    checksum: str
    # A generation that lost keys is built again alongside itself, under the next attempt's name.
    attempt: int = 0

    @property
    def base(self) -> str:
        """The name of the first attempt; identifies publication, production database and layout."""
        return f"{self.publication}-{self.checksum[:8]}-{LAYOUT_VERSION}"

    @property
    def name(self) -> str:
        """The name in the keys."""
        return f"{self.base}-{self.attempt}" if self.attempt else self.base

    @property
    def prefix(self) -> str:
        """The beginning of every key of this generation."""
        return f"{PREFIX}:{self.name}:"

    def key(self, kind: str, *parts: str) -> str:
        """Return the key of a document, e.g. `ouspark:12-1f…-1:student:<ticket>`."""
        return ":".join((PREFIX, self.name, kind, *parts))

    def has_name(self, name: str) -> bool:
        """Return whether a name is that of any attempt at this generation."""
        return name == self.base or name.startswith(f"{self.base}-")

    def next_to(self, name: str | None) -> "Generation":
        """Return this generation with an attempt whose name differs from the given one."""
        if name is None or not self.has_name(name):
            return self
        number = name.removeprefix(self.base).removeprefix("-")
        return replace(self, attempt=int(number or 0) + 1)


def is_older(name: str, than: str) -> bool:
    """Return whether readers got one generation before another; False if a name is not ours."""
    place, other = _place(name), _place(than)
    return place is not None and other is not None and place < other


def _place(name: str) -> tuple[int, int, int] | None:
    """Return publication, layout and attempt of a generation, in the order of switches."""
    parts = name.split("-")
    try:
        return int(parts[0]), int(parts[2]), int(parts[3]) if len(parts) > 3 else 0  # noqa: PLR2004
    except (ValueError, IndexError):
        return None


def generation_name(key: bytes) -> str:
    """Return the name of the generation that a key belongs to; `current` and the like included."""
    return key.decode().split(":", 2)[1]
