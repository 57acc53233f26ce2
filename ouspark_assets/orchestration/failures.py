"""What failed in a run of Dagster, as one line for people: the error of ours that says it best.

Which failures there are to tell is the business of whoever tells them.
"""

from typing import Any

from ouspark_assets.domain.errors import OuSparkError

SEE_TO_THE_DISK = (
    "See to the disk of OUSPARK_HOME, or the server of OUSPARK_DAGSTER_DSN, then run again."
)


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


def unusable_records(said: str) -> str:
    """One line for what keeps Dagster from its own records: a full disk, a server that is gone."""
    return f"Dagster's own records can't be read or written: {said}. {SEE_TO_THE_DISK}"


def _names_of(kind: type[Exception]) -> set[str]:
    return {kind.__name__, *(name for it in kind.__subclasses__() for name in _names_of(it))}
