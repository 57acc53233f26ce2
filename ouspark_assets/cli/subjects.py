"""`ouspark subjects`: the equivalent subject codes in use, and likely ones to decide on.

How pairs are found is in `analytics/code_proposals.py`, how the files are read in
`sources/equivalent_codes.py`.
"""

import csv
import io
from collections.abc import Mapping

import click

from ouspark_assets.analytics.code_proposals import propose_equivalent_codes
from ouspark_assets.cli.output import show_json, show_table
from ouspark_assets.domain.subjects import newest_codes
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.schemas.reference import SUBJECTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.settings import load_settings
from ouspark_assets.sources.equivalent_codes import HEADER, VARIABLE, read_equivalent_codes
from ouspark_assets.warehouse.core.connection import read_only_snapshot
from ouspark_assets.warehouse.core.frames import read_table


def list_equivalent_codes(*, as_json: bool) -> None:
    """List the lines of the files of equivalent codes, and whether the tables follow them."""
    entries = read_equivalent_codes(load_settings().analytics.equivalent_codes)
    with Development().connected("subjects") as connection:
        subjects = read_table(connection, SUBJECTS)
    names = dict(subjects.select("subject_code", "subject_name").iter_rows())
    stored = dict(subjects.select("subject_code", "counts_as").iter_rows())
    newest = newest_codes({entry.old: entry.new for entry in entries})
    rows = [
        {
            "old_code": entry.old,
            "new_code": entry.new,
            "counts_as": newest[entry.old],
            "subject_name": names.get(newest[entry.old]) or names.get(entry.old),
            "state": _state(entry.old, newest, stored),
            "why": entry.why,
            "file": str(entry.path),
            "line": entry.line,
        }
        for entry in entries
    ]
    if as_json:
        show_json(rows)
    elif rows:
        columns = {"old_code": "old", "counts_as": "counts as", "subject_name": "subject",
                   "state": "state", "why": "why"}  # fmt: skip
        show_table(
            "Equivalent subject codes",
            [{title: row[name] for name, title in columns.items()} for row in rows],
        )
    else:
        click.echo("No subject codes count as others. Likely ones: ouspark subjects propose")


def _state(code: str, newest: Mapping[str, str], stored: Mapping[str, str | None]) -> str:
    """Return whether standings count the code like this."""
    if code not in stored:
        return "not seen on a page"
    return "in effect" if stored[code] == newest[code] else "after the next run"


def propose_codes(*, as_json: bool) -> None:
    """Print likely equivalent codes with their evidence, and the lines that make them count."""
    own = load_settings().analytics.equivalent_codes
    with Development().connected("subjects") as connection, read_only_snapshot(connection):
        proposals = propose_equivalent_codes(
            read_table(connection, MARKS),
            read_table(connection, RELEASE_INDEX),
            read_table(connection, SUBJECTS),
        )
    rows = [{**row, "line": _line(row)} for row in proposals.iter_rows(named=True)]
    if as_json:
        show_json(rows)
        return
    if not rows:
        click.echo("No likely equivalent codes: no two codes share title and semester.")
        return
    show_table(
        "Likely equivalent subject codes",
        [
            {
                "old": row["old_code"],
                "new": row["new_code"],
                "subject": row["subject_name"],
                "sem": row["semester"],
                "students": f"{row['old_students']} / {row['new_students']}",
                "moved": row["moved"],
                "old until": row["last_old_release"],
                "new since": row["first_new_release"],
            }
            for row in rows
        ],
        right=("sem", "students", "moved"),
    )
    click.echo(
        "Same title and semester, and no student sat both codes in one session.\n"
        "students: who sat the old and the new code; moved: who sat the old code first.\n"
        "Nothing is assumed: check each pair against the syllabus.\n\n"
        "To count a pair as one subject, add its line to this file, then `ouspark run`:\n"
        f"{own or f'(any file, named by {VARIABLE})'}\n"
    )
    if own is None:
        click.echo(",".join(HEADER))
    for row in rows:
        click.echo(row["line"])


def _line(row: Mapping[str, object]) -> str:
    """Return the line of the file that makes the old code of a proposal count as the new one."""
    why = f"same title and semester; moved: {row['moved']}"
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([row["old_code"], row["new_code"], why])
    return text.getvalue()
