"""The ticket plan finds all students with few requests beyond them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from random import Random

import pytest

from ouspark_assets.domain.releases import ExamKind
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.sources.results_site.release_facts import ReleaseFacts
from ouspark_assets.sources.results_site.ticket_plan import (
    KnownTicket,
    SearchScope,
    TicketPlan,
    explain_empty_plan,
)

COLLEGES = tuple(str(code) for code in (*range(1601, 1611), *range(2451, 2456)))
BRANCHES = tuple(str(code) for code in range(732, 751))
SCOPE = SearchScope(COLLEGES, BRANCHES, stop_after_misses=8)
EVEN = ReleaseFacts(
    "20260655", "http://site.invalid", semesters=(1, 2, 3, 4, 5, 6), session_year=2026,
    session_month=7, published_on=date(2026, 10, 1),
)  # fmt: skip
FULL_YEARS = (2025, 2024, 2023)


@dataclass
class Town:
    """Random students: classes with gaps, and lateral entry from the second year."""

    tickets: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, seed: int, *, colleges: int = 7, branches: int = 9, size: int = 66) -> "Town":
        random, town = Random(seed), cls()
        for year in FULL_YEARS:
            for college in COLLEGES[:colleges]:
                for branch in BRANCHES[:branches]:
                    prefix = f"{college}{year % 100}{branch}"
                    regular = round(size * random.uniform(0.5, 1.5))
                    town.add(prefix, 1, regular, random)
                    if year < 2025:
                        town.add(prefix, 301, regular // 10, random)
        return town

    def add(self, prefix: str, first: int, count: int, random: Random) -> None:
        serial = first
        for _ in range(count):
            if random.random() < 0.02:
                serial += random.choice([1, 1, 1, 1, 2, 3, 5])
            self.tickets.add(f"{prefix}{serial:03d}")
            serial += 1


def fetch(
    plan: TicketPlan, students: set[str], *, fails: frozenset[str] = frozenset(), at_once: int = 32
) -> list[str]:
    """Request all tickets of a plan from a site with these students, and return them in order."""
    asked: list[str] = []
    under_way: list[str] = []
    while True:
        under_way += plan.next_tickets(at_once - len(under_way))
        if not under_way:
            return asked
        ticket = under_way.pop(0)
        asked.append(ticket)
        outcome = Outcome.FOUND if ticket in students else Outcome.NOT_FOUND
        plan.record(ticket, Outcome.FAILED if ticket in fails else outcome)


def known(tickets: Iterable[str], *, settled: bool = False) -> list[KnownTicket]:
    return [KnownTicket(ticket, settled, ("20250402",)) for ticket in sorted(tickets)]


@pytest.mark.parametrize("seed", range(4))
def test_without_known_tickets_all_students_are_found_with_few_requests(seed: int) -> None:
    students = Town.of(seed).tickets
    asked = fetch(TicketPlan(EVEN, SCOPE), students)
    assert len(students) > 10_000
    assert len(asked) == len(set(asked))
    assert len(students - set(asked)) <= len(students) / 1000
    assert len(asked) <= 1.6 * len(students)


@pytest.mark.parametrize("seed", range(4))
def test_known_tickets_reduce_the_requests(seed: int) -> None:
    students = Town.of(seed).tickets
    before = {ticket for ticket in students if ticket[4:6] != "25" or ticket[9] != "3"}
    gone = set(Random(seed).sample(sorted(before), len(before) // 50))
    asked = fetch(TicketPlan(EVEN, SCOPE, known(before)), students - gone)
    assert len(students - gone - set(asked)) <= len(students) / 1000
    assert len(asked) <= 1.4 * len(students)


def test_new_students_of_known_classes_are_found() -> None:
    students = Town.of(9).tickets
    before = {ticket for ticket in students if ticket[9] != "3" and int(ticket[9:]) % 50}
    asked = fetch(TicketPlan(EVEN, SCOPE, known(before)), students)
    assert len(students - set(asked)) <= len(students) / 1000


def test_a_cohort_that_was_searched_before_needs_fewer_probes() -> None:
    students = Town.of(3).tickets
    again = TicketPlan(EVEN, SCOPE, known(students), searched_before=FULL_YEARS)
    first = TicketPlan(EVEN, SCOPE, known(students))
    assert len(fetch(again, students)) < len(fetch(first, students)) - 1000


def test_a_college_of_the_settings_is_searched() -> None:
    students = {f"9999{24}733{serial:03d}" for serial in range(1, 40)}
    assert not students & set(fetch(TicketPlan(EVEN, SCOPE), students))
    wider = replace(SCOPE, colleges=(*COLLEGES, "9999"))
    assert students <= set(fetch(TicketPlan(EVEN, wider), students))
    assert wider.fingerprint() != SCOPE.fingerprint()


def test_a_college_known_only_from_tickets_is_searched() -> None:
    students = {f"9999{24}733{serial:03d}" for serial in range(1, 40)}
    plan = TicketPlan(EVEN, SCOPE, known({"999924733005"}))
    assert students <= set(fetch(plan, students))


@pytest.mark.parametrize("first", [1, 2, 3, 4, 6])
def test_first_serials_may_be_missing(first: int) -> None:
    students = {f"160424733{serial:03d}" for serial in range(first, 60)}
    assert students <= set(fetch(TicketPlan(EVEN, SCOPE), students))


def test_students_beyond_a_gap_longer_than_the_run_of_misses_are_found() -> None:
    students = {f"160424733{serial:03d}" for serial in (*range(1, 40), *range(52, 90))}
    assert students <= set(fetch(TicketPlan(EVEN, SCOPE), students))


def test_the_setting_decides_after_how_many_misses_a_class_ends() -> None:
    students = {f"160424733{serial:03d}" for serial in range(1, 40)}

    def beyond(stop_after: int) -> int:
        scope = replace(SCOPE, stop_after_misses=stop_after)
        asked = fetch(TicketPlan(EVEN, scope), students)
        return sum(
            ticket.startswith("160424733") and 39 < int(ticket[9:]) < 300 for ticket in asked
        )

    assert [beyond(4), beyond(8), beyond(20)] == [6, 10, 22]


def test_failures_never_count_as_misses() -> None:
    students = {f"160424733{serial:03d}" for serial in range(1, 120)}
    fails = frozenset(f"160424733{serial:03d}" for serial in range(30, 60))
    asked = fetch(TicketPlan(EVEN, SCOPE), students, fails=fails)
    assert students <= set(asked)


def test_failed_probes_are_replaced() -> None:
    students = {f"160424733{serial:03d}" for serial in range(1, 60)}
    fails = frozenset(f"160424733{serial:03d}" for serial in (1, 7, 3))
    assert students <= set(fetch(TicketPlan(EVEN, SCOPE), students, fails=fails))


def test_tickets_that_failed_before_come_first_and_known_ones_next() -> None:
    plan = TicketPlan(EVEN, SCOPE, known({"160424733001"}), failed_before=["160424733077"])
    assert plan.next_tickets(2) == ["160424733077", "160424733001"]


def test_lateral_entry_is_not_searched_before_the_second_year() -> None:
    students = Town.of(2).tickets
    asked = fetch(TicketPlan(EVEN, SCOPE), students)
    assert not any(ticket[4:6] == "25" and ticket[9] == "3" for ticket in asked)
    assert any(ticket[4:6] == "24" and ticket[9] == "3" for ticket in asked)


def test_the_few_students_of_an_older_cohort_are_found() -> None:
    students, random = Town.of(5).tickets, Random(5)
    older = {ticket[:4] + "22" + ticket[6:] for ticket in students if ticket[4:6] == "24"}
    sitting = set(random.sample(sorted(older), len(older) // 8))
    asked = fetch(TicketPlan(EVEN, SCOPE), students | sitting)
    assert len(sitting - set(asked)) <= len(sitting) / 50
    assert len(asked) <= 2.5 * len(students | sitting)


REVALUATION = replace(EVEN, key="20260718", kind=ExamKind.REVALUATION, revises=EVEN.key)
BACKLOGS = replace(EVEN, key="20260719", repeaters_only=True)


@pytest.mark.parametrize("facts", [REVALUATION, BACKLOGS])
def test_backlog_and_revaluation_releases_search_only_if_discover_is_set(
    facts: ReleaseFacts,
) -> None:
    students = {f"160424733{serial:03d}" for serial in range(1, 40)}
    some = {ticket for ticket in students if int(ticket[9:]) % 2}
    assert set(fetch(TicketPlan(facts, SCOPE, known(some)), students)) == some
    told = TicketPlan(facts, replace(SCOPE, discover=True), known(some))
    assert students <= set(fetch(told, students))


def test_a_plan_without_tickets_is_explained() -> None:
    plan = TicketPlan(REVALUATION, SCOPE)
    assert fetch(plan, set()) == []
    assert "Fetch a main release first" in (explain_empty_plan(plan) or "")
    some = TicketPlan(REVALUATION, SCOPE, known({"160424733001"}))
    assert explain_empty_plan(some) is None


def test_tickets_of_the_revised_release_come_first() -> None:
    seen = [KnownTicket("160424733001", releases=("x",)),
            KnownTicket("160424733002", releases=(EVEN.key,))]  # fmt: skip
    assert TicketPlan(REVALUATION, SCOPE, seen).next_tickets(1) == ["160424733002"]


def test_graduates_are_requested_only_while_something_is_open() -> None:
    done, open_, future = "160420733001", "160420733002", "160427733001"
    seen = [KnownTicket(done, settled=True), KnownTicket(open_), KnownTicket(future)]
    plan = TicketPlan(EVEN, replace(SCOPE, discover=False), seen)
    assert fetch(plan, set()) == [open_]


def test_exactly_the_named_tickets_are_requested() -> None:
    named = ["160424733050", "160424733001", "160424733050"]
    plan = TicketPlan.of_tickets(EVEN, named)
    assert fetch(plan, set(named)) == ["160424733050", "160424733001"]


@pytest.mark.parametrize(
    ("semesters", "year", "month", "cohorts"),
    [
        ((1,), 2024, 2, [2023, 2022]),
        ((1, 3, 5, 7), 2023, 12, [2023, 2022, 2021, 2020, 2019]),
        ((8,), 2026, 5, [2022, 2021]),
        (None, 2026, 7, [2025, 2024, 2023, 2022, 2021]),
    ],
)
def test_semesters_and_session_give_the_cohorts_of_a_release(
    semesters: tuple[int, ...] | None, year: int, month: int, cohorts: list[int]
) -> None:
    facts = replace(EVEN, semesters=semesters, session_year=year, session_month=month)
    assert facts.cohorts() == cohorts


def test_admission_years_of_the_settings_replace_the_cohorts() -> None:
    plan = TicketPlan(EVEN, replace(SCOPE, admission_years=(2019,)))
    assert {ticket[4:6] for ticket in fetch(plan, set())} <= {"19"}
    assert plan.years == (2019,)


def test_the_estimate_is_close_with_known_tickets() -> None:
    students = Town.of(6).tickets
    plan = TicketPlan(EVEN, SCOPE, known(students))
    likely = plan.likely_requests()
    asked = len(fetch(plan, students))
    assert plan.certain <= asked <= 1.1 * likely
