"""The hall tickets that were forgotten for good, as salted hashes alongside the pages of the lake.

They are stored in the lake because every database can be rebuilt from it. A forgotten ticket must
not come back with the next scrape or with a rebuild into empty databases.
"""

import hashlib
import secrets
from datetime import UTC, datetime
from functools import cached_property

from ouspark_assets.sources.results_site.object_store import ObjectStore

FOLDER = "forgotten/"
SALT_BYTES = 16


class ForgottenTickets:
    """The forgotten tickets of a lake; `ticket in forgotten` tells whether a ticket is one."""

    def __init__(self, store: ObjectStore) -> None:
        """Use the list in this lake; it is read when it is first needed."""
        self._store = store
        self._known: dict[str, bool] = {}

    def __len__(self) -> int:
        return len(self._hashes)

    def __contains__(self, ticket: object) -> bool:
        if not self._hashes or not isinstance(ticket, str):
            return False
        if ticket not in self._known:
            # There is one salt, or two if the first two tickets were forgotten at the same time.
            names = (_hash(salt, ticket) for salt in self._salts)
            self._known[ticket] = any(name in self._hashes for name in names)
        return self._known[ticket]

    def add(self, ticket: str) -> None:
        """Add a ticket for good."""
        if ticket in self:
            return
        salt = next(iter(self._salts), None) or secrets.token_hex(SALT_BYTES)
        self._store.put(FOLDER + _hash(salt, ticket), datetime.now(UTC).isoformat().encode())
        self._known.clear()
        del self._hashes

    @property
    def _salts(self) -> list[str]:
        return sorted({name.partition("-")[0] for name in self._hashes})

    @cached_property
    def _hashes(self) -> frozenset[str]:
        return frozenset(path.rsplit("/", 1)[-1] for path in self._store.paths(FOLDER))


def _hash(salt: str, ticket: str) -> str:
    return f"{salt}-{hashlib.sha256(f'{salt}{ticket}'.encode()).hexdigest()}"
