"""Where a student is to be found: in which publication, or why in no table at all.

Pure: facts in, one sentence out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ouspark_assets.sources.results_site.outcomes import Outcome


@dataclass(frozen=True)
class PublishedState:
    """A publication: of which development database, after which of its changes."""

    number: int
    database: str
    version: int
    restores: int | None


@dataclass(frozen=True)
class InProduction:
    """The publication that readers have, and since which one it tells this story."""

    publication: int | None
    since: int | None
    sentence: str


def in_production(
    newest_first: Sequence[PublishedState], database: str, version: int
) -> InProduction:
    """Whether readers have the student as development does: the last change has this version."""
    if not newest_first:
        return InProduction(None, None, "nothing is published yet")
    newest = newest_first[0]
    if newest.restores is not None:
        back = f"publication {newest.number} brought publication {newest.restores} back"
        return InProduction(newest.number, None, f"{back}: readers have the state of then")
    if newest.database != database or newest.version < version:
        stands = f"not yet as told here: publication {newest.number} is older than this"
        return InProduction(newest.number, None, f"{stands}, the next run publishes it")
    since = newest.number
    for publication in newest_first:
        if publication.database != database or publication.version < version:
            break
        since = publication.number
    unchanged = "" if since == newest.number else f", unchanged since publication {since}"
    return InProduction(newest.number, since, f"publication {newest.number}{unchanged}")


def not_in_tables(ticket: str, answers: Mapping[str, str], *, forgotten: bool) -> str:
    """Why there is no such student: what the lake knows of the ticket, by release."""
    if forgotten:
        return f"{ticket} was forgotten; nothing is kept of it and it is not asked for again."
    if not answers:
        return (
            f"{ticket} is not known, and was never asked for: ask for it with "
            "`ouspark run --release KEY --tickets FILE`."
        )
    said = {outcome: [key for key, it in answers.items() if it == outcome] for outcome in Outcome}
    if found := said[Outcome.FOUND]:
        return (
            f"{ticket} is in no table, though the lake has a page of it ({', '.join(found)}): it "
            "is not loaded yet, or in quarantine; see `ouspark quarantine list` or run again."
        )
    if failed := said[Outcome.FAILED]:
        return (
            f"{ticket} is not known yet: the site failed to answer ({', '.join(failed)}); the "
            "next run asks again."
        )
    asked = ", ".join(answers)
    return f"{ticket} is not known: the site has no result of it in the releases asked ({asked})."
