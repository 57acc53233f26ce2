"""`ouspark quarantine`: list, show, correct, replay and discard records that were not accepted.

A record is accepted by loading its release again from the lake; no page is requested.
"""

from collections import Counter
from collections.abc import Iterable

import click

from ouspark_assets.cli.graph_runs import open_graph
from ouspark_assets.cli.output import console, show_json, show_table
from ouspark_assets.cli.summary import show_summary
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.pages.corrections import check_changes
from ouspark_assets.settings import load_settings
from ouspark_assets.warehouse.quarantine.decisions import (
    QuarantinedRecord,
    RecordFilter,
    correct_record,
    discard_record,
    find_record,
    find_records,
    read_decisions,
    record_decision,
)

MAX_LISTED = 50


def list_records(
    *, release: str | None, table: str | None, reason: str | None, status: str, as_json: bool
) -> None:
    """List records, and how often each reason occurs."""
    filters = RecordFilter(release, table, reason, None if status == "any" else status)
    with Development().connected("quarantine") as connection:
        found = find_records(connection, filters)
    if as_json:
        show_json([vars(listed) for listed in found])
        return
    rows = [
        {
            "id": listed.id,
            "release": listed.release,
            "ticket": listed.hall_ticket,
            "table": listed.table_name,
            "status": listed.status,
            "reasons": "; ".join(listed.reasons),
        }
        for listed in found[:MAX_LISTED]
    ]
    show_table("Quarantine", rows, right=("id",))
    if len(found) > MAX_LISTED:
        click.echo(f"{len(found) - MAX_LISTED} more; --json lists them all.")
    counts = Counter((listed.table_name, reason) for listed in found for reason in listed.reasons)
    show_table(
        "Reasons",
        [
            {"records": count, "table": table, "reason": reason}
            for (table, reason), count in counts.most_common()
        ],
        right=("records",),
    )


def show_record(*, number: int, as_json: bool) -> None:
    """Show one record completely."""
    with Development().connected("quarantine") as connection:
        found, decisions = find_record(connection, number), read_decisions(connection, number)
    if as_json:
        show_json({**vars(found), "decisions": decisions})
        return
    facts = {
        "release": found.release,
        "ticket": found.hall_ticket,
        "table": found.table_name,
        "status": found.status,
        "reasons": "; ".join(found.reasons),
        "first seen": found.first_seen_at,
        "run": found.run_id,
        "resolved": found.resolved_at or "-",
    }
    show_table(
        f"Record {number}", [{"": name, "value": str(value)} for name, value in facts.items()]
    )
    show_table("Printed", [{"field": name, "text": text} for name, text in found.raw.items()])
    show_table(
        "Decisions",
        [
            {"when": when, "who": who, "decision": decision, "detail": str(detail)}
            for when, who, decision, detail in decisions
        ],
    )


def fix_record(*, number: int, changes: tuple[str, ...]) -> None:
    """Correct fields of a record, and load its release again."""
    texts = dict(_parse_assignment(change) for change in changes)
    with Development().connected("quarantine") as connection:
        wrong = find_record(connection, number)
        check_changes(wrong.table_name, texts)
        correct_record(connection, wrong, texts)
    _replay([wrong])


def replay_records(*, numbers: tuple[int, ...], every: bool) -> None:
    """Load the releases of records again from the lake."""
    with Development().connected("quarantine") as connection:
        if every:
            found = find_records(connection, RecordFilter())
        else:
            found = [find_record(connection, number) for number in numbers]
        for replayed in found:
            record_decision(connection, replayed.id, "replayed", {})
    _replay(found)


def discard_listed_record(*, number: int, why: str) -> None:
    """Discard a record for good, with the reason."""
    with Development().connected("quarantine") as connection:
        discard_record(connection, find_record(connection, number), why)
    click.echo(f"Record {number} is discarded; it stays listed with --status discarded.")


def _replay(found: Iterable[QuarantinedRecord]) -> None:
    """Load the releases of these records again, and print which records were accepted."""
    numbers = {replayed.id for replayed in found}
    releases = sorted({replayed.release for replayed in found})
    if not releases:
        click.echo("Quarantine is empty: there is nothing to replay.")
        return
    with open_graph(load_settings(), "ouspark quarantine") as graph:
        runs = [graph.reload(release) for release in releases]
        runs.append(graph.follow_up())
    show_summary(runs)
    with Development().connected("quarantine") as connection:
        still_open = [
            record for record in find_records(connection, RecordFilter()) if record.id in numbers
        ]
    console().print(f"{len(numbers) - len(still_open)} of {len(numbers)} records were accepted.")
    for record in still_open:
        console().print(f"  {record.id} is still open: {'; '.join(record.reasons)}", markup=False)


def _parse_assignment(text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if not equals or not field:
        message = f"{text!r} is not FIELD=VALUE"
        raise click.UsageError(message)
    return field, value
