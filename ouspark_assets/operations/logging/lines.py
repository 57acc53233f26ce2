"""How a line looks: text for people, or JSON for machines, one object per line.

Both say where it was written, and neither says what is nobody's business (`discretion.py`).
"""

import json
import logging
import math
import traceback
from datetime import UTC, datetime

from ouspark_assets.domain.masking import mask_secrets
from ouspark_assets.operations.logging.place import here

USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
PLACE = ("run", "stage", "release")
# Objects that Dagster puts on its records; none of them is JSON.
OF_DAGSTER = "dagster_"
SHORT_RUN = 8


class JsonLines(logging.Formatter):
    """One JSON object per line, whatever is in it."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; fields given as `extra` beside the usual ones."""
        said = {
            "time": _moment(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": mask_secrets(record.getMessage()),
            **_place(record),
            **{name: _plain(value) for name, value in _extra(record).items()},
        }
        if record.exc_info and record.exc_info[1] is not None:
            said["error"] = _error(record.exc_info[1])
        return json.dumps(
            {name: value for name, value in said.items() if value is not None},
            default=str,
            ensure_ascii=False,
        )


class TextLines(logging.Formatter):
    """Time, level, a short prefix that says where, and the message; a traceback on lines below."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as people read it."""
        place = _place(record)
        parts = [(place["run"] or "")[:SHORT_RUN], place["stage"], place["release"]]
        prefix = " ".join(part for part in parts if part)
        line = f"{_moment(record):%H:%M:%S} {record.levelname:<7} "
        line += f"[{prefix}] " if prefix else ""
        line += mask_secrets(record.getMessage())
        error = _extra(record).get("error")
        if isinstance(error, dict):
            line += "\n" + mask_secrets(str(error.get("traceback", "")))
        if record.exc_info and record.exc_info[1] is not None:
            line += "\n" + _error(record.exc_info[1])["traceback"]
        return line.rstrip("\n")


def _moment(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _place(record: logging.LogRecord) -> dict[str, str | None]:
    """What the record itself says, else what is at work where it is written."""
    return {name: getattr(record, name, None) or getattr(here(), name) for name in PLACE}


def _extra(record: logging.LogRecord) -> dict[str, object]:
    known = USUAL.union(PLACE)
    return {
        name: value
        for name, value in vars(record).items()
        if name not in known and not name.startswith(OF_DAGSTER)
    }


def _plain(value: object) -> object:
    """A value as JSON can say it, its texts made discreet."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(name): _plain(it) for name, it in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(it) for it in value]
    return mask_secrets(str(value))


def _error(error: BaseException) -> dict[str, str]:
    return {
        "type": type(error).__name__,
        "message": mask_secrets(str(error)),
        "traceback": mask_secrets("".join(traceback.format_exception(error))),
    }
