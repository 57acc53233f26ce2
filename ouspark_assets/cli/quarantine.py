"""`ouspark quarantine`: look at what could not be accepted, correct it, bring it back, discard it.

A record comes back by loading its release again from the lake; nothing is fetched.
"""

from collections import Counter
from collections.abc import Iterable

import click
import dagster as dg

from ouspark_assets.cli.graph_runs import Graph
from ouspark_assets.cli.output import console, show_json, show_table
from ouspark_assets.cli.summary import show_summary
from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.pages.corrections import check_changes
from ouspark_assets.warehouse.quarantine.decisions import (
    Filters,
    Record,
    correct,
    decided,
    discard,
    history,
    record,
    records,
)

MOST_LISTED = 50


@click.group()
def quarantine() -> None:
    """What pages said that could not be accepted."""


@quarantine.command("list")
@click.option("--release", metavar="KEY", help="Only of this release.")
@click.option("--table", help="Only records meant for this table.")
@click.option("--reason", metavar="TEXT", help="Only records with a reason that contains TEXT.")
@click.option(
    "--status",
    type=click.Choice(["open", "resolved", "discarded", "any"]),
    default="open",
    show_default=True,
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_records(
    *, release: str | None, table: str | None, reason: str | None, status: str, as_json: bool
) -> None:
    """List records, and how often each reason occurs."""
    filters = Filters(release, table, reason, None if status == "any" else status)
    with Development().connected("quarantine") as connection:
        found = records(connection, filters)
    if as_json:
        show_json([vars(it) for it in found])
        return
    show_table("Quarantine", [_row(it) for it in found[:MOST_LISTED]], right=("id",))
    if len(found) > MOST_LISTED:
        click.echo(f"{len(found) - MOST_LISTED} more; --json lists them all.")
    reasons = Counter((it.table_name, reason) for it in found for reason in it.reasons)
    show_table(
        "Reasons",
        [
            {"records": n, "table": table, "reason": reason}
            for (table, reason), n in reasons.most_common()
        ],
        right=("records",),
    )


@quarantine.command("show")
@click.argument("number", type=int, metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_record(*, number: int, as_json: bool) -> None:
    """Show a record whole.

    What the page printed, every reason why it was not accepted, and what was decided about it.
    """
    with Development().connected("quarantine") as connection:
        found, decisions = record(connection, number), history(connection, number)
    if as_json:
        show_json({**vars(found), "decisions": decisions})
        return
    show_table(
        f"Record {number}", [{"": name, "value": str(value)} for name, value in _facts(found)]
    )
    show_table("Printed", [{"field": name, "text": text} for name, text in found.raw.items()])
    show_table(
        "Decisions",
        [
            {"when": when, "who": who, "decision": decision, "detail": str(detail)}
            for when, who, decision, detail in decisions
        ],
    )


@quarantine.command("fix")
@click.argument("number", type=int, metavar="ID")
@click.argument("changes", nargs=-1, required=True, metavar="FIELD=VALUE...")
def fix_record(*, number: int, changes: tuple[str, ...]) -> None:
    """Correct fields of a record by hand, and load its release again.

    The correction is kept beside what was printed, with who made it and when, and applied at
    every load.
    """
    texts = dict(_assignment(change) for change in changes)
    with Development().connected("quarantine") as connection:
        wrong = record(connection, number)
        check_changes(wrong.table_name, texts)
        correct(connection, wrong, texts)
    _load_again([wrong])


@quarantine.command("replay")
@click.argument("numbers", type=int, nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="Every open record.")
def replay_records(*, numbers: tuple[int, ...], every: bool) -> None:
    """Parse and validate what the lake holds again.

    For when code or reference data were fixed; nothing is fetched.
    """
    if bool(numbers) == every:
        message = "name records by their ID, or all of them with --all"
        raise click.UsageError(message)
    with Development().connected("quarantine") as connection:
        found = (
            records(connection, Filters()) if every else [record(connection, it) for it in numbers]
        )
        for it in found:
            decided(connection, it.id, "replayed", {})
    _load_again(found)


@quarantine.command("discard")
@click.argument("number", type=int, metavar="ID")
@click.option("--why", required=True, help="Why it can be done without.")
def discard_record(*, number: int, why: str) -> None:
    """Put a record aside for good, with the reason why."""
    with Development().connected("quarantine") as connection:
        discard(connection, record(connection, number), why)
    click.echo(f"Record {number} is discarded; it stays listed with --status discarded.")


def _load_again(found: Iterable[Record]) -> None:
    """Load the releases of some records again, and say which records came back."""
    before = {it.id for it in found}
    releases = sorted({it.release for it in found})
    if not releases:
        click.echo("Nothing is in quarantine.")
        return
    with dg.DagsterInstance.get() as instance:
        graph = Graph(build_definitions(), instance)
        runs = [graph.reload(release) for release in releases]
        runs.append(graph.follow_up())
    show_summary(runs)
    with Development().connected("quarantine") as connection:
        still = [it for it in records(connection, Filters()) if it.id in before]
    console().print(f"{len(before) - len(still)} of {len(before)} records came back.")
    for it in still:
        console().print(f"  {it.id} is still open: {'; '.join(it.reasons)}", markup=False)


def _assignment(text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if not equals or not field:
        message = f"{text!r} is not FIELD=VALUE"
        raise click.UsageError(message)
    return field, value


def _row(it: Record) -> dict[str, object]:
    return {
        "id": it.id,
        "release": it.release,
        "ticket": it.hall_ticket,
        "table": it.table_name,
        "status": it.status,
        "reasons": "; ".join(it.reasons),
    }


def _facts(it: Record) -> list[tuple[str, object]]:
    return [
        ("release", it.release),
        ("ticket", it.hall_ticket),
        ("table", it.table_name),
        ("status", it.status),
        ("reasons", "; ".join(it.reasons)),
        ("first seen", it.first_seen_at),
        ("run", it.run_id),
        ("resolved", it.resolved_at or "-"),
    ]
