"""Errors of steps, as Dagster stores them, reduced to one line for people.

Which failures are reported, and where, is decided by the callers: commands and alerts.
"""

from typing import Any

from ouspark_assets.domain.errors import OuSparkError

STORAGE_ADVICE = (
    "Check the disk of OUSPARK_HOME, or the server of OUSPARK_DAGSTER_DSN, then run again."
)


def find_root_error(error: Any) -> Any:
    """Return the outermost error of this project among an error and its causes.

    If there is none, return the innermost cause.
    """
    own = _class_names(OuSparkError)
    while error.cause is not None and error.cls_name not in own:
        error = error.cause
    return error


def summarize(error: Any) -> str:
    """Return the first line of an error; errors of this project without their class."""
    line = (str(error.message).strip().splitlines() or [""])[0]
    return line.split(": ", 1)[-1] if is_expected(error) else line


def is_expected(error: Any) -> bool:
    """Return whether this project raised the error; any other error is a bug."""
    return error.cls_name in _class_names(OuSparkError)


def describe_storage_failure(reason: str) -> str:
    """Return the message for a failure of Dagster's own storage, such as a full disk."""
    return f"Dagster's own records cannot be read or written: {reason}. {STORAGE_ADVICE}"


def _class_names(base: type[Exception]) -> set[str]:
    return {
        base.__name__,
        *(name for subclass in base.__subclasses__() for name in _class_names(subclass)),
    }
