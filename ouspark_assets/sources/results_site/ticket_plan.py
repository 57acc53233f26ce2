"""The plan of a scrape: which hall tickets to request, in which order.

The plan grows with the outcomes recorded. Tickets out, outcomes in, without I/O: `fetcher.py`
requests the tickets, `class_search.py` searches one class, and `release_facts.py` says which
cohorts a release covers.
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

# The requests for a usual class: its students, and a run of misses at either end.
REQUESTS_PER_CLASS = 60
# If one serial in n is found, the sweep of a class ends after n times this many misses in a row.
MISSES_PER_STUDENT = 6
MAX_RUN_OF_MISSES = 40
# Outcomes that don't say whether a hall ticket is a student's.
UNDECIDED = (Outcome.FAILED, Outcome.NO_RESULT)


@dataclass(frozen=True, slots=True)
class SearchScope:
    """Where to look for unknown tickets; `discover` off means that only known ones are requested.

    With `discover` None, the kind of release decides.
    """

    colleges: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    admission_years: tuple[int, ...] = ()
    stop_after_misses: int = field(kw_only=True)
    discover: bool | None = None

    def fingerprint(self) -> str:
        """Return a digest that changes when there is more or less to look for."""
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
    """A ticket found in an earlier release; `settled` if its last page left nothing open."""

    ticket: str
    settled: bool = False
    releases: tuple[str, ...] = ()


@dataclass(slots=True)
class _TicketQueue:
    """The tickets to request: those that failed before, then known ones, then the search's."""

    failed: deque[str] = field(default_factory=deque)
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
        for queue in (self.failed, self.known, self.search):
            while queue and len(taken) < count:
                taken.append(queue.popleft())
        return taken

    def __len__(self) -> int:
        return len(self.failed) + len(self.known) + len(self.search)


