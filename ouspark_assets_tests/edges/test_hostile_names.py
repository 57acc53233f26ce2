"""Names with a meaning to some program appear everywhere as printed, or are quarantined.

PRINTABLE_PATTERN in `schemas/fields.py` decides which names are quarantined.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from lxml import etree, html

from ouspark_assets.cli import output
from ouspark_assets.cli.commands import quarantine as quarantine_command
from ouspark_assets.cli.explain_view import show_explanation
from ouspark_assets.operations.explain.availability import StudentPublication
from ouspark_assets.pages.appearances import select_latest_appearances
from ouspark_assets.pages.cleaning import clean_pages
from ouspark_assets.reports.workbook import escape_formula, workbook_bytes
from ouspark_assets.schemas.analytics import STANDINGS
from ouspark_assets.schemas.clean import MARKS, QUARANTINE, STUDENTS
from ouspark_assets.schemas.reference import SUBJECTS
from ouspark_assets.warehouse.core.connection import Side, connected
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.quarantine.rejected_records import update_quarantine
from ouspark_assets_tests.analytics.universities import ANN, FEB_22, LazyAggregates
from ouspark_assets_tests.operations.test_explain_derivation import explanation
from ouspark_assets_tests.pages.page_builder import RELEASE, TICKET, ResultPage, pages_of
from ouspark_assets_tests.reports.test_class_sheet import SPREADSHEET, sheet
from ouspark_assets_tests.reports.test_department_page import page
from ouspark_assets_tests.support.factories import releases
from ouspark_assets_tests.support.stores import Databases, StoreAddresses

NAMES = {
    "SQL": "A'; DROP TABLE clean.marks; --",
    "an identifier": 'A"."B',
    "copy": "A\\N\\.\\tB",
    "JSON": 'A","B":{}',
    "a format": "A %s %(x)s %n {0} {x!r} ${y}",
    "a lookup": "${jndi:ldap://x}",
    "markup of terminals": "A [/b] [red]B[/] [link=http://x]",
    "emoji codes": "A :smile: :100: B",
    "emoji": "A 😀 👨‍👩‍👧".replace("\u200d", ""),
    "a formula": "=1+1 A",
    "a formula of another kind": "@SUM(A1)",
    "a command": "$(reboot) `id` | A",
    "a path": "../../etc/A",
    "other scripts": "తెలుగు हिन्दी اردو A",
    "accents": "ÉCOLE ß ŒUVRE",
    "quotes": "A 'B' “C” ‘D’",
    "as long as may be": "A" * 200,
}
# As they stand on the page; PRINTABLE_PATTERN rejects them all.
KEPT_OUT = {
    "markup": "&lt;script&gt;alert(1)&lt;/script&gt;",
    "an escape sequence": "A\x1b[2J\x1b]0;x\x07B",
    "an escape sequence of one byte": "A\x9b2JB",
    "text that runs backwards": "A&#x202e;gpj.exe",
    "isolated text": "A&#x2067;B",
    "zero-width characters": "A&#x200b;B&#x200d;C&#xfeff;",
    "a NUL": "A\0B",
    "half a character": "A&amp;#xd800;B",
    "a private character": "A&#xe000;B",
}


def page_with(subjects: dict[str, str]) -> bytes:
    marks = [(f"5{at:02d}", name, "3", "9", "A") for at, name in enumerate(subjects.values())]
    return replace(ResultPage(), marks=tuple(marks), charset="utf-8").body()


def strings(value: Any) -> Iterator[str]:
    """Yield every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings(part)


