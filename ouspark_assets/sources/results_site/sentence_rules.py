"""The files that say what sentences of the site mean: a pattern and an outcome per line.

`domain/reference/sentences.csv` lists the known sentences; OUSPARK_SITE_SENTENCES names a file with
more, which count first. How they are applied to an answer is in `outcomes.py`.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.sources.reference_files import FOLDER
from ouspark_assets.sources.results_site.outcomes import Outcome, SentenceRule, fold_text

KNOWN_SENTENCES = FOLDER / "sentences.csv"
HEADER = ["pattern", "outcome"]
# A shorter pattern would match almost every sentence.
MIN_PATTERN_LETTERS = 4
MAX_FILE_BYTES = 64_000
# A student's page is the only way to be found.
OUTCOMES = {outcome.value: outcome for outcome in Outcome if outcome is not Outcome.FOUND}


def read_sentence_rules(own_file: Path | None) -> tuple[SentenceRule, ...]:
    """Return the rules of the operator's file, if there is one, then those of the known sentences.

    Raises SiteError with file, line and reason if a file is malformed.
    """
    files = [own_file] if own_file is not None else []
    return tuple(rule for file in (*files, KNOWN_SENTENCES) for rule in _read_file(file))


def _read_file(path: Path) -> Iterator[SentenceRule]:
    seen: dict[str, Outcome] = {}
    for line, row in _read_rows(path):
        if len(row) != len(HEADER):
            problem = f"{len(row)} values instead of 2; quote a pattern that contains a comma"
            raise _malformed(path, line, problem)
        pattern, name = (value.strip() for value in row)
        outcome = OUTCOMES.get(name)
        if sum(map(str.isalpha, pattern)) < MIN_PATTERN_LETTERS:
            problem = f"the pattern '{pattern}' has fewer than {MIN_PATTERN_LETTERS} letters"
            raise _malformed(path, line, problem)
        if outcome is None:
            problem = f"the outcome '{name}' must be one of {', '.join(OUTCOMES)}"
            raise _malformed(path, line, problem)
        if seen.setdefault(fold_text(pattern), outcome) is not outcome:
            problem = f"the pattern '{pattern}' has another outcome further up"
            raise _malformed(path, line, problem)
        yield SentenceRule(pattern, outcome)


def _read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows with their line numbers, without blank lines and lines that start with #."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"The file of sentences {path} can't be read: {reason}."
        raise SiteError(message) from error
    if len(content) > MAX_FILE_BYTES:
        message = f"The file of sentences {path} has more than {MAX_FILE_BYTES:,} bytes."
        raise SiteError(message)
    reader = csv.reader(text.splitlines(), strict=True)
    header: list[str] | None = None
    try:
        for row in reader:
            if not any(map(str.strip, row)) or row[0].startswith("#"):
                continue
            if header is None:
                header = [value.strip() for value in row]
                if header != HEADER:
                    problem = f"the header must be {','.join(HEADER)}"
                    raise _malformed(path, reader.line_num, problem)
                continue
            yield reader.line_num, row
    except csv.Error as error:
        raise _malformed(path, reader.line_num, str(error)) from error
    if header is None:
        raise _malformed(path, 1, f"the header {','.join(HEADER)} is missing")


def _malformed(path: Path, line: int, problem: str) -> SiteError:
    return SiteError(f"{path}, line {line}: {problem}. Correct the file and run again.")
