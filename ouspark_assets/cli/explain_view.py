"""How `ouspark explain` looks in a terminal. Decides nothing."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from ouspark_assets.cli.output import console, print_table
from ouspark_assets.operations.explain.availability import StudentPublication
from ouspark_assets.operations.explain.model import (
    Attempt,
    Backlog,
    Cgpa,
    Credits,
    Explanation,
    NoResult,
    QuarantineEntry,
    Rank,
    Revaluation,
    Semester,
    StudentDetails,
    Subject,
    WeightedSum,
)

WIDTH = 100
COLOURS = {
    "passed": "green",
    "finished": "green",
    "failed": "red",
    "open": "red",
    "absent": "dark_orange",
    "pending": "yellow",
}
SCOPES = {
    "class": "class",
    "college": "college",
    "branch": "branch, all colleges",
    "university": "university",
}
NONE = "-"


def show_explanation(explanation: Explanation, production: StudentPublication) -> None:
    """Print every section, from the student's details to the publication."""
    terminal = console()
    terminal.width = min(terminal.width, WIDTH)
    for part in _parts(explanation, production):
        if isinstance(part, Table):
            print_table(terminal, part)
        else:
            terminal.print(part)


def _parts(explanation: Explanation, production: StudentPublication) -> Iterator[RenderableType]:
    yield from _details(explanation.details)
    by_semester: dict[int | None, list[Subject]] = {}
    for subject in explanation.subjects:
        by_semester.setdefault(subject.semester, []).append(subject)
    # So wide that the tables of all semesters are aligned, if the terminal is wide enough.
    name_width = max((len(subject.name or "") for subject in explanation.subjects), default=0)
    for semester, subjects in by_semester.items():
        title = f"Semester {semester}" if semester else "Unknown semester"
        yield _heading(f"{title}: all attempts (bold: the one that counts)")
        yield _subjects(subjects, name_width)
    yield _heading("Semesters: SGPA = Σ credits × points / Σ credits, rounded half up")
    yield _semesters(explanation.semesters)
    if explanation.cgpa is not None:
        yield _heading("CGPA: the same formula over all finished semesters")
        yield _cgpa(explanation.cgpa)
    if explanation.credits is not None:
        yield _heading("Credits")
        yield _credits(explanation.credits)
    yield _heading("Ranks: dense, by CGPA, within the admission year")
    yield _ranks(explanation.ranks)
    if explanation.backlogs:
        yield _heading("Backlogs")
        yield _backlogs(explanation.backlogs)
    if explanation.revaluations:
        yield _heading("Revaluation")
        yield from _revaluations(explanation.revaluations)
    if explanation.no_results:
        yield _heading("A sentence instead of a result")
        yield _no_results(explanation.no_results)
    if explanation.quarantine:
        yield _heading("Open quarantine records")
        yield _quarantine(explanation.quarantine)
    yield _heading("Production")
    yield Text(production.sentence)


def _heading(title: str) -> RenderableType:
    return Padding(Rule(Text(title, style="bold"), align="left", style="dim"), (1, 0, 0, 0))


def _details(student: StudentDetails) -> Iterator[RenderableType]:
    yield Text(f"{student.name}  {student.hall_ticket}", style="bold")
    yield Text(f"{student.college}\n{student.branch}, admitted {student.admission_year}")
    entry = "lateral entry" if student.lateral_entry else "regular entry"
    facts = [student.gender, student.course, student.medium, entry]
    known = ", ".join(fact for fact in facts if fact)
    yield Text(f"{known}; latest release {student.last_release}")


def _subjects(subjects: Sequence[Subject], name_width: int) -> Table:
    table = _table("Code", "Subject", "Cr|", "Release", "Session", "Kind", "Gr", "Pt|", "Standing")
    table.columns[1].min_width = name_width
    for subject in subjects:
        names = (escape(subject.name or ""), f"{subject.credits:g}")
        rows = [_attempt(attempt) for attempt in subject.attempts] or [("",) * 5]
        codes = _printed_codes(subject) or [subject.code]
        for number, (code, cells) in enumerate(zip(codes, rows, strict=True), 1):
            standing = _standing(subject) if number == len(rows) else ""
            table.add_row(code, *(names if number == 1 else ("",) * 2), *cells, standing)
    return table


def _printed_codes(subject: Subject) -> list[str]:
    """Return the code of each attempt, blank if it is that of the attempt before."""
    codes = [attempt.code for attempt in subject.attempts]
    return [
        "" if number and codes[number - 1] == code else code for number, code in enumerate(codes)
    ]


def _attempt(attempt: Attempt) -> tuple[str, ...]:
    kind = "reval." if attempt.kind == "revaluation" else attempt.kind
    style = "bold" if attempt.counts else "dim"
    grade = attempt.grade or "blank"
    cells = (attempt.release, attempt.session, kind, grade, _or_none(attempt.points))
    return tuple(f"[{style}]{escape(cell)}[/]" for cell in cells)


def _standing(subject: Subject) -> str:
    grade = f"{escape(subject.grade or 'blank')} {subject.state}"
    standing = f"[{COLOURS[subject.state]}]{grade}[/]: [dim]{escape(subject.rule)}[/]"
    if subject.derived_grade is not None:
        derived = escape(subject.derived_grade)
        standing += f" [red]stale: the attempts give {derived}, run again[/]"
    if subject.older_codes:
        counts = "counts" if len(subject.older_codes) == 1 else "count"
        standing += f"; {' and '.join(subject.older_codes)} {counts} as {subject.code}"
    return standing


