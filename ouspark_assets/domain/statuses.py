"""Result lines: the statuses that pages print, and what each says about a semester.

Only the vocabulary. Splitting a printed line into status and SGPA is `pages/`.
"""

from enum import StrEnum


class Status(StrEnum):
    """The statuses known from real B.E. pages; others are kept as they stand."""

    PASSED = "PASSED"
    PROMOTED = "PROMOTED"
    COMPLETED = "COMPLETED"
    ALREADY_PROMOTED = "ALREADY PROMOTED"
    DETAINED = "DETAINED"


# Without an SGPA these say that something of the semester is open.
STATUSES_WITH_SOMETHING_OPEN = (Status.PROMOTED, Status.ALREADY_PROMOTED, Status.DETAINED)
