"""A student's story in a terminal of 100 columns: a tree of subjects, then tables and sentences.

Nothing is decided here but how it looks.
"""

from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from ouspark_assets.operations.explain.story import (
    Attempt,
    Cgpa,
    Credits,
    Rank,
    Semester,
    Story,
    Subject,
    Sum,
)
from ouspark_assets.operations.explain.whereabouts import InProduction

WIDTH = 100
NAME_WIDTH = 22
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
# So that the tables of all semesters stand in line; releases are as long as the longest seen.
SUBJECT_WIDTHS = (5, NAME_WIDTH, 3, 11, 8, 6, 2, 2, 26)


def show_story(story: Story, published: InProduction) -> None:
    """Everything, from the details to the publication."""
    console = Console(highlight=False, emoji=False)
    if not console.is_terminal or console.width > WIDTH:
        console = Console(highlight=False, emoji=False, width=WIDTH)
    for part in _parts(story, published):
        console.print(part)


def _parts(story: Story, published: InProduction) -> Iterator[RenderableType]:
    yield from _details(story)
    for semester, subjects in _by_semester(story.subjects).items():
        title = f"Semester {semester}" if semester else "In no semester (the code does not tell)"
        yield _section(f"{title}: every attempt, and what counts")
        yield _subjects(subjects)
    yield _section("Semesters: SGPA = Σ credits × points / Σ credits, half up")
    yield _semesters(story.semesters)
    if story.cgpa is not None:
        yield _section("CGPA: the same sum over all finished semesters")
        yield _cgpa(story.cgpa)
    if story.credits is not None:
        yield _section("Credits")
        yield _credits(story.credits)
    yield _section("Ranks: dense, by CGPA, within the admission year")
    yield _ranks(story.ranks)
    yield from _findings(story)
    yield _section("Production")
    yield Text(published.sentence)


def _section(title: str) -> RenderableType:
    return Padding(Rule(Text(title, style="bold"), align="left", style="dim"), (1, 0, 0, 0))


def _details(story: Story) -> Iterator[RenderableType]:
    student = story.details
    yield Text(f"{student.name}  {student.hall_ticket}", style="bold")
    entry = "lateral entry" if student.lateral_entry else "regular entry"
    facts = [student.gender, student.course, student.medium, entry]
    yield Text(f"{student.college}\n{student.branch}, admitted {student.admission_year}")
    yield Text(f"{', '.join(it for it in facts if it)}; last seen in {student.last_release}")


def _by_semester(subjects: Sequence[Subject]) -> dict[int | None, list[Subject]]:
    grouped: dict[int | None, list[Subject]] = {}
    for subject in subjects:
        grouped.setdefault(subject.semester, []).append(subject)
    return grouped


def _subjects(subjects: Sequence[Subject]) -> Table:
    table = _table("Code", "Subject", "Cr|", "Release", "Session", "Kind", "Gr", "Pt|", "Standing")
    for column, width in zip(table.columns, SUBJECT_WIDTHS, strict=True):
        column.min_width = width
    for subject in subjects:
        names = (subject.code, _short(subject.name), f"{subject.credits:g}")
        rows = [_attempt(attempt) for attempt in subject.attempts] or [("",) * 5]
        for number, cells in enumerate(rows, 1):
            told = _standing(subject) if number == len(rows) else ""
            table.add_row(*(names if number == 1 else ("",) * 3), *cells, told)
    return table


def _attempt(attempt: Attempt) -> tuple[str, ...]:
    kind = "reval." if attempt.kind == "revaluation" else attempt.kind
    style = "bold" if attempt.counts else "dim"
    cells = (attempt.release, attempt.session, kind, attempt.grade or "blank", _or(attempt.points))
    return tuple(f"[{style}]{escape(cell)}[/]" for cell in cells)


def _standing(subject: Subject) -> str:
    grade = f"{escape(subject.grade or 'blank')} {subject.state}"
    told = f"[{COLOURS[subject.state]}]{grade}[/]: [dim]{escape(subject.rule)}[/]"
    if subject.derived_grade is not None:
        told += f" [red]attempts give {escape(subject.derived_grade)}: run again[/]"
    return told


def _semesters(semesters: Sequence[Semester]) -> RenderableType:
    if not semesters:
        return Text("no semester has a standing")
    table = _table("Sem|", "State", "Because", "Σ c×p / Σ c|", "SGPA|", "Printed|", "Status", "")
    for it in semesters:
        state = f"[{COLOURS[it.state]}]{it.state}[/]"
        sum_ = _fraction(it.sum) if it.sgpa is not None else f"{it.sum.credits:g} credits"
        printed = _two(it.sgpa_printed)
        table.add_row(
            str(it.number), state, escape(it.because), sum_, f"[bold]{_two(it.sgpa)}[/]", printed,
            escape(it.status_printed or NONE), _difference(it),
        )  # fmt: skip
    return table


