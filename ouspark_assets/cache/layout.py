"""The names of keys: what an application reads, and nothing else.

`ouspark:current` names the living generation; every other key belongs to one generation.
"""

from dataclasses import dataclass, replace

PREFIX = "ouspark"
CURRENT_KEY = f"{PREFIX}:current"
# Generations that may have keys without a time to live, so that none is left behind for ever.
GENERATIONS_KEY = f"{PREFIX}:generations"
META = "meta"
# Raise it when the keys or the shape of documents change, so that the next run builds anew.
LAYOUT_VERSION = 1


@dataclass(frozen=True)
class Generation:
    """One complete set of keys: those of a publication in the present layout."""

    publication: int
    checksum: str
    # A generation that lost keys is built again beside itself, under another name.
    attempt: int = 0

    @property
    def base(self) -> str:
        """Unique for a publication of one production database in one layout."""
        return f"{self.publication}-{self.checksum[:8]}-{LAYOUT_VERSION}"

    @property
    def name(self) -> str:
        """Unique for everything that was ever switched to."""
        return f"{self.base}-{self.attempt}" if self.attempt else self.base

    @property
    def prefix(self) -> str:
        """What all its keys begin with."""
        return f"{PREFIX}:{self.name}:"

    def key(self, kind: str, *parts: str) -> str:
        """The key of a document, as `ouspark:12-1f…-1:student:<ticket>`."""
        return ":".join(("ouspark", self.name, kind, *parts))

    def is_called(self, name: str) -> bool:
        """Whether a name is that of this generation, in whichever attempt."""
        return name == self.base or name.startswith(f"{self.base}-")

    def besides(self, name: str | None) -> "Generation":
        """This generation under a name that is not in use."""
        if name is None or not self.is_called(name):
            return self
        number = name.removeprefix(self.base).removeprefix("-")
        return replace(self, attempt=int(number or 0) + 1)


def generation_of(key: bytes) -> str:
    """The name of the generation that a key belongs to."""
    return key.decode().split(":", 2)[1]  # there is no other shape of keys under our prefix
