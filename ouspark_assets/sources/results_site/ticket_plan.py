"""Which hall tickets to ask for, and in which order: a plan that grows with what is found.

Pure: tickets out, outcomes in. Fetching is `fetcher.py`, one class is `class_search.py`,
which cohorts a release is about `release_facts.py`.
"""

import hashlib
import json
from collections import deque
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass, field

from ouspark_assets.domain.hall_tickets import FIRST_LATERAL_SERIAL, Block, HallTicket
from ouspark_assets.sources.results_site.class_search import ClassSearch, Likelihood, Sweep
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.sources.results_site.release_facts import ReleaseFacts

# A class costs about this many requests beyond its students: a run of misses at either end.
USUAL_CLASS = 60
# Misses in a row that end a class of which one in n students sits: n times this, within bounds.
RUN_PER_STUDENT = 6
LONGEST_RUN = 40


@dataclass(frozen=True, slots=True)
class SearchScope:
    """Where unknown tickets are looked for; `discover` off means known tickets only."""

    colleges: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    admission_years: tuple[int, ...] = ()
    stop_after_misses: int = 8
    discover: bool | None = None

    def fingerprint(self) -> str:
        """A short name for the scope: it changes when there is more, or less, to look for."""
        parts = [
            sorted(self.colleges),
            sorted(self.branches),
            sorted(self.admission_years),
            self.stop_after_misses,
            self.discover,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class KnownTicket:
    """A ticket seen in an earlier release; `settled` when its last page left nothing open."""

    ticket: str
    settled: bool = False
    releases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestEstimate:
    """Requests that a plan will need: those certain at the start, and all that are likely."""

    certain: int
    likely: int


@dataclass(slots=True)
class _Queues:
    """Tickets waiting to be asked: what failed before, what is known, what is looked for."""

    first: deque[str] = field(default_factory=deque)
    known: deque[str] = field(default_factory=deque)
    search: deque[str] = field(default_factory=deque)
    seen: set[str] = field(default_factory=set)

    def add(self, queue: deque[str], tickets: Iterable[str]) -> None:
        for ticket in tickets:
            if ticket not in self.seen:
                self.seen.add(ticket)
                queue.append(ticket)

    def take(self, count: int) -> list[str]:
        taken: list[str] = []
        for queue in (self.first, self.known, self.search):
            while queue and len(taken) < count:
                taken.append(queue.popleft())
        return taken

    def __len__(self) -> int:
        return len(self.first) + len(self.known) + len(self.search)


class TicketPlan:
    """The tickets of one release, as far as is known by now."""

    def __init__(
        self,
        facts: ReleaseFacts,
        scope: SearchScope,
        known: Sequence[KnownTicket] = (),
        failed_before: Iterable[str] = (),
        searched_before: Collection[int] = (),
        *,
        forgotten: Container[str] = (),
    ) -> None:
        """Plan a release: what failed before, then known tickets, then what there may be more."""
        self._facts = facts
        self._forgotten = forgotten
        self._scope = scope
        self._queues = _Queues()
        self._classes: dict[Block, ClassSearch] = {}
        self._longest: dict[tuple[str, str, bool], int] = {}
        self._sparse: dict[tuple[str, str], list[Block]] = {}
        self._recorded: set[str] = set()
        self._searched_before = frozenset(searched_before)
        # Of cohorts that sit backlogs alone: how many answers, and how many of them students.
        self._sparse_answers: dict[int, tuple[int, int]] = {}
        self.years: tuple[int, ...] = ()
        self._queues.add(self._queues.first, failed_before)
        self._queues.add(self._queues.known, self._plausible(known))
        self.discovers = not facts.known_only if scope.discover is None else scope.discover
        if self.discovers:
            self._lay_out(known)
        self._certain = len(self._queues)

    @classmethod
    def of_tickets(
        cls, facts: ReleaseFacts, tickets: Iterable[str], forgotten: Container[str] = ()
    ) -> "TicketPlan":
        """Exactly these tickets and no others."""
        return cls(facts, SearchScope(discover=False), failed_before=tickets, forgotten=forgotten)

    def next_tickets(self, count: int) -> list[str]:
        """Up to so many tickets to ask now; none when there are none, or until outcomes come."""
        taken: list[str] = []
        while len(taken) < count and (more := self._queues.take(count - len(taken))):
            for ticket in more:
                if ticket in self._forgotten:
                    # Never asked again, and no reason to take its class for shorter than it is.
                    self.record(ticket, Outcome.FOUND)
                else:
                    taken.append(ticket)
        return taken

    def record(self, ticket: str, outcome: Outcome) -> None:
        """What became of a ticket; more tickets may follow from it."""
        parsed = HallTicket.parse(ticket)
        if parsed is None or ticket in self._recorded:
            return
        self._recorded.add(ticket)
        search = self._classes.get(parsed.block)
        if search is None:
            return
        if search.sparse and outcome is not Outcome.FAILED:
            self._count_sparse(parsed.block.admission_year, found=outcome is Outcome.FOUND)
        if outcome is Outcome.FOUND:
            self._found(parsed, search)
        elif outcome is Outcome.FAILED:
            self._failed(parsed, search)
        elif sweep := search.sweep_of(parsed.serial):
            sweep.missed(parsed.serial)
            self._leap(parsed.block, sweep)

    @property
    def planned(self) -> int:
        """Tickets given out or waiting so far."""
        return len(self._queues.seen)

    @property
    def waiting(self) -> int:
        """Tickets that could be asked now."""
        return len(self._queues)

    def estimate(self) -> RequestEstimate:
        """How many requests the plan will need, as far as can be told before the first."""
        cohorts = sum(self._facts.is_full(year) for year in self.years)
        pairs = {(block.college, block.branch) for block, s in self._classes.items() if s.exists}
        fresh = max(0, len(pairs) * cohorts - sum(s.exists for s in self._classes.values()))
        return RequestEstimate(self._certain, self._certain + fresh * USUAL_CLASS)

    def _plausible(self, known: Sequence[KnownTicket]) -> list[str]:
        """The known tickets that may be in this release, those of the revised release first."""
        facts = self._facts
        parsed = [(HallTicket.parse(seen.ticket), seen) for seen in known]
        may = [
            seen
            for ticket, seen in parsed
            if ticket and facts.may_appear(ticket.block.admission_year, settled=seen.settled)
        ]
        may.sort(key=lambda seen: (facts.revises not in seen.releases, seen.ticket))
        return [seen.ticket for seen in may]

    def _lay_out(self, known: Sequence[KnownTicket]) -> None:
        """Every class that may exist, with what the known tickets say of it."""
        tickets = [ticket for seen in known if (ticket := HallTicket.parse(seen.ticket))]
        colleges = dict.fromkeys([*self._scope.colleges, *(t.block.college for t in tickets)])
        branches = dict.fromkeys([*self._scope.branches, *(t.block.branch for t in tickets)])
        admitted = {ticket.block.admission_year for ticket in tickets}
        self.years = self._scope.admission_years or tuple(self._facts.cohorts(admitted))
        for year in self.years:
            for college in colleges:
                for branch in branches:
                    self._lay_out_class(Block(college, year, branch))
        self._take_known(tickets)
        for block, search in self._classes.items():
            if not search.sparse:
                self._ask(block, search.raise_to(Likelihood.POSSIBLE))

    def _lay_out_class(self, block: Block) -> None:
        year = block.admission_year
        sparse = not self._facts.is_full(year)
        self._classes[block] = ClassSearch(
            lateral=self._facts.has_lateral(year),
            sparse=sparse,
            run=self._scope.stop_after_misses,
            searched_before=year in self._searched_before and not sparse,
        )
        if sparse:
            self._sparse.setdefault((block.college, block.branch), []).append(block)

    def _take_known(self, tickets: list[HallTicket]) -> None:
        """Prove the classes that known tickets are of, and what follows for their surroundings."""
        ends: dict[Block, tuple[int, int]] = {}
        for ticket in tickets:
            regular, lateral = ends.get(ticket.block, (0, 0))
            if ticket.lateral_entry:
                ends[ticket.block] = (regular, max(lateral, ticket.serial))
            else:
                ends[ticket.block] = (max(regular, ticket.serial), lateral)
            self._remember(ticket)
        for block, (regular, lateral) in ends.items():
            search = self._classes.get(block)
            # Of a cohort that sits backlogs alone, no more students turn up than are known.
            if search is not None and not search.sparse:
                search.prove(known_regular=regular, known_lateral=lateral)
                self._sweep(block, search)
            elif search is not None:
                del self._classes[block]
        for college, branch in {(block.college, block.branch) for block in ends}:
            self._spread(college, branch)

    def _found(self, ticket: HallTicket, search: ClassSearch) -> None:
        self._remember(ticket)
        if not search.exists:
            search.prove()
            self._spread(ticket.block.college, ticket.block.branch)
        if sweep := search.sweep_of(ticket.serial):
            sweep.found(ticket.serial)
        self._sweep(ticket.block, search)
        for sweep in search.sweeps():
            self._leap(ticket.block, sweep)

    def _failed(self, ticket: HallTicket, search: ClassSearch) -> None:
        if sweep := search.sweep_of(ticket.serial):
            sweep.failed(ticket.serial)
            self._sweep(ticket.block, search)
        elif not search.exists:
            self._ask(ticket.block, search.probe_failed())

    def _remember(self, ticket: HallTicket) -> None:
        """The longest class of a branch: how far the sparse ones may reach."""
        pair = (ticket.block.college, ticket.block.branch)
        if ticket.serial <= self._longest.get((*pair, ticket.lateral_entry), 0):
            return
        self._longest[*pair, ticket.lateral_entry] = ticket.serial
        for block in self._sparse.get(pair, ()):
            if (search := self._classes.get(block)) is not None:
                self._sweep(block, search)

    def _spread(self, college: str, branch: str) -> None:
        """A class speaks for the other years of its branch, and for its college."""
        for block, search in self._classes.items():
            if block.college != college or search.exists:
                continue
            if block.branch == branch:
                self._ask(block, search.raise_to(Likelihood.BRANCH_SEEN))
                if search.sparse and self._sparse_answers.get(block.admission_year, (0, 0))[1]:
                    self._prove_sparse(block, search)
            elif not search.sparse:
                self._ask(block, search.raise_to(Likelihood.COLLEGE_SEEN))

    def _count_sparse(self, year: int, *, found: bool) -> None:
        """The first student with backlogs speaks for all likely classes of an older cohort."""
        answers, students = self._sparse_answers.get(year, (0, 0))
        self._sparse_answers[year] = (answers + 1, students + found)
        if not found or students:
            return
        for block, search in self._classes.items():
            if block.admission_year == year and search.standing is Likelihood.BRANCH_SEEN:
                self._prove_sparse(block, search)

    def _prove_sparse(self, block: Block, search: ClassSearch) -> None:
        """So few of an older class sit that probes would miss it: it is swept unproven."""
        if not search.exists:
            search.prove()
            self._sweep(block, search)

    def _sweep(self, block: Block, search: ClassSearch) -> None:
        for sweep in search.sweeps():
            if search.sparse:
                self._widen(block, sweep)
            serials = list(sweep.advance())
            for serial in serials:
                if block.ticket(serial) in self._recorded:
                    sweep.missed(serial)
            self._ask(block, serials)

    def _widen(self, block: Block, sweep: Sweep) -> None:
        """Among few students a run of misses says little: it grows as they are fewer."""
        lateral = sweep.first >= FIRST_LATERAL_SERIAL
        asked, found = self._sparse_answers.get(block.admission_year, (0, 0))
        enough = RUN_PER_STUDENT * max(asked, 1) // max(found, 1)
        sweep.run = max(self._scope.stop_after_misses, min(LONGEST_RUN, enough))
        sweep.reach = self._longest.get((block.college, block.branch, lateral), 0)

    def _leap(self, block: Block, sweep: Sweep) -> None:
        serial = sweep.leap()
        if serial is not None:
            self._ask(block, [serial])

    def _ask(self, block: Block, serials: Iterable[int]) -> None:
        self._queues.add(self._queues.search, (block.ticket(serial) for serial in serials))


def explain_empty_plan(plan: TicketPlan, facts: ReleaseFacts) -> str | None:
    """Why a release of known tickets asked for none; None when it asked for some."""
    if plan.planned or plan.discovers:
        return None
    return (
        f"release {facts.key}: nothing was asked, because it is of backlogs or revaluation, where"
        " only known tickets are asked, and the lake knows none yet: fetch a main release first,"
        " or name tickets with --tickets"
    )