def _difference(it: Semester) -> str:
    if it.difference is None:
        return "[dim]nothing to compare[/]"
    if it.difference == 0:
        return "[green]as printed[/]"
    return f"[red]{it.difference:+.2f} to the page[/]"


def _cgpa(cgpa: Cgpa) -> RenderableType:
    lines: list[RenderableType] = []
    if cgpa.value is None or cgpa.sum is None:
        lines.append(Text("none: no semester is finished"))
    else:
        numbers = ", ".join(map(str, cgpa.semesters))
        plural = "s" if len(cgpa.semesters) > 1 else ""
        line = (
            f"{_fraction(cgpa.sum)} = [bold]{_two(cgpa.value)}[/] over semester{plural} {numbers}"
        )
        lines.append(Text.from_markup(line))
        if cgpa.sum.value != cgpa.value:
            lines.append(Text(f"stored sums give {_two(cgpa.sum.value)}: run again", style="red"))
    lines += [Text(f"incomplete: {reason}", style="yellow") for reason in cgpa.missing]
    return Group(*lines)


def _credits(credits_: Credits) -> RenderableType:
    line = (
        f"{credits_.attempted:g} attempted = {credits_.earned:g} earned + {credits_.open:g} open "
        f"+ {credits_.pending:g} pending"
    )
    if credits_.boundary is None:
        return Text(f"{line}\nno year boundary lies ahead")
    style = "green" if credits_.met else "yellow"
    rule = Text(f"{credits_.boundary} {credits_.boundary_rule}", style=style)
    return Group(Text(line), rule)


def _ranks(ranks: Sequence[Rank]) -> RenderableType:
    reasons = {it.unranked_because for it in ranks}
    if len(reasons) == 1 and (reason := reasons.pop()) is not None:
        return Text(f"not ranked: {reason}", style="yellow")
    table = _table("Scope", "Rank|", "Out of|", "Percentile|", "CGPA|", "")
    for it in ranks:
        table.add_row(
            SCOPES[it.scope], f"[bold]{_or(it.rank)}[/]", str(it.out_of), _two(it.percentile),
            _two(it.value), escape(it.unranked_because or ""),
        )  # fmt: skip
    return table


def _findings(story: Story) -> Iterator[RenderableType]:
    if story.backlogs:
        yield _section("Backlogs")
        table = _table("Code", "Subject", "Sem|", "Cr|", "State", "Since", "Times sat|")
        for it in story.backlogs:
            table.add_row(
                it.code, _short(it.name), _or(it.semester), f"{it.credits:g}",
                f"[{COLOURS[it.state]}]{it.state}[/]", it.since_release, str(it.sittings),
            )  # fmt: skip
        yield table
    if story.revaluations:
        yield _section("Revaluation")
        yield _revaluations(story)
    if story.quarantine:
        yield _section("Open in quarantine: what could not be accepted")
        table = _table("Record|", "Release", "Table", "Reasons")
        for record in story.quarantine:
            reasons = escape("; ".join(record.reasons))
            table.add_row(str(record.id), record.release, record.table_name, reasons)
        yield table


def _revaluations(story: Story) -> RenderableType:
    changed = [it for it in story.revaluations if it.outcome != "unchanged"]
    table = _table("Release", "Of", "Code", "Grade", "Outcome", "SGPA", "CGPA")
    for it in changed:
        table.add_row(
            it.release,
            it.revises or "unclear",
            it.code,
            f"{escape(it.grade_before or NONE)} → {escape(it.grade_after or NONE)}",
            it.outcome,
            f"{_two(it.sgpa_before)} → {_two(it.sgpa_after)}",
            f"{_two(it.cgpa_before)} → {_two(it.cgpa_after)}",
        )
    same = len(story.revaluations) - len(changed)
    count = Text(f"{same} subject{'' if same == 1 else 's'} on its pages unchanged", style="dim")
    return Group(*([table] if changed else []), *([count] if same else []))


def _table(*titles: str) -> Table:
    """Columns by their titles; those that end with | are aligned to the right."""
    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0))
    for title in titles:
        right = title.endswith("|")
        table.add_column(title.rstrip("|"), justify="right" if right else "left", overflow="fold")
    return table


def _fraction(sum_: Sum) -> str:
    return f"{sum_.weighted:g} / {sum_.credits:g}"


def _short(name: str | None) -> str:
    text = name or ""
    return escape(text if len(text) <= NAME_WIDTH else f"{text[: NAME_WIDTH - 1]}…")


def _or(value: object) -> str:
    return NONE if value is None else str(value)


def _two(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"
