"""Subjects: what kinds of them there are."""

from enum import StrEnum


class SubjectKind(StrEnum):
    """Whether a subject is taught in a classroom or in a laboratory."""

    THEORY = "theory"
    LABORATORY = "laboratory"
