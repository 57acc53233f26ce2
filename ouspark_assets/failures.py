"""What failed in a run of Dagster, as one line for people: the error of ours that says it best.

Which failures there are to tell is the business of whoever tells them.
"""

from typing import Any

from ouspark_assets.errors import OuSparkError


def telling(error: Any) -> Any:
    """Of an error and its causes the outermost of ours; else the innermost, where it began."""
    ours = _names_of(OuSparkError)
    while error.cause is not None and error.cls_name not in ours:
        error = error.cause
    return error


def in_one_line(error: Any) -> str:
    """What an error says: ours as it stands, any other with its class."""
    line = (str(error.message).strip().splitlines() or [""])[0]
    return line.split(": ", 1)[-1] if is_ours(error) else line


def is_ours(error: Any) -> bool:
    """Whether an error speaks for itself; any other is a fault of the program."""
    return error.cls_name in _names_of(OuSparkError)


def _names_of(kind: type[Exception]) -> set[str]:
    return {kind.__name__, *(name for it in kind.__subclasses__() for name in _names_of(it))}