def _semesters(semesters: Sequence[Semester]) -> RenderableType:
    if not semesters:
        return Text("no semester has a standing")
    table = _table("Sem|", "State", "Reason", "Σ c×p / Σ c|", "SGPA|", "Printed|", "Status", "")
    for semester in semesters:
        state = f"[{COLOURS[semester.state]}]{semester.state}[/]"
        sum_ = semester.sum
        fraction = _fraction(sum_) if semester.sgpa is not None else f"{sum_.credits:g} credits"
        table.add_row(
            str(semester.number), state, escape(semester.because), fraction,
            f"[bold]{_decimals(semester.sgpa)}[/]", _decimals(semester.sgpa_printed),
            escape(semester.status_printed or NONE), _difference(semester.difference),
        )  # fmt: skip
    return table


def _difference(difference: float | None) -> str:
    if difference is None:
        return "[dim]not comparable[/]"
    return "[green]as printed[/]" if difference == 0 else f"[red]{difference:+.2f} vs. page[/]"


def _cgpa(cgpa: Cgpa) -> RenderableType:
    lines: list[RenderableType] = []
    if cgpa.value is None or cgpa.sum is None:
        lines.append(Text("none: no semester is finished"))
    else:
        numbers = ", ".join(map(str, cgpa.semesters))
        plural = "s" if len(cgpa.semesters) > 1 else ""
        value = f"[bold]{_decimals(cgpa.value)}[/]"
        line = f"{_fraction(cgpa.sum)} = {value} over semester{plural} {numbers}"
        lines.append(Text.from_markup(line))
        if cgpa.sum.value != cgpa.value:
            stale = f"stale: the stored standings give {_decimals(cgpa.sum.value)}, run again"
            lines.append(Text(stale, style="red"))
    lines += [Text(f"incomplete: {reason}", style="yellow") for reason in cgpa.missing]
    return Group(*lines)


def _credits(credits_: Credits) -> RenderableType:
    line = (
        f"{credits_.attempted:g} attempted = {credits_.earned:g} earned + {credits_.open:g} open "
        f"+ {credits_.pending:g} pending"
    )
    if credits_.boundary is None:
        return Text(f"{line}\nno further year boundary")
    style = "green" if credits_.met else "yellow"
    rule = Text(f"{credits_.boundary} {credits_.boundary_rule}", style=style)
    return Group(Text(line), rule)


def _ranks(ranks: Sequence[Rank]) -> RenderableType:
    reasons = {rank.unranked_because for rank in ranks}
    if len(reasons) == 1 and (reason := reasons.pop()) is not None:
        return Text(f"not ranked: {reason}", style="yellow")
    table = _table("Scope", "Rank|", "Out of|", "Percentile|", "CGPA|", "")
    for rank in ranks:
        table.add_row(
            SCOPES[rank.scope], f"[bold]{_or_none(rank.rank)}[/]", str(rank.out_of),
            _decimals(rank.percentile), _decimals(rank.value), escape(rank.unranked_because or ""),
        )  # fmt: skip
    return table


def _backlogs(backlogs: Sequence[Backlog]) -> Table:
    table = _table("Code", "Subject", "Sem|", "Cr|", "State", "Since", "Times sat|")
    for backlog in backlogs:
        table.add_row(
            backlog.code, escape(backlog.name or ""), _or_none(backlog.semester),
            f"{backlog.credits:g}", f"[{COLOURS[backlog.state]}]{backlog.state}[/]",
            backlog.since_release, str(backlog.sittings),
        )  # fmt: skip
    return table


def _revaluations(revaluations: Sequence[Revaluation]) -> Iterator[RenderableType]:
    changed = [each for each in revaluations if each.outcome != "unchanged"]
    table = _table("Release", "Revises", "Code", "Grade", "Outcome", "SGPA", "CGPA")
    for each in changed:
        table.add_row(
            each.release,
            each.revises or "unknown",
            each.code,
            f"{escape(each.grade_before or NONE)} → {escape(each.grade_after or NONE)}",
            each.outcome,
            f"{_decimals(each.sgpa_before)} → {_decimals(each.sgpa_after)}",
            f"{_decimals(each.cgpa_before)} → {_decimals(each.cgpa_after)}",
        )
    unchanged = len(revaluations) - len(changed)
    if changed:
        yield table
    if unchanged:
        yield Text(f"{unchanged} subject{'' if unchanged == 1 else 's'} unchanged", style="dim")


def _no_results(no_results: Sequence[NoResult]) -> Table:
    table = _table("Release", "Requested", "What the site says")
    for each in no_results:
        table.add_row(each.release, f"{each.asked_at:%d %b %Y}", escape(each.sentence))
    return table


def _quarantine(records: Sequence[QuarantineEntry]) -> Table:
    table = _table("Record|", "Release", "Table", "Reasons")
    for record in records:
        reasons = escape("; ".join(record.reasons))
        table.add_row(str(record.id), record.release, record.table_name, reasons)
    return table


def _table(*titles: str) -> Table:
    """Return a table with these columns; a trailing | in a title means right-aligned."""
    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0))
    for title in titles:
        right = title.endswith("|")
        table.add_column(title.rstrip("|"), justify="right" if right else "left", overflow="fold")
    return table


def _fraction(sum_: WeightedSum) -> str:
    return f"{sum_.weighted:g} / {sum_.credits:g}"


def _or_none(value: object) -> str:
    return NONE if value is None else str(value)


def _decimals(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"
