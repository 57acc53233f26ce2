"""Reading the reference files; whatever is malformed is one line that names the file and line."""

import csv
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from ouspark_assets import domain
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES, SUBJECTS
from ouspark_assets.schemas.table import Table
from ouspark_assets.schemas.validation import find_violations

FOLDER = Path(domain.__file__).parent / "reference"
BOOLEANS = {"yes": True, "no": False}


class ReferenceFileError(OuSparkError):
    """A reference file can't be read as it stands."""


def colleges(folder: Path = FOLDER) -> pl.DataFrame:
    """`clean.colleges` as far as the repository knows them."""
    return _load(COLLEGES, folder / "colleges.csv")


def branches(folder: Path = FOLDER) -> pl.DataFrame:
    """`clean.branches` as far as the repository knows them."""
    return _load(BRANCHES, folder / "branches.csv")


def subjects(folder: Path = FOLDER) -> pl.DataFrame:
    """`clean.subjects` as far as the repository knows them."""
    return _load(SUBJECTS, folder / "subjects.csv")


def _load(table: Table, path: Path) -> pl.DataFrame:
    columns = [name for name in table.columns if name != "inferred"]
    numbered = list(_lines(path, columns))
    lines = [line for line, _ in numbered]
    texts = pl.DataFrame(
        [row for _, row in numbered], schema=dict.fromkeys(columns, pl.String), orient="row"
    ).with_columns(pl.col(pl.String).str.strip_chars().replace("", None))
    frame = _typed(table, texts, lines, path).with_columns(pl.lit(value=False).alias("inferred"))
    _check_key(frame[table.key[0]], lines, path)
    for row, reason in find_violations(table, frame).select("row", "reason").head(1).iter_rows():
        raise _error(path, lines[row], reason)
    return table.conform(frame).sort(table.key)


def _lines(path: Path, columns: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Every line with its number, blank ones left out."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} can't be read ({error}): restore it from the repository"
        raise ReferenceFileError(message) from error
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        header = next(reader, [])
        if header != columns:
            raise _error(path, 1, f"the header must be {','.join(columns)}")
        for row in reader:
            if row and len(row) != len(columns):
                raise _error(path, reader.line_num, f"has {len(row)} of {len(columns)} values")
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise _error(path, reader.line_num, str(error)) from error


def _typed(table: Table, texts: pl.DataFrame, lines: list[int], path: Path) -> pl.DataFrame:
    for name in texts.columns:
        if table.dtypes[name] == pl.Boolean:
            typed = texts[name].replace_strict(BOOLEANS, default=None, return_dtype=pl.Boolean)
        else:
            typed = texts[name].cast(table.dtypes[name], strict=False)
        lost = (typed.is_null() & texts[name].is_not_null()).arg_true()
        for row in lost.head(1):
            kind = "yes or no" if table.dtypes[name] == pl.Boolean else "a number"
            raise _error(path, lines[row], f"{name} is '{texts[name][row]}', not {kind}")
        texts = texts.with_columns(typed)
    return texts


def _check_key(codes: pl.Series, lines: list[int], path: Path) -> None:
    for row in codes.is_duplicated().arg_true().tail(1):
        raise _error(path, lines[row], f"{codes.name} {codes[row]} is there twice")


def _error(path: Path, line: int, what: str) -> ReferenceFileError:
    return ReferenceFileError(f"{path}, line {line}: {what}: correct the file and run again")
