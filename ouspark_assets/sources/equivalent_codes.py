"""Equivalent subject codes: which code of a subject was replaced by which newer one.

The lines come from the bundled `equivalent_codes.csv` and from the operator's own file. Nothing is
assumed to be equivalent: likely pairs are only proposed (`analytics/code_proposals.py`). The effect
on attempts is in `analytics/attempts.py`.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ouspark_assets.domain.subjects import chain_of_codes, newest_codes
from ouspark_assets.schemas.fields import MAX_SUBJECT_CODE_LENGTH, SUBJECT_CODE_PATTERN
from ouspark_assets.schemas.reference import SUBJECTS
from ouspark_assets.settings import variable_name
from ouspark_assets.sources.reference_files import FOLDER, malformed_line, read_lines

BUNDLED_FILE = FOLDER / "equivalent_codes.csv"
HEADER = ["old_code", "new_code", "why"]
VARIABLE = variable_name("equivalent_codes")


@dataclass(frozen=True)
class EquivalentCode:
    """A line of a file of equivalent codes: attempts under `old` count as attempts under `new`."""

    old: str
    new: str
    why: str
    path: Path
    line: int


def read_equivalent_codes(own: Path | None) -> tuple[EquivalentCode, ...]:
    """Return the lines of `equivalent_codes.csv`, and of the operator's own file if there is one.

    Raises ReferenceFileError for a malformed code, an old code with two newer ones, and a cycle.
    """
    entries = [_parse(BUNDLED_FILE, *line) for line in read_lines(BUNDLED_FILE, HEADER)]
    if own is not None:
        advice = f"Correct the file, or {VARIABLE}."
        entries += [_parse(own, *line) for line in read_lines(own, HEADER, advice)]
    first: dict[str, EquivalentCode] = {}
    for entry in entries:
        known = first.setdefault(entry.old, entry)
        if known.new != entry.new:
            problem = (
                f"{entry.old} counts as {entry.new} here, but as {known.new} in {known.path}, "
                f"line {known.line}. An old code has one newer code"
            )
            raise malformed_line(entry.path, entry.line, problem)
    newer = {entry.old: entry.new for entry in entries}
    for entry in entries:
        chain = chain_of_codes(entry.old, newer)
        if len(set(chain)) < len(chain):
            problem = f"{' → '.join(chain)} is a cycle, so that no code is the newest"
            raise malformed_line(entry.path, entry.line, problem)
    return tuple(first.values())


def equivalent_codes_digest(own: Path | None) -> str:
    """Return a digest of the operator's file of equivalent codes; empty without one.

    A file that cannot be read has the digest of an empty one: reading it raises the error.
    """
    if own is None:
        return ""
    try:
        content = own.read_bytes()
    except OSError:
        content = b""
    return hashlib.sha256(content).hexdigest()


def add_equivalent_codes(subjects: pl.DataFrame, entries: Sequence[EquivalentCode]) -> pl.DataFrame:
    """Return the subjects with `counts_as`, and a row for every newest code of a known subject.

    What is unknown about a code is taken from the newest of its equivalent codes, else from an
    older one: a code like PC451CS does not tell its semester, but 451 does.
    """
    newest = newest_codes({entry.old: entry.new for entry in entries})
    if not newest:
        return subjects
    counted = subjects.with_columns(pl.col("subject_code").replace(newest).alias("_newest"))
    unseen = (
        counted.select("_newest", pl.col("_newest").alias("subject_code"))
        .unique()
        .join(subjects, on="subject_code", how="anti")
        .with_columns(pl.lit(value=True).alias("inferred"))
    )
    rows = pl.concat([counted, unseen], how="diagonal")
    is_newest = pl.col("subject_code") == pl.col("_newest")
    known = ("subject_name", "credits", "semester", "kind")
    return SUBJECTS.conform(
        rows.sort(is_newest, "subject_code", descending=[True, False])
        .with_columns(
            pl.coalesce(name, pl.col(name).drop_nulls().first().over("_newest")) for name in known
        )
        .with_columns(pl.when(~is_newest).then("_newest").alias("counts_as"))
    ).sort("subject_code")


def _parse(path: Path, line: int, values: Sequence[str]) -> EquivalentCode:
    old, new, why = (value.strip() for value in values)
    for column, code in zip(HEADER, (old, new), strict=False):
        if len(code) > MAX_SUBJECT_CODE_LENGTH or not re.fullmatch(SUBJECT_CODE_PATTERN, code):
            problem = f"{column} is '{code}', not a subject code as stored (e.g. 451 or PC451CS)"
            raise malformed_line(path, line, problem)
    if not why:
        raise malformed_line(
            path, line, f"why is missing: say how you know that {old} became {new}"
        )
    return EquivalentCode(old, new, why, path, line)
