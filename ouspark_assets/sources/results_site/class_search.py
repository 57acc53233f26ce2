"""One class (college, admission year, branch) while its students are being looked for.

Serial numbers only: a class is probed until it proves to exist, then its serials are swept until a
run of misses. A failure is never a miss. Which classes there may be is `plan.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from ouspark_assets.domain.hall_tickets import FIRST_LATERAL_SERIAL

LAST_SERIAL = 999
# First serials can be missing, one by one or several in a row: probes are spread, and grow in
# number as more is known of the class's surroundings. With gaps of up to five before two serials
# of a hundred, the first two probes miss a class once in 5,000, four of them once in 10^7.
PROBES = (1, 7, 3, 13, 5, 21, 2, 10, 17, 4, 8, 6)


class Likelihood(IntEnum):
    """What speaks for a class: how many serials are probed before it is given up."""

    UNLIKELY = 0
    POSSIBLE = 2
    COLLEGE_SEEN = 4
    BRANCH_SEEN = 5


# Classes that an earlier search of their cohort did not find, and those of a cohort that sits
# backlogs alone until one of it is found, are worth no more than this.
MOST_WHEN_SEARCHED = 1
MOST_WHEN_SPARSE = 3


@dataclass(slots=True)
class Sweep:
    """Serials from `first` to `last`, asked in order as long as students turn up.

    No serial further than `run` beyond the last student found is ever asked, so that a class
    costs exactly one run of misses; `reach` lets other classes of the branch extend that.
    """

    first: int
    last: int
    run: int
    found_up_to: int
    leaps: tuple[int, ...] = ()
    reach: int = 0
    asked_up_to: int = field(init=False)
    _pending: set[int] = field(init=False, default_factory=set)
    _lost: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Nothing is asked yet."""
        self.asked_up_to = self.first - 1

    def advance(self) -> Iterable[int]:
        """The serials that may now be asked."""
        horizon = max(self.found_up_to + self.run + self._lost, self.reach)
        begin, self.asked_up_to = self.asked_up_to + 1, max(self.asked_up_to, horizon)
        self.asked_up_to = min(self.asked_up_to, self.last)
        serials = range(begin, self.asked_up_to + 1)
        self._pending.update(serials)
        return serials

    def found(self, serial: int) -> None:
        """A student turned up."""
        self._pending.discard(serial)
        self.found_up_to = max(self.found_up_to, serial)

    def missed(self, serial: int) -> None:
        """The site knows no such ticket."""
        self._pending.discard(serial)

    def failed(self, serial: int) -> None:
        """The site did not say: one more serial is asked in its place."""
        self._pending.discard(serial)
        self._lost += serial > self.found_up_to

    def leap(self) -> int | None:
        """A serial far beyond, once the run of misses is complete: there may be a longer gap."""
        if self._pending or not self.leaps:
            return None
        ahead, *rest = self.leaps
        self.leaps = tuple(rest)
        serial = self.found_up_to + ahead
        if not self.asked_up_to < serial <= self.last:
            return None
        self._pending.add(serial)
        return serial


@dataclass(slots=True)
class ClassSearch:
    """The search for the students of one class."""

    lateral: bool
    sparse: bool
    run: int
    searched_before: bool = False
    standing: Likelihood = Likelihood.UNLIKELY
    regular_sweep: Sweep | None = None
    lateral_sweep: Sweep | None = None
    _probed: int = 0

    @property
    def exists(self) -> bool:
        """Whether a student of the class is known."""
        return self.regular_sweep is not None

    def raise_to(self, standing: Likelihood) -> Iterable[int]:
        """Take a better standing; the serials that it lets be probed."""
        if self.exists or standing <= self.standing:
            return ()
        self.standing = standing
        if self.searched_before:
            return self._probe_up_to(MOST_WHEN_SEARCHED)
        if self.sparse:
            return self._probe_up_to(MOST_WHEN_SPARSE)
        return self._probe_up_to(standing)

    def probe_failed(self) -> Iterable[int]:
        """A probe got no answer: another takes its place."""
        return self._probe_up_to(self._probed + 1)

    def prove(self, *, known_regular: int = 0, known_lateral: int = 0) -> None:
        """The class exists; serials that are known of it shorten what is left to look for."""
        known = known_regular > 0
        run = max(2, self.run // 2) if known else self.run
        far = () if known or self.sparse else (2 * self.run, 4 * self.run)
        self.regular_sweep = Sweep(1, FIRST_LATERAL_SERIAL - 1, run, known_regular, far)
        if self.lateral:
            before = FIRST_LATERAL_SERIAL - 1
            run = max(2, self.run // 2)
            self.lateral_sweep = Sweep(
                FIRST_LATERAL_SERIAL, LAST_SERIAL, run, max(before, known_lateral)
            )

    def sweep_of(self, serial: int) -> Sweep | None:
        """The sweep that a serial belongs to."""
        return self.lateral_sweep if serial >= FIRST_LATERAL_SERIAL else self.regular_sweep

    def sweeps(self) -> list[Sweep]:
        """The sweeps under way."""
        return [sweep for sweep in (self.regular_sweep, self.lateral_sweep) if sweep is not None]

    def _probe_up_to(self, count: int) -> Iterable[int]:
        serials = list(PROBES[self._probed : count])
        self._probed = max(self._probed, min(count, len(PROBES)))
        if self.lateral and Likelihood.BRANCH_SEEN in range(count - len(serials) + 1, count + 1):
            serials.append(FIRST_LATERAL_SERIAL)
        return serials
