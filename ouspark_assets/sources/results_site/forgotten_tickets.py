"""The hall tickets that were forgotten for good, as keyed digests alongside the pages of the lake.

They are stored in the lake because every database can be rebuilt from it. A forgotten ticket must
not come back with the next scrape or with a rebuild into empty databases. There are so few hall
tickets that a plain digest is guessed within a second; the key is therefore not in the lake.
"""

import hashlib
import hmac
import os
import re
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from ouspark_assets.domain.errors import LakeError
from ouspark_assets.sources.results_site.object_store import ObjectStore

FOLDER = "forgotten/"
SALT_BYTES = 16
KEY_BYTES = 32
# Written before there was a key: a salt and the plain digest.
UNKEYED = re.compile(r"(?P<salt>[0-9a-f]{32})-(?P<digest>[0-9a-f]{64})")
KEYED = re.compile(
    r"hmac-(?P<fingerprint>[0-9a-f]{16})-(?P<salt>[0-9a-f]{32})-(?P<digest>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Entry:
    """A forgotten ticket: its digest with the key of this fingerprint and this salt."""

    fingerprint: str
    salt: str
    digest: str

    @property
    def name(self) -> str:
        """The name of its object in the lake."""
        return f"hmac-{self.fingerprint}-{self.salt}-{self.digest}"


@dataclass(frozen=True)
class ListKey:
    """Where the key of the list comes from: the configured one, else a file that is generated."""

    file: Path
    configured: str | None = field(default=None, repr=False)

    def find(self, fingerprint: str) -> bytes | None:
        """Return the key with this fingerprint; None if neither has it."""
        keys = (self._configured_bytes(), self._file_bytes())
        return next((key for key in keys if key and _fingerprint(key) == fingerprint), None)

    def obtain(self) -> bytes:
        """Return the key for new entries; generate the file if nothing is configured."""
        if key := self._configured_bytes() or self._file_bytes():
            return key
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=".", dir=self.file.parent)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            # Of two processes that generate a key, one wins; a file is never incomplete.
            with suppress(FileExistsError):
                os.link(name, self.file)
            Path(name).unlink()
        except OSError as error:
            message = (
                f"The key of the forgotten hall tickets can't be written to {self.file}"
                f" ({error.strerror}). Make the folder writable, or set OUSPARK_SECRET_KEY."
            )
            raise LakeError(message) from error
        return self._file_bytes() or self.obtain()

    def _configured_bytes(self) -> bytes | None:
        return None if self.configured is None else self.configured.encode()

    def _file_bytes(self) -> bytes | None:
        try:
            return self.file.read_bytes().strip() or None
        except FileNotFoundError:
            return None
        except OSError as error:
            message = (
                f"The key of the forgotten hall tickets, {self.file}, can't be read"
                f" ({error.strerror}). Correct its permissions."
            )
            raise LakeError(message) from error


class ForgottenTickets:
    """The forgotten tickets of a lake; `ticket in forgotten` tells whether a ticket is one.

    Every use raises a LakeError if the list has entries whose key is missing: without it, forgotten
    students would be requested and read again.
    """

    def __init__(self, store: ObjectStore, key: ListKey | None) -> None:
        """Use the list in this lake; it is read when it is first needed."""
        self._store = store
        self._key = key
        self._known: dict[str, bool] = {}

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, ticket: object) -> bool:
        if not self._digests or not isinstance(ticket, str):
            return False
        if ticket not in self._known:
            # There is one salt, or two if the first two tickets were forgotten at the same time.
            self._known[ticket] = any(
                _keyed(key, _digest(salt, ticket)) in self._digests for key, salt in self._keys
            )
        return self._known[ticket]

    def add(self, ticket: str) -> None:
        """Add a ticket for good."""
        if ticket in self:
            return
        salts = sorted(salt for _, salt in self._keys)
        salt = salts[0] if salts else secrets.token_hex(SALT_BYTES)
        self._put(salt, _digest(salt, ticket))
        self._known.clear()
        del self._entries, self._keys, self._digests

    @cached_property
    def _digests(self) -> frozenset[str]:
        return frozenset(entry.digest for entry in self._entries) if self._keys else frozenset()

    @cached_property
    def _keys(self) -> frozenset[tuple[bytes, str]]:
        """The keys of the entries, each with a salt that it was used with."""
        found = set()
        for fingerprint, salt in {(entry.fingerprint, entry.salt) for entry in self._entries}:
            key = self._key.find(fingerprint) if self._key else None
            if key is None:
                place = f", or restore {self._key.file}" if self._key else ""
                message = (
                    f"The key of the forgotten hall tickets in the lake {self._store.location} is"
                    " missing. Without it, forgotten students would come back, so nothing is"
                    f" requested or read. Set OUSPARK_SECRET_KEY to the key with the fingerprint"
                    f" {fingerprint}{place}."
                )
                raise LakeError(message)
            found.add((key, salt))
        return frozenset(found)

    @cached_property
    def _entries(self) -> tuple[Entry, ...]:
        """The entries of the list; those without a key are replaced first."""
        names = [path.rsplit("/", 1)[-1] for path in self._store.paths(FOLDER)]
        entries = [Entry(**keyed.groupdict()) for keyed in map(KEYED.fullmatch, names) if keyed]
        for unkeyed in filter(None, map(UNKEYED.fullmatch, names)):
            # The new entry first: whenever this is interrupted, the ticket stays on the list.
            entries.append(self._put(unkeyed["salt"], unkeyed["digest"]))
            self._store.delete(FOLDER + unkeyed[0])
        return tuple(entries)

    def _put(self, salt: str, digest: str) -> Entry:
        if self._key is None:
            message = f"There is no key for forgotten hall tickets in {self._store.location}."
            raise LakeError(message)
        key = self._key.obtain()
        entry = Entry(_fingerprint(key), salt, _keyed(key, digest))
        self._store.put(FOLDER + entry.name, datetime.now(UTC).isoformat().encode())
        return entry


def _digest(salt: str, ticket: str) -> str:
    return hashlib.sha256(f"{salt}{ticket}".encode()).hexdigest()


def _keyed(key: bytes, digest: str) -> str:
    return hmac.digest(key, digest.encode(), "sha256").hex()


def _fingerprint(key: bytes) -> str:
    return hmac.digest(key, b"fingerprint", "sha256").hex()[:16]