class TicketPlan:
    """The hall tickets of one release, as far as they are known by now."""

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
        """Plan a release: tickets that failed before, known tickets, then a search for more.

        `searched_before` are the admission years that an earlier release was searched for.
        """
        self._facts = facts
        self._forgotten = forgotten
        self._scope = scope
        self._queue = _TicketQueue()
        self._classes: dict[Block, ClassSearch] = {}
        # By college, branch and whether it is a serial of lateral entry.
        self._highest_serials: dict[tuple[str, str, bool], int] = {}
        self._sparse: dict[tuple[str, str], list[Block]] = {}
        self._recorded: dict[str, Outcome] = {}
        self._searched_before = frozenset(searched_before)
        # Per cohort of which only students with backlogs sit: answers received, students found.
        self._sparse_answers: dict[int, tuple[int, int]] = {}
        self.years: tuple[int, ...] = ()
        self._queue.add(self._queue.failed, failed_before)
        self._queue.add(self._queue.known, self._plausible(known))
        self.discovers = not facts.known_only if scope.discover is None else scope.discover
        if self.discovers:
            self._lay_out_classes(known)
        # The requests that are needed whatever the answers are.
        self.certain = len(self._queue)

    @classmethod
    def of_tickets(
        cls, facts: ReleaseFacts, tickets: Iterable[str], forgotten: Container[str] = ()
    ) -> "TicketPlan":
        """Return a plan of exactly these tickets."""
        nothing = SearchScope(discover=False, stop_after_misses=0)
        return cls(facts, nothing, failed_before=tickets, forgotten=forgotten)

    def next_tickets(self, count: int) -> list[str]:
        """Return the next tickets, at most `count`; empty when outcomes must come first."""
        taken: list[str] = []
        while len(taken) < count and (more := self._queue.take(count - len(taken))):
            for ticket in more:
                if ticket in self._forgotten:
                    # It is never requested again, and must not make its class look shorter.
                    self.record(ticket, Outcome.FOUND)
                else:
                    taken.append(ticket)
        return taken

    def record(self, ticket: str, outcome: Outcome) -> None:
        """Record the outcome of a ticket, which may bring further tickets.

        Only an answer without a result may be followed by another outcome.
        """
        parsed = HallTicket.parse(ticket)
        before = self._recorded.get(ticket)
        if parsed is None or before not in (None, Outcome.NO_RESULT) or before is outcome:
            return
        self._recorded[ticket] = outcome
        search = self._classes.get(parsed.block)
        if search is None or (before is not None and outcome is Outcome.FAILED):
            return
        if search.sparse and outcome not in UNDECIDED:
            self._count_sparse(parsed.block.admission_year, found=outcome is Outcome.FOUND)
        if outcome is Outcome.FOUND:
            self._record_found(parsed, search)
        elif outcome is Outcome.FAILED:
            self._record_failure(parsed, search)
        elif outcome is Outcome.NO_RESULT:
            self._record_no_result(parsed, search)
        elif sweep := search.sweep_of(parsed.serial):
            sweep.record_miss(parsed.serial)
            self._leap(parsed.block, sweep)

    @property
    def planned(self) -> int:
        """Tickets handed out or waiting so far."""
        return len(self._queue.seen)

    @property
    def waiting(self) -> int:
        """Tickets that can be requested now."""
        return len(self._queue)

    def likely_requests(self) -> int:
        """Return how many requests the plan will need, as far as is known before the first one."""
        cohorts = sum(self._facts.is_full(year) for year in self.years)
        existing = [block for block, search in self._classes.items() if search.exists]
        pairs = {(block.college, block.branch) for block in existing}
        unseen = max(0, len(pairs) * cohorts - len(existing))
        return self.certain + unseen * REQUESTS_PER_CLASS

    # The classes to search

    def _plausible(self, known: Sequence[KnownTicket]) -> list[str]:
        """Return the known tickets that may be in this release, those of `revises` first."""
        facts = self._facts
        parsed = [(HallTicket.parse(seen.ticket), seen) for seen in known]
        plausible = [
            seen
            for ticket, seen in parsed
            if ticket and facts.may_appear(ticket.block.admission_year, settled=seen.settled)
        ]
        plausible.sort(key=lambda seen: (facts.revises not in seen.releases, seen.ticket))
        return [seen.ticket for seen in plausible]

    def _lay_out_classes(self, known: Sequence[KnownTicket]) -> None:
        """Create a search for every class that may exist, with what known tickets say about it."""
        tickets = [ticket for seen in known if (ticket := HallTicket.parse(seen.ticket))]
        colleges = dict.fromkeys([*self._scope.colleges, *(t.block.college for t in tickets)])
        branches = dict.fromkeys([*self._scope.branches, *(t.block.branch for t in tickets)])
        admitted = {ticket.block.admission_year for ticket in tickets}
        self.years = self._scope.admission_years or tuple(self._facts.cohorts(admitted))
        for year in self.years:
            sparse = not self._facts.is_full(year)
            for college in colleges:
                for branch in branches:
                    block = Block(college, year, branch)
                    self._classes[block] = ClassSearch(
                        lateral=self._facts.has_lateral(year),
                        sparse=sparse,
                        run=self._scope.stop_after_misses,
                        searched_before=year in self._searched_before and not sparse,
                    )
                    if sparse:
                        self._sparse.setdefault((college, branch), []).append(block)
        self._prove_known_classes(tickets)
        for block, search in self._classes.items():
            if not search.sparse:
                self._add(block, search.raise_likelihood(Likelihood.POSSIBLE))

    def _prove_known_classes(self, tickets: list[HallTicket]) -> None:
        """Start the sweeps of the classes that known tickets belong to."""
        last_serials: dict[Block, tuple[int, int]] = {}
        for ticket in tickets:
            regular, lateral = last_serials.get(ticket.block, (0, 0))
            if ticket.lateral_entry:
                last_serials[ticket.block] = (regular, max(lateral, ticket.serial))
            else:
                last_serials[ticket.block] = (max(regular, ticket.serial), lateral)
            self._note_highest_serial(ticket)
        for block, (regular, lateral) in last_serials.items():
            search = self._classes.get(block)
            if search is not None and not search.sparse:
                search.prove(known_regular=regular, known_lateral=lateral)
                self._advance(block, search)
            elif search is not None:
                # Only students with backlogs sit, and those of this class are known: no search.
                del self._classes[block]
        for college, branch in {(block.college, block.branch) for block in last_serials}:
            self._raise_related_classes(college, branch)

    # Effects of an outcome

    def _record_found(self, ticket: HallTicket, search: ClassSearch) -> None:
        self._note_highest_serial(ticket)
        if not search.exists:
            search.prove()
            self._raise_related_classes(ticket.block.college, ticket.block.branch)
        if sweep := search.sweep_of(ticket.serial):
            sweep.record_found(ticket.serial)
        self._advance(ticket.block, search)
        for sweep in search.sweeps():
            self._leap(ticket.block, sweep)

    def _record_failure(self, ticket: HallTicket, search: ClassSearch) -> None:
        if sweep := search.sweep_of(ticket.serial):
            sweep.record_failure(ticket.serial)
            self._advance(ticket.block, search)
        elif not search.exists:
            self._add(ticket.block, search.replace_failed_probe())

    def _record_no_result(self, ticket: HallTicket, search: ClassSearch) -> None:
        """Request another serial as well: the ticket may be a student's, and so may the next."""
        if sweep := search.sweep_of(ticket.serial):
            sweep.record_no_result(ticket.serial)
            self._advance(ticket.block, search)
            self._leap(ticket.block, sweep)
        elif not search.exists:
            self._add(ticket.block, search.replace_probe_without_result())

    def _note_highest_serial(self, ticket: HallTicket) -> None:
        """Extend the sparse classes of a branch as far as its longest class goes."""
        pair = (ticket.block.college, ticket.block.branch)
        if ticket.serial <= self._highest_serials.get((*pair, ticket.lateral_entry), 0):
            return
        self._highest_serials[*pair, ticket.lateral_entry] = ticket.serial
        for block in self._sparse.get(pair, ()):
            if (search := self._classes.get(block)) is not None:
                self._advance(block, search)

    def _raise_related_classes(self, college: str, branch: str) -> None:
        """Raise the likelihood of the branch's other years and of the college's other branches."""
        for block, search in self._classes.items():
            if block.college != college or search.exists:
                continue
            if block.branch == branch:
                self._add(block, search.raise_likelihood(Likelihood.BRANCH_SEEN))
                if search.sparse and self._sparse_answers.get(block.admission_year, (0, 0))[1]:
                    self._prove_sparse(block, search)
            elif not search.sparse:
                self._add(block, search.raise_likelihood(Likelihood.COLLEGE_SEEN))

    def _count_sparse(self, year: int, *, found: bool) -> None:
        """Count an answer; the first student of a sparse cohort proves all its likely classes."""
        answers, students = self._sparse_answers.get(year, (0, 0))
        self._sparse_answers[year] = (answers + 1, students + found)
        if not found or students:
            return
        for block, search in self._classes.items():
            if block.admission_year == year and search.likelihood is Likelihood.BRANCH_SEEN:
                self._prove_sparse(block, search)

    def _prove_sparse(self, block: Block, search: ClassSearch) -> None:
        """Sweep a sparse class without proof: so few students sit that probes would miss it."""
        if not search.exists:
            search.prove()
            self._advance(block, search)

    def _advance(self, block: Block, search: ClassSearch) -> None:
        for sweep in search.sweeps():
            if search.sparse:
                self._widen(block, sweep)
            serials = list(sweep.advance())
            for serial in serials:
                if block.ticket(serial) in self._recorded:
                    sweep.record_miss(serial)
            self._add(block, serials)

    def _widen(self, block: Block, sweep: Sweep) -> None:
        """Lengthen the run of misses that ends a sparse class: the fewer students, the longer."""
        lateral = sweep.first >= FIRST_LATERAL_SERIAL
        answers, students = self._sparse_answers.get(block.admission_year, (0, 0))
        run = MISSES_PER_STUDENT * max(answers, 1) // max(students, 1)
        sweep.run = max(self._scope.stop_after_misses, min(MAX_RUN_OF_MISSES, run))
        sweep.reach = self._highest_serials.get((block.college, block.branch, lateral), 0)

    def _leap(self, block: Block, sweep: Sweep) -> None:
        serial = sweep.leap()
        if serial is not None:
            self._add(block, [serial])

    def _add(self, block: Block, serials: Iterable[int]) -> None:
        self._queue.add(self._queue.search, (block.ticket(serial) for serial in serials))


def explain_empty_plan(plan: TicketPlan) -> str | None:
    """Return why a release of known tickets has none to request; None if it has some."""
    if plan.planned or plan.discovers:
        return None
    return (
        "no hall ticket was requested, because this release is of backlogs or revaluation, where"
        " only known tickets are requested, and the lake knows none yet. Fetch a main release"
        " first, or name the tickets with --tickets."
    )
