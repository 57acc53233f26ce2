"""The publications that contain a student, or the reason why the student is in no table.

Pure: facts in, one sentence out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ouspark_assets.sources.results_site.outcomes import Outcome


@dataclass(frozen=True)
class PublishedVersion:
    """A publication, and the development database and version that it was made from."""

    number: int
    database: str
    version: int
    restores: int | None


@dataclass(frozen=True)
class StudentPublication:
    """The newest publication, and the first one with the student's present data."""

    publication: int | None
    since: int | None
    sentence: str


def find_in_production(
    newest_first: Sequence[PublishedVersion], database: str, version: int
) -> StudentPublication:
    """Return which publications have the student as development does.

    `version` is the version of development in which the student was last changed.
    """
    if not newest_first:
        return StudentPublication(None, None, "nothing has been published yet")
    newest = newest_first[0]
    if newest.restores is not None:
        sentence = (
            f"publication {newest.number} rolled back to publication {newest.restores}, so "
            "readers have the data of that publication"
        )
        return StudentPublication(newest.number, None, sentence)
    if newest.database != database or newest.version < version:
        sentence = (
            f"not published yet as shown here: publication {newest.number} is older, the next "
            "run publishes it"
        )
        return StudentPublication(newest.number, None, sentence)
    since = newest.number
    for publication in newest_first:
        if publication.database != database or publication.version < version:
            break
        since = publication.number
    unchanged = "" if since == newest.number else f", unchanged since publication {since}"
    return StudentPublication(newest.number, since, f"publication {newest.number}{unchanged}")


def explain_absence(
    ticket: str,
    answers: Mapping[str, str],
    *,
    forgotten: bool,
    sentences: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return why a hall ticket is in no table, given the outcomes in the lake by release.

    `sentences` are what the site says instead of a result, by release.
    """
    if forgotten:
        return f"{ticket} was forgotten: its data was removed and it is not requested again."
    if not answers:
        return (
            f"{ticket} is unknown and was never requested. Request it with "
            "`ouspark run --release KEY --tickets FILE`."
        )
    releases = {
        outcome: ", ".join(release for release, found in answers.items() if found == outcome)
        for outcome in Outcome
    }
    if releases[Outcome.FOUND]:
        return (
            f"{ticket} is in no table, although the lake has a page of it "
            f"({releases[Outcome.FOUND]}). It is not loaded yet, or in quarantine: see "
            "`ouspark quarantine list`, or run again."
        )
    if releases[Outcome.FAILED]:
        return (
            f"{ticket} is unknown: the site failed to answer ({releases[Outcome.FAILED]}). The "
            "next run requests it again."
        )
    if sentences:
        said = "; ".join(f'{release}: "{sentence}"' for release, sentence in sentences.items())
        return (
            f"{ticket} has no result: the site says something else instead ({said}). Within 90 days"
            " of the publication, `ouspark run --release KEY --recheck` requests it again."
        )
    return (
        f"{ticket} is unknown: the site has no result of this hall ticket in the releases "
        f"requested ({', '.join(answers)})."
    )
