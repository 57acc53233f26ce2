"""Log lines: the formats (text for people, JSON for machines), their context, and the handler.

What is worth logging is decided where the work is done. Dagster's own records are translated by
`orchestration/console_logger.py`. Every formatter masks secrets and hall tickets.
"""

import json
import logging
import math
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from ouspark_assets.domain.masking import mask_secrets
from ouspark_assets.settings import LoggingSettings

PACKAGE = "ouspark_assets"
JSON = "json"
STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {
    "message", "asctime", "taskName",
}  # fmt: skip
CONTEXT_FIELDS = ("run", "stage", "release")
# Dagster attaches objects to its records under such names; they cannot be serialised as JSON.
DAGSTER_PREFIX = "dagster_"
SHORT_RUN_ID = 8


@dataclass(frozen=True)
class LogContext:
    """The run, stage and release that a line belongs to; all None outside of a stage."""

    run: str | None = None
    stage: str | None = None
    release: str | None = None


NO_CONTEXT = LogContext()
# A ContextVar, so that the asyncio tasks and threads of a stage inherit its context.
_context: ContextVar[LogContext] = ContextVar("log_context", default=NO_CONTEXT)


def current_log_context() -> LogContext:
    """Return the context that lines are marked with at the moment."""
    return _context.get()


@contextmanager
def log_context(run: str, stage: str, release: str | None = None) -> Iterator[None]:
    """Mark every line that is logged in the block with the run, the stage and the release."""
    token = _context.set(LogContext(run, stage, release))
    try:
        yield
    finally:
        _context.reset(token)


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON; fields passed as `extra` become keys."""
        fields = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": mask_secrets(record.getMessage()),
            **_context_of(record),
            **{name: _to_json(value) for name, value in _extra(record).items()},
        }
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = _describe_error(record.exc_info[1])
        return json.dumps(
            {name: value for name, value in fields.items() if value is not None},
            default=str,
            ensure_ascii=False,
        )


class TextFormatter(logging.Formatter):
    """Formats a record as time, level, context in brackets and message; tracebacks follow."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        context = _context_of(record)
        parts = [(context["run"] or "")[:SHORT_RUN_ID], context["stage"], context["release"]]
        prefix = " ".join(part for part in parts if part)
        line = f"{_time(record):%H:%M:%S} {record.levelname:<7} "
        line += f"[{prefix}] " if prefix else ""
        line += mask_secrets(record.getMessage())
        error = _extra(record).get("error")
        if isinstance(error, dict):
            line += "\n" + mask_secrets(str(error.get("traceback", "")))
        if record.exc_info and record.exc_info[1] is not None:
            line += "\n" + _describe_error(record.exc_info[1])["traceback"]
        return line.rstrip("\n")


class StderrHandler(logging.StreamHandler[IO[str]]):
    """Writes to the current `sys.stderr`, which rich replaces while it shows a progress bar."""

    def __init__(self, settings: LoggingSettings) -> None:
        """Use the format that the settings ask for."""
        logging.Handler.__init__(self)
        self.setFormatter(JsonFormatter() if settings.log_format == JSON else TextFormatter())

    @property
    def stream(self) -> IO[str]:
        """The stream to write to.

        In a terminal, rich's proxy keeps a line and a progress bar from overwriting each other. A
        file or pipe is written to directly, so that the bar's control sequences stay out of it.
        """
        stderr = sys.stderr
        original: IO[str] | None = getattr(stderr, "rich_proxied_file", None)
        return stderr if original is None or original.isatty() else original

    @stream.setter
    def stream(self, stream: IO[str]) -> None:
        """Ignore the stream that `StreamHandler` wants to set."""


def configure_logging(settings: LoggingSettings) -> None:
    """Log to stderr: this package from its level on, other libraries from WARNING on.

    Safe to call repeatedly: the `ouspark` command and every Dagster run both call it.
    """
    root, level = logging.getLogger(), package_level(settings)
    for handler in [handler for handler in root.handlers if isinstance(handler, StderrHandler)]:
        root.removeHandler(handler)
    handler = StderrHandler(settings)
    handler.setLevel(level)
    root.addHandler(handler)
    logging.getLogger(PACKAGE).setLevel(level)
    if settings.log_format == JSON:
        # Warnings and uncaught exceptions would otherwise be printed as plain text.
        logging.captureWarnings(capture=True)
        sys.excepthook = lambda kind, error, trace: logging.getLogger(PACKAGE).critical(
            "%s", error, exc_info=(kind, error, trace)
        )


def logs_json() -> bool:
    """Return whether this process logs JSON."""
    handlers = (each for each in logging.getLogger().handlers if isinstance(each, StderrHandler))
    return any(isinstance(handler.formatter, JsonFormatter) for handler in handlers)


def package_level(settings: LoggingSettings) -> str:
    """Return the level from which on lines of this package are logged."""
    return settings.log_level or ("INFO" if settings.log_format == JSON else "WARNING")


def dagster_level(settings: LoggingSettings, *, verbose: bool = False) -> str:
    """Return the level for Dagster's lines about the runs of a command; by default, none appear."""
    if verbose:
        return "INFO"
    return settings.log_level or ("INFO" if settings.log_format == JSON else "CRITICAL")


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _context_of(record: logging.LogRecord) -> dict[str, str | None]:
    """Return the context that the record carries, else the current one."""
    current = current_log_context()
    return {name: getattr(record, name, None) or getattr(current, name) for name in CONTEXT_FIELDS}


def _extra(record: logging.LogRecord) -> dict[str, object]:
    known = STANDARD_ATTRIBUTES.union(CONTEXT_FIELDS)
    return {
        name: value
        for name, value in vars(record).items()
        if name not in known and not name.startswith(DAGSTER_PREFIX)
    }


def _to_json(value: object) -> object:
    """Return a value that JSON can represent, with secrets masked in every text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(name): _to_json(element) for name, element in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_to_json(element) for element in value]
    return mask_secrets(str(value))


def _describe_error(error: BaseException) -> dict[str, str]:
    return {
        "type": type(error).__name__,
        "message": mask_secrets(str(error)),
        "traceback": mask_secrets("".join(traceback.format_exception(error))),
    }
