"""Where lines go: to standard error, past a progress bar without breaking it.

Called by the `ouspark` command and by every run of Dagster; once is enough, and twice is once.
"""

import logging
import sys
from types import TracebackType
from typing import IO

from ouspark_assets.operations.logging.lines import JsonLines, TextLines
from ouspark_assets.settings import Settings

PACKAGE = "ouspark_assets"
JSON = "json"


class StandardError(logging.StreamHandler[IO[str]]):
    """Standard error as it is when a line is written: a progress bar puts itself in front of it."""

    def __init__(self, settings: Settings) -> None:
        """Write lines in the format of the settings."""
        logging.Handler.__init__(self)
        self.setFormatter(JsonLines() if settings.log_format == JSON else TextLines())

    @property
    def stream(self) -> IO[str]:
        """A bar that is shown in this terminal is let write it; a file or pipe gets it itself."""
        bar = sys.stderr
        behind: IO[str] | None = getattr(bar, "rich_proxied_file", None)
        return bar if behind is None or behind.isatty() else behind

    @stream.setter
    def stream(self, stream: IO[str]) -> None:
        """Standard error is never replaced by another stream."""


def show_lines(settings: Settings) -> None:
    """Show what this project says from its level on, and other people's code from WARNING on."""
    root, level = logging.getLogger(), level_of_rooms(settings)
    for handler in [it for it in root.handlers if isinstance(it, StandardError)]:
        root.removeHandler(handler)
    ours = StandardError(settings)
    ours.setLevel(level)
    root.addHandler(ours)
    logging.getLogger(PACKAGE).setLevel(level)
    if settings.log_format == JSON:
        # What would else break the one object per line.
        logging.captureWarnings(capture=True)
        sys.excepthook = _as_a_line


def speaks_json() -> bool:
    """Whether this process shows lines as JSON."""
    ours = (it for it in logging.getLogger().handlers if isinstance(it, StandardError))
    return any(isinstance(it.formatter, JsonLines) for it in ours)


def level_of_rooms(settings: Settings) -> str:
    """From which level on lines of this project are shown."""
    return settings.log_level or ("INFO" if settings.log_format == JSON else "WARNING")


def level_of_runs(settings: Settings, *, verbose: bool = False) -> str:
    """From which level on a command shows what Dagster says of its runs: usually not at all."""
    if verbose:
        return "INFO"
    return settings.log_level or ("INFO" if settings.log_format == JSON else "CRITICAL")


def _as_a_line(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    logging.getLogger(PACKAGE).critical("%s", error, exc_info=(kind, error, trace))
