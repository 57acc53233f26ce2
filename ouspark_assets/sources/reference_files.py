"""The names behind the codes: CSV files that people edit, completed with codes seen on pages.

`colleges.csv`, `branches.csv` and `subjects.csv` hold facts only. A code that is missing in them
becomes a row marked `inferred`. `subjects.csv` is for codes that do not tell their semester.
A malformed file is one error that names the file and the line. Codes that replaced others are in
`equivalent_codes.py`.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from ouspark_assets import domain
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES, SUBJECTS
from ouspark_assets.schemas.table import Table
from ouspark_assets.schemas.validation import find_violations

FOLDER = Path(domain.__file__).parent / "reference"
BOOLEANS = {"yes": True, "no": False}
LABORATORY_NAME = r"\bLAB"
# Columns of the tables that are not in the files, with the value of a row of a file.
COMPUTED_COLUMNS: Mapping[str, pl.Expr] = {
    "inferred": pl.lit(value=False),
    "counts_as": pl.lit(None, pl.String),
}


class ReferenceFileError(OuSparkError):
    """A reference file is missing or malformed."""


# The files


def read_colleges(folder: Path = FOLDER) -> pl.DataFrame:
    """Return the rows of `colleges.csv` as `clean.colleges`."""
    return _read(COLLEGES, folder / "colleges.csv")


def read_branches(folder: Path = FOLDER) -> pl.DataFrame:
    """Return the rows of `branches.csv` as `clean.branches`."""
    return _read(BRANCHES, folder / "branches.csv")


def read_subjects(folder: Path = FOLDER) -> pl.DataFrame:
    """Return the rows of `subjects.csv` as `clean.subjects`."""
    return _read(SUBJECTS, folder / "subjects.csv")


def _read(table: Table, path: Path) -> pl.DataFrame:
    columns = [name for name in table.columns if name not in COMPUTED_COLUMNS]
    numbered = list(read_lines(path, columns))
    lines = [line for line, _ in numbered]
    texts = pl.DataFrame(
        [row for _, row in numbered], schema=dict.fromkeys(columns, pl.String), orient="row"
    ).with_columns(pl.col(pl.String).str.strip_chars().replace("", None))
    frame = _cast(table, texts, lines, path).with_columns(
        value.alias(name) for name, value in COMPUTED_COLUMNS.items() if name in table.columns
    )
    codes = frame[table.key[0]]
    for row in codes.is_duplicated().arg_true().tail(1):
        raise malformed_line(path, lines[row], f"{codes.name} {codes[row]} is there twice")
    for row, reason in find_violations(table, frame).select("row", "reason").head(1).iter_rows():
        raise malformed_line(path, lines[row], reason)
    return table.conform(frame).sort(table.key)


def read_lines(
    path: Path, columns: list[str], advice: str = "Restore it from the repository."
) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines with their numbers, without blank lines.

    Raises ReferenceFileError; `advice` says what to do about a file that cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read ({error}). {advice}"
        raise ReferenceFileError(message) from error
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        header = next(reader, [])
        if header != columns:
            raise malformed_line(path, 1, f"the header must be {','.join(columns)}")
        for row in reader:
            if row and len(row) != len(columns):
                raise malformed_line(
                    path, reader.line_num, f"has {len(row)} of {len(columns)} values"
                )
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise malformed_line(path, reader.line_num, str(error)) from error


def _cast(table: Table, texts: pl.DataFrame, lines: list[int], path: Path) -> pl.DataFrame:
    for name in texts.columns:
        is_boolean = table.dtypes[name] == pl.Boolean
        if is_boolean:
            typed = texts[name].replace_strict(BOOLEANS, default=None, return_dtype=pl.Boolean)
        else:
            typed = texts[name].cast(table.dtypes[name], strict=False)
        for row in (typed.is_null() & texts[name].is_not_null()).arg_true().head(1):
            kind = "yes or no" if is_boolean else "a number"
            raise malformed_line(path, lines[row], f"{name} is '{texts[name][row]}', not {kind}")
        texts = texts.with_columns(typed)
    return texts


def malformed_line(path: Path, line: int, problem: str) -> ReferenceFileError:
    """Return the error that a line of a file is malformed."""
    return ReferenceFileError(f"{path}, line {line}: {problem}. Correct the file and run again.")


# Codes and subjects that only pages show


def add_inferred_codes(
    table: Table, reference: pl.DataFrame, codes_seen: pl.Series
) -> pl.DataFrame:
    """Return the reference rows, and a nameless inferred row for every other code seen."""
    code = table.key[0]
    seen = pl.DataFrame({code: codes_seen.drop_nulls().unique().cast(pl.String)})
    unknown = seen.join(reference, on=code, how="anti").with_columns(
        pl.lit(value=True).alias("inferred")
    )
    return table.conform(pl.concat([reference, unknown], how="diagonal")).sort(code)


def add_inferred_subjects(
    reference: pl.DataFrame, marks: pl.DataFrame, releases: Sequence[str] = ()
) -> pl.DataFrame:
    """Return every subject of the file and of the marks; marks fill what the file leaves open.

    The usual value is that of most rows. Of equally frequent values it is that of the latest
    release, by the order of `releases` (oldest first).
    """
    order = {release: place for place, release in enumerate(releases)}
    placed = marks.with_columns(
        pl.col("release").replace_strict(order, default=-1, return_dtype=pl.Int32).alias("_place")
    )
    inferred = placed.select("subject_code").unique()
    for column in ("subject_name", "credits", "semester"):
        inferred = inferred.join(_usual_values(placed, column), on="subject_code", how="left")
    is_laboratory = pl.col("subject_name").str.to_uppercase().str.contains(LABORATORY_NAME)
    kind = pl.when(is_laboratory).then(pl.lit("laboratory"))
    inferred = inferred.with_columns(
        kind.when(~is_laboratory).then(pl.lit("theory")).alias("kind"),
        pl.lit(value=True).alias("inferred"),
    )
    known = reference.join(
        inferred, on="subject_code", how="full", coalesce=True, suffix="_inferred"
    )
    return SUBJECTS.conform(
        known.with_columns(
            pl.coalesce(column, f"{column}_inferred").alias(column)
            for column in SUBJECTS.columns
            if column not in ("subject_code", "counts_as")
        )
    ).sort("subject_code")


def _usual_values(marks: pl.DataFrame, column: str) -> pl.DataFrame:
    """Return the most frequent value per subject; of equals the latest, then the first by name."""
    return (
        marks.drop_nulls(column)
        .group_by("subject_code", column)
        .agg(pl.len().alias("_n"), pl.col("_place").max())
        .sort("_n", "_place", column, descending=[True, True, False])
        .group_by("subject_code", maintain_order=True)
        .agg(pl.col(column).first())
    )
