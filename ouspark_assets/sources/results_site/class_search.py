"""The search for the students of one class (college, admission year, branch) by serial number.

A few serials are probed until the class proves to exist. Then its serials are swept in order until
a run of misses. A failure is never a miss. `ticket_plan.py` decides which classes there may be.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from ouspark_assets.domain.hall_tickets import FIRST_LATERAL_SERIAL

LAST_SERIAL = 999
# A section of this many students may be withheld as a whole. A site that answers every number with
# the same sentence must not make a search ask for all 999.
MAX_SECTION = 60
# Probes that found no result are replaced by this many others. All serials probed are without one
# only if the sentence is about the site, which must not be asked for a dozen serials per class.
MAX_REPLACED_PROBES = 2
# The serials to probe, in this order. The first serials of a class can be missing, one by one or
# several in a row, so the probes are spread. If up to five in a hundred serials are missing, the
# first two probes miss the class once in 5,000 times, the first four once in 10^7.
PROBES = (1, 7, 3, 13, 5, 21, 2, 10, 17, 4, 8, 6)


class Likelihood(IntEnum):
    """How likely a class exists; the value is the number of serials to probe before giving up."""

    UNLIKELY = 0
    POSSIBLE = 2
    COLLEGE_SEEN = 4
    BRANCH_SEEN = 5


# Classes that an earlier search of their cohort did not find get at most this many probes, and so
# do sparse classes (only students with backlogs sit) until a student of the cohort is found.
MAX_PROBES_WHEN_SEARCHED = 1
MAX_PROBES_WHEN_SPARSE = 3


@dataclass(slots=True)
class Sweep:
    """The serials from `first` to `last`, requested in order as long as students are found.

    No serial more than `run` beyond the last student found is requested, so that the end of a
    class costs exactly one run of misses. `reach` extends this as far as other classes of the
    branch go.
    """

    first: int
    last: int
    run: int
    found_up_to: int
    leaps: tuple[int, ...] = ()
    reach: int = 0
    requested_up_to: int = field(init=False)
    _pending: set[int] = field(init=False, default_factory=set)
    _failures: int = field(init=False, default=0)
    # Serials without a result since the last student found.
    _without_result: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.requested_up_to = self.first - 1

    def advance(self) -> Iterable[int]:
        """Return the serials that may be requested now, and count them as requested."""
        without_result = min(self._without_result, MAX_SECTION)
        horizon = self.found_up_to + self.run + self._failures + without_result
        horizon = max(horizon, self.reach)
        begin = self.requested_up_to + 1
        self.requested_up_to = min(max(self.requested_up_to, horizon), self.last)
        serials = range(begin, self.requested_up_to + 1)
        self._pending.update(serials)
        return serials

    def record_found(self, serial: int) -> None:
        """Record that a serial is a student's."""
        self._pending.discard(serial)
        if serial > self.found_up_to:
            self.found_up_to, self._without_result = serial, 0

    def record_no_result(self, serial: int) -> None:
        """Record that a serial has no result; up to a section, one more is requested for it."""
        self._pending.discard(serial)
        self._without_result += serial > self.found_up_to

    def record_miss(self, serial: int) -> None:
        """Record that the site knows no such serial."""
        self._pending.discard(serial)

    def record_failure(self, serial: int) -> None:
        """Record that a serial has no answer; one more is requested in its place."""
        self._pending.discard(serial)
        self._failures += serial > self.found_up_to

    def leap(self) -> int | None:
        """Return a serial far beyond a complete run of misses, in case of a longer gap."""
        if self._pending or not self.leaps:
            return None
        ahead, *rest = self.leaps
        self.leaps = tuple(rest)
        serial = self.found_up_to + ahead
        if not self.requested_up_to < serial <= self.last:
            return None
        self._pending.add(serial)
        return serial


@dataclass(slots=True)
class ClassSearch:
    """The state of the search for one class."""

    lateral: bool
    # Whether only students with backlogs sit, so that most serials miss.
    sparse: bool
    run: int
    searched_before: bool = False
    likelihood: Likelihood = Likelihood.UNLIKELY
    regular_sweep: Sweep | None = None
    lateral_sweep: Sweep | None = None
    _probed: int = 0

    @property
    def exists(self) -> bool:
        """Whether a student of the class is known."""
        return self.regular_sweep is not None

    def raise_likelihood(self, likelihood: Likelihood) -> Iterable[int]:
        """Raise the likelihood and return the serials to probe because of it."""
        if self.exists or likelihood <= self.likelihood:
            return ()
        self.likelihood = likelihood
        if self.searched_before:
            return self._probe_up_to(MAX_PROBES_WHEN_SEARCHED)
        if self.sparse:
            return self._probe_up_to(MAX_PROBES_WHEN_SPARSE)
        return self._probe_up_to(likelihood)

    def replace_failed_probe(self) -> Iterable[int]:
        """Return another serial to probe in place of one that has no answer."""
        return self._probe_up_to(self._probed + 1)

    def replace_probe_without_result(self) -> Iterable[int]:
        """Return another serial to probe in place of one that has no result, up to a limit."""
        return self._probe_up_to(min(self._probed + 1, self.likelihood + MAX_REPLACED_PROBES))

    def prove(self, *, known_regular: int = 0, known_lateral: int = 0) -> None:
        """Start to sweep a class that exists; the last known serials shorten the sweeps."""
        is_known = known_regular > 0
        run = max(2, self.run // 2) if is_known else self.run
        leaps = () if is_known or self.sparse else (2 * self.run, 4 * self.run)
        self.regular_sweep = Sweep(1, FIRST_LATERAL_SERIAL - 1, run, known_regular, leaps)
        if self.lateral:
            self.lateral_sweep = Sweep(
                FIRST_LATERAL_SERIAL,
                LAST_SERIAL,
                max(2, self.run // 2),
                max(FIRST_LATERAL_SERIAL - 1, known_lateral),
            )

    def sweep_of(self, serial: int) -> Sweep | None:
        """Return the sweep that a serial belongs to."""
        return self.lateral_sweep if serial >= FIRST_LATERAL_SERIAL else self.regular_sweep

    def sweeps(self) -> list[Sweep]:
        """Return the sweeps that have started."""
        return [sweep for sweep in (self.regular_sweep, self.lateral_sweep) if sweep is not None]

    def _probe_up_to(self, count: int) -> Iterable[int]:
        serials = list(PROBES[self._probed : count])
        self._probed = max(self._probed, min(count, len(PROBES)))
        if self.lateral and Likelihood.BRANCH_SEEN in range(count - len(serials) + 1, count + 1):
            serials.append(FIRST_LATERAL_SERIAL)
        return serials
