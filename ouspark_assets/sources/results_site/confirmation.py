"""Whether answers without a result are conclusive: first and repeated answers in, outcomes out.

A maintenance page is the site's own page too. So at the end of a run, `fetcher.py` requests such
tickets once more, in batches, each between two requests for a ticket that is known as found. An
answer counts only if it is repeated and both of those are found.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ouspark_assets.domain.hall_tickets import Block, HallTicket
from ouspark_assets.pages.sentences import hide_tickets
from ouspark_assets.sources.results_site.archive import ArchivedAnswer
from ouspark_assets.sources.results_site.outcomes import Cause, Outcome, ReleaseSentences

# Tickets between two requests for the known one: 2.5 s at the usual rate. An outage that begins and
# ends within this time goes unnoticed, if the same tickets had the same answer before.
MAX_BATCH = 100
# Above this share of a release the answers say something about the site, not about students.
MAX_SHARE = 0.25
# Such a release is held back as a whole: nothing tells a sentence about students from one about the
# site.
HOLDING_CAUSES = (Cause.NO_KNOWN_TICKET, Cause.TOO_MANY_WITHOUT_RESULT)
MAX_QUOTED = 5

Lines = tuple[str, ...]


class Confirmation:
    """The tickets of a run that were answered without a result."""

    def __init__(self, sentences: ReleaseSentences) -> None:
        self._sentences = sentences
        # The first answer of each ticket, without its page, and the lines of the page.
        self._first: dict[str, tuple[ArchivedAnswer, Lines]] = {}
        self._waiting: deque[str] = deque()
        self._batch: set[str] = set()
        self._repeated: dict[str, tuple[ArchivedAnswer, Lines]] = {}
        self._confirmed: dict[str, ArchivedAnswer] = {}
        # The sentences of the tickets that were not confirmed, without hall tickets.
        self.rejected: Counter[str] = Counter()

    def __len__(self) -> int:
        """Return how many tickets have no final outcome yet."""
        return len(self._first)

    def record(self, answer: ArchivedAnswer, lines: Lines) -> None:
        """Take an answer without a result: the first one of a ticket, or the repeated one."""
        ticket = answer.hall_ticket
        if ticket in self._batch:
            self._repeated[ticket] = (answer, lines)
        elif ticket not in self._first:
            self._first[ticket] = (replace(answer, body=None), lines)
            self._waiting.append(ticket)

    def discard(self, ticket: str) -> bool:
        """Drop a ticket that has another outcome, and return whether it was one of these."""
        self._batch.discard(ticket)
        return self._first.pop(ticket, None) is not None

    def take_batch(self) -> list[str]:
        """Return the next tickets to request again; empty when all were."""
        while self._waiting and len(self._batch) < MAX_BATCH:
            self._batch.add(self._waiting.popleft())
        return sorted(self._batch)

    def close_batch(self) -> Iterator[ArchivedAnswer]:
        """Confirm the batch, after a known ticket was found before and after it.

        Yields the tickets whose answer was another one than before as failed.
        """
        for ticket in self._batch & self._repeated.keys():
            (first, first_lines), (answer, lines) = self._first[ticket], self._repeated[ticket]
            sentence = self._sentences.find(lines)
            if sentence is not None and sentence == self._sentences.find(first_lines):
                attempts = first.attempts + answer.attempts
                self._confirmed[ticket] = replace(answer, cause=sentence, attempts=attempts)
            else:
                yield self._fail(ticket, Cause.ANSWER_CHANGED)
        self._batch.clear()
        self._repeated.clear()

    def settle(
        self, outcomes: Mapping[str, Outcome], cause: Cause = Cause.UNCONFIRMED
    ) -> Iterator[ArchivedAnswer]:
        """Yield the final outcome of every ticket; those not confirmed are failed with the cause.

        `outcomes` are those of all tickets of the release, with the ones to settle.
        """
        is_known = cause is not Cause.NO_KNOWN_TICKET
        is_too_much = is_known and share_without_result(outcomes) > MAX_SHARE
        for ticket in list(self._first):
            if is_too_much:
                yield self._fail(ticket, Cause.TOO_MANY_WITHOUT_RESULT)
            elif ticket in self._confirmed:
                self.discard(ticket)
                yield self._confirmed[ticket]
            else:
                yield self._fail(ticket, cause)

    def abandon(self) -> Iterator[ArchivedAnswer]:
        """Yield every ticket as failed, because the run ends before they are confirmed."""
        for ticket in list(self._first):
            yield self._fail(ticket, Cause.UNCONFIRMED)

    def _fail(self, ticket: str, cause: Cause) -> ArchivedAnswer:
        first, lines = self._first[ticket]
        self.rejected[hide_tickets(self._sentences.find(lines) or "")] += 1
        self.discard(ticket)
        return replace(first, outcome=Outcome.FAILED, cause=cause.value)


def explain_rejected(
    failed: Mapping[str, int], rejected: Mapping[str, int], share: float
) -> str | None:
    """Return why answers without a result do not count, by the causes of failed tickets."""
    reasons = {
        Cause.TOO_MANY_WITHOUT_RESULT: (
            f"these are {share:.0%} of the release, more than {MAX_SHARE:.0%}, so that the sentence"
            " may be about the site. The release is held back"
        ),
        Cause.NO_KNOWN_TICKET: (
            "no student of the release was found, so that the sentence may be about the site. The"
            " release is held back"
        ),
        Cause.UNCONFIRMED: "a hall ticket known as found was not found when they were confirmed",
        Cause.ANSWER_CHANGED: "the site gave another answer when they were requested again",
    }
    reason = next((text for cause, text in reasons.items() if failed.get(cause)), None)
    if reason is None:
        return None
    return (
        f"{sum(rejected.values())} hall tickets were answered without a result and count as"
        f" failed: {reason}, and the next run requests them again. The site said:"
        f" {quote_sentences(rejected)}. If a sentence means something else, give it an outcome in"
        " a file named by OUSPARK_SITE_SENTENCES."
    )


def quote_sentences(counts: Mapping[str, int]) -> str:
    """Return sentences with their counts, the most frequent ones first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [f'"{sentence}" ({count})' for sentence, count in ordered[:MAX_QUOTED]]
    return ", ".join(shown) + (", …" if len(ordered) > MAX_QUOTED else "")


def share_without_result(outcomes: Mapping[str, Outcome]) -> float:
    """Return the share of a release's hall tickets that are answered without a result.

    It is the larger one of two: that of all tickets, and that of the tickets in classes where
    students were found. Most requests of a search are for classes that don't exist: without the
    second share, a release in which every other student is affected would pass.
    """
    found = {_class_of(ticket) for ticket, outcome in outcomes.items() if outcome is Outcome.FOUND}
    all_counts = Counter(outcomes.values())
    class_counts = Counter(
        outcome for ticket, outcome in outcomes.items() if _class_of(ticket) in found
    )
    return max(
        counts[Outcome.NO_RESULT] / max(counts.total(), 1) for counts in (all_counts, class_counts)
    )


def _class_of(ticket: str) -> Block | None:
    parsed = HallTicket.parse(ticket)
    return parsed.block if parsed else None
