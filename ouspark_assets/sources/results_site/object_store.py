"""The object store below the lake: a folder or an S3 bucket behind one interface.

Writes are atomic; reads return a whole object or some columns of a Parquet object. `archive.py`
says what the objects mean. RETRY_POLICY is the one retry policy for S3: every request is repeated
by the client library, and nothing above it repeats a request again.
"""

import io
import os
from collections.abc import Iterator, Mapping, Set
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
import polars as pl
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, S3Store

from ouspark_assets.domain.errors import LakeError

if TYPE_CHECKING:
    from obstore.store import RetryConfig

S3_SCHEME = "s3://"
# The library repeats a request after a connection error or HTTP 5xx, with exponential backoff. With
# its defaults (10 retries within 180 s) a run would wait three minutes for each request to a bucket
# that does not answer.
RETRY_POLICY: "RetryConfig" = {"max_retries": 6, "retry_timeout": timedelta(seconds=60)}
MAX_REASON = 200
Schema = Mapping[str, pl.DataType]


class ObjectStore:
    """The objects of one location, by path."""

    def __init__(self, location: str, added_columns: Set[str] = frozenset()) -> None:
        """Open a folder, created if missing, or an s3:// URL (credentials from AWS_*).

        Objects of earlier versions may lack the `added_columns`, which are then null.
        """
        self.location = location
        self._added_columns = added_columns
        self._folder = None if location.startswith(S3_SCHEME) else Path(location).expanduser()
        try:
            self._store = _open_store(location, self._folder)
        except (BaseError, OSError, ValueError) as error:
            message = (
                f"The lake {location} cannot be opened ({_reason(error)}). Check OUSPARK_LAKE and,"
                " for S3, AWS_ENDPOINT_URL, AWS_REGION and the credentials."
            )
            raise LakeError(message) from error

    def put(self, path: str, data: bytes) -> None:
        """Write an object, whole or not at all."""
        try:
            obstore.put(self._store, path, data)
        except (BaseError, OSError) as error:
            message = (
                f"The lake {self.location} cannot be written ({_reason(error)}). Check its free"
                " space, permissions and credentials, then run again. What was archived before is"
                " safe."
            )
            raise LakeError(message) from error

    def get(self, path: str) -> bytes | None:
        """Return an object's bytes; None if it does not exist."""
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise self._unreadable(path, error) from error

    def delete(self, path: str) -> None:
        """Delete an object if it exists."""
        try:
            obstore.delete(self._store, path)
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            message = (
                f"{path} in the lake {self.location} cannot be deleted ({_reason(error)}). Check"
                " its permissions and credentials, then run again."
            )
            raise LakeError(message) from error

    def paths(self, prefix: str) -> Iterator[str]:
        """Yield the paths below a prefix, sorted."""
        try:
            batches = list(obstore.list(self._store, prefix))
        except (BaseError, OSError) as error:
            raise self._unreadable(prefix, error) from error
        yield from sorted(str(entry["path"]) for batch in batches for entry in batch)

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly below a prefix, sorted."""
        try:
            listed: Any = obstore.list_with_delimiter(self._store, prefix)
        except (NotFoundError, FileNotFoundError):
            return []
        except (BaseError, OSError) as error:
            raise self._unreadable(prefix, error) from error
        return sorted(
            str(path).rstrip("/").rsplit("/", 1)[-1] for path in listed["common_prefixes"]
        )

    def read_columns(self, path: str, columns: Schema) -> pl.DataFrame | None:
        """Return some columns of a Parquet object; None if it does not exist."""
        source: Any
        if self._folder is None:
            data = self.get(path)
            source = None if data is None else io.BytesIO(data)
        else:
            source = self._folder / path
            source = source if source.exists() else None
        if source is None:
            return None
        try:
            wanted = list(columns)
            if added := self._added_columns & columns.keys():
                missing = added - pl.read_parquet_schema(source).keys()
                wanted = [name for name in columns if name not in missing]
            frame = pl.read_parquet(source, columns=wanted, glob=False)
        except FileNotFoundError:
            return None
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self.damaged(path, _reason(error)) from error
        if len(wanted) < len(columns):
            absent = {name: kind for name, kind in columns.items() if name not in wanted}
            nulls = (pl.lit(None, dtype=kind).alias(name) for name, kind in absent.items())
            frame = frame.with_columns(*nulls).select(*columns)
        if frame.schema != pl.Schema(columns):
            raise self.damaged(path, "its columns have other types")
        return frame

    def damaged(self, path: str, reason: str) -> LakeError:
        """Return the error for an object that is not what was written."""
        return LakeError(
            f"{path} in the lake {self.location} is damaged ({reason}). Restore it from a backup,"
            " or move it away and run again to fetch its tickets anew."
        )

    def _unreadable(self, path: str, error: Exception) -> LakeError:
        return LakeError(
            f"{path} in the lake {self.location} cannot be read ({_reason(error)}). Check"
            " OUSPARK_LAKE, its permissions and its credentials."
        )


def _open_store(location: str, folder: Path | None) -> LocalStore | S3Store:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(prefix=folder.absolute(), mkdir=True)
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    if endpoint and not endpoint.startswith(("http://", "https://")):
        message = "its endpoint must begin with http:// or https://"
        raise ValueError(message)
    return S3Store.from_url(
        location,
        client_options={"allow_http": endpoint.startswith("http://")},
        retry_config=RETRY_POLICY,
    )


def _reason(error: Exception) -> str:
    """Return the first line of an error; the libraries add several."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:MAX_REASON]
