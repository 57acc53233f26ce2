"""Where the lake lies: a folder or an S3 bucket behind one small interface of whole objects.

Puts are atomic, reads are whole objects or some columns of one. What the objects mean is
`archive.py`.
"""

import io
import os
from collections.abc import Iterator, Mapping
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
# Half of what the library would wait for a bucket that does not answer, request by request.
PATIENCE: "RetryConfig" = {"max_retries": 6, "retry_timeout": timedelta(seconds=60)}
Schema = Mapping[str, pl.DataType]


class ObjectStore:
    """Objects under one location, by path."""

    def __init__(self, location: str) -> None:
        """Open a folder (made when missing) or an s3:// URL (credentials from AWS_*)."""
        self.location = location
        self._folder = None if location.startswith(S3_SCHEME) else Path(location).expanduser()
        try:
            self._store = _opened(location, self._folder)
        except (BaseError, OSError, ValueError) as error:
            message = (
                f"the lake {location} can't be opened ({_reason(error)}): check OUSPARK_LAKE"
                " and, for S3, AWS_ENDPOINT_URL, AWS_REGION and the credentials"
            )
            raise LakeError(message) from None

    def put(self, path: str, data: bytes) -> None:
        """Write an object, whole or not at all."""
        try:
            obstore.put(self._store, path, data)
        except (BaseError, OSError) as error:
            message = (
                f"the lake {self.location} can't be written ({_reason(error)}): check its space,"
                " permissions and credentials, then run again; what was archived before is safe"
            )
            raise LakeError(message) from None

    def get(self, path: str) -> bytes | None:
        """An object's bytes; None when there is none."""
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise self._unreadable(path, error) from None

    def delete(self, path: str) -> None:
        """Remove an object; one that is not there is fine."""
        try:
            obstore.delete(self._store, path)
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            message = f"{path} of the lake {self.location} can't be removed ({_reason(error)})"
            raise LakeError(message) from None

    def paths(self, prefix: str) -> Iterator[str]:
        """The paths below a prefix, sorted."""
        try:
            batches = list(obstore.list(self._store, prefix))
        except (BaseError, OSError) as error:
            raise self._unreadable(prefix, error) from None
        yield from sorted(str(entry["path"]) for batch in batches for entry in batch)

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders directly below a prefix, sorted."""
        try:
            listed: Any = obstore.list_with_delimiter(self._store, prefix)
        except (NotFoundError, FileNotFoundError):
            return []
        except (BaseError, OSError) as error:
            raise self._unreadable(prefix, error) from None
        return sorted(
            str(path).rstrip("/").rsplit("/", 1)[-1] for path in listed["common_prefixes"]
        )

    def read_columns(self, path: str, columns: Schema) -> pl.DataFrame | None:
        """Some columns of a Parquet object; None when there is no such object."""
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
            frame = pl.read_parquet(source, columns=list(columns), glob=False)
        except FileNotFoundError:
            return None
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self.damaged(path, _reason(error)) from None
        if frame.schema != pl.Schema(columns):
            raise self.damaged(path, "its columns are of other types")
        return frame

    def _unreadable(self, path: str, error: Exception) -> LakeError:
        return LakeError(
            f"{path} of the lake {self.location} can't be read ({_reason(error)}): check"
            " OUSPARK_LAKE, its permissions and credentials"
        )

    def damaged(self, path: str, why: str) -> LakeError:
        """The error for an object that is not what was written."""
        return LakeError(
            f"{path} of the lake {self.location} is damaged ({why}): restore it from a"
            " backup, or move it away and run again, which fetches its tickets anew"
        )


def _opened(location: str, folder: Path | None) -> LocalStore | S3Store:
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
        retry_config=PATIENCE,
    )


def _reason(error: Exception) -> str:
    """The first line of an error without what the libraries add to it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]