def test_names_are_the_same_in_both_databases_and_in_the_cache(
    store_addresses: StoreAddresses,
) -> None:
    index = releases({"release": RELEASE})
    batch = clean_pages(RELEASE, pages_of(page_with(NAMES)))
    assert set(batch.marks["subject_name"]) == set(NAMES.values())
    tables = {
        "release_index": index,
        "students": select_latest_appearances(batch.appearances, index),
        "marks": batch.marks,
        "results": batch.results,
        "subjects": SUBJECTS.conform(
            batch.marks.select("subject_code", "subject_name", "credits", "semester").with_columns(
                kind=pl.lit(None, pl.String), counts_as=pl.lit(None, pl.String), inferred=True
            )
        ),
        "quarantine": pl.DataFrame(schema=QUARANTINE.dtypes),
    }
    computed = LazyAggregates(tables)
    with store_addresses.connect() as stores:
        with write_transaction(stores.development, "run") as writer:
            for table in (STUDENTS, MARKS, SUBJECTS, STANDINGS):
                writer.merge(table, [computed[table.name]])
        stores.publish()
        stores.prewarm()
        for database in (stores.development, stores.production):
            assert set(read_table(database, MARKS)["subject_name"]) == set(NAMES.values())
        generation = stores.client.get("ouspark:current")
        assert isinstance(generation, bytes)
        document = stores.client.get(f"ouspark:{generation.decode()}:student:{TICKET}")
        assert isinstance(document, bytes)
        assert set(NAMES.values()) <= set(strings(json.loads(document)))
        assert stores.is_consistent()


@pytest.mark.parametrize("name", KEPT_OUT.values(), ids=KEPT_OUT)
def test_names_that_would_garble_the_output_are_quarantined(name: str) -> None:
    batch = clean_pages(RELEASE, pages_of(page_with({"": name, "good": "GOOD"})))
    assert batch.marks["subject_name"].to_list() == ["GOOD"]
    assert batch.rejected["reasons"].to_list() == [
        ["subject_name has characters that can't be displayed"]
    ]


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_workbook_shows_the_name_and_has_no_formula(name: str) -> None:
    data = workbook_bytes(sheet(name, **{"101": name}), datetime(2025, 4, 2, tzinfo=UTC))
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        texts = etree.fromstring(book.read("xl/sharedStrings.xml"))
        pages = [book.read(path) for path in book.namelist() if "worksheets/sheet" in path]
    found = ["".join(text.itertext()) for text in texts.findall("m:si", SPREADSHEET)]
    assert escape_formula(name) in found
    assert not any(b"<f>" in part or b"<hyperlink" in part for part in pages)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_printable_page_shows_the_name_without_its_markup(name: str) -> None:
    tree = html.document_fromstring(page(name, subject=name))
    assert name in [cell.text_content() for cell in tree.iter("td")]
    assert not list(tree.iter("script", "b", "a"))


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_story_shows_the_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    explained = explanation([(FEB_22, ANN, "101", 4, "F", name)])
    show_explanation(explained, StudentPublication(None, None, "nothing has been published yet"))
    assert name[:11] in capsys.readouterr().out


@pytest.mark.parametrize("name", [*NAMES.values(), *KEPT_OUT.values()], ids=[*NAMES, *KEPT_OUT])
def test_a_terminal_table_shows_the_text_without_control_characters(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output.show_table("Names", [{"name": html.fromstring(f"<p>{name}").text_content()}])
    shown = capsys.readouterr().out
    assert all(line.isprintable() for line in shown.splitlines())
    if name in NAMES.values() and len(name) < 100:
        assert name in shown


def test_quarantined_names_are_shown_without_control_characters(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", databases.development)
    monkeypatch.setenv("OUSPARK_PROD_DSN", databases.production)
    batch = clean_pages(RELEASE, pages_of(page_with({**KEPT_OUT, "markup of terminals": "[/b]"})))
    with (
        connected(databases.development, Side.DEVELOPMENT) as development,
        write_transaction(development, "run") as writer,
    ):
        update_quarantine(writer, RELEASE, batch.rejected)
    for arguments in (["list"], ["show", "1"], ["show", "2"], ["show", "4"]):
        done = CliRunner().invoke(quarantine_command, arguments, catch_exceptions=False)
        assert done.exit_code == 0
        assert all(line.isprintable() for line in done.output.splitlines())
    listed = CliRunner().invoke(quarantine_command, ["list", "--json"])
    assert len(json.loads(listed.output)) == len(KEPT_OUT)
