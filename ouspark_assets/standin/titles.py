"""Free-text titles of releases, in the forms the university has used.

Only wording: months, roman and arabic lists, brackets. What a release is comes from `timetable.py`.
"""

from collections.abc import Callable, Sequence
from typing import Final

from ouspark_assets.standin.release_calendar import Kind, Release

ROMAN: Final = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII")
LONG_MONTHS: Final = (
    "", "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
SHORT_MONTHS: Final = (
    "",
    *(name[:4] if name == "September" else name[:3] for name in LONG_MONTHS[1:]),
)

CBCS, AICTE = "CBCS", "AICTE"


def title_of(release: Release) -> str:
    """The title of a release, as its index row and its page print it."""
    return _form_of(release)[1](release)


def scheme_of(release: Release) -> str:
    """The regulations the title names; of two, those of the regular students."""
    return _form_of(release)[0]


def _form_of(release: Release) -> tuple[str, Callable[[Release], str]]:
    forms = FORMS[release.kind]
    return forms[release.ordinal % len(forms)]


def _short(release: Release) -> str:
    return "/".join(SHORT_MONTHS[month] for month in release.months) + f"-{release.year}"


def _long(release: Release) -> str:
    return "/".join(LONG_MONTHS[month] for month in release.months) + f" {release.year}"


def _roman(semesters: Sequence[int], *, descending: bool = False) -> str:
    return ", ".join(ROMAN[s] for s in sorted(semesters, reverse=descending))


def _span(release: Release, dash: str) -> str:
    first, last = release.semesters[0], release.semesters[-1]
    return ROMAN[first] if first == last else f"{ROMAN[first]}{dash}{ROMAN[last]}"


def _aicte_main(release: Release) -> str:
    main = _roman(release.current_semesters, descending=True)
    text = f"B.E. (AICTE) {main} sem. (Main & Backlogs)"
    if release.backlog_semesters:
        text += f"; {_roman(release.backlog_semesters)} sem. (Backlogs) And Make-up"
    return f"{text} {_long(release)} Examination Results."


def _cbcs_main(release: Release) -> str:
    listed = ",".join(map(str, release.semesters))
    return f"BE(CBCS) ( {listed}) Sem Main & Backlogs {_short(release)} Results"


def _cbcs_long_main(release: Release) -> str:
    return (
        f"B.E. (CBCS) {_span(release, '-')} Semester (Regular & Backlog) {_long(release)} Results"
    )


def _aicte_and_cbcs(release: Release) -> str:
    months = "/".join(LONG_MONTHS[month][:3] for month in release.months)
    return f"BE AICTE (Regular & supply) CBCS (Backlog) {months} {release.year} examination results"


def _cbcs_supplementary(release: Release) -> str:
    listed = ",".join(map(str, release.semesters))
    return f"BE(CBCS) ({listed}) Sem Backlogs {_short(release)} Results"


def _plain_revaluation(release: Release) -> str:
    return f"B.E. (CBCS) (RV) {_short(release)}"


def _span_revaluation(release: Release) -> str:
    return f"B.E. {_span(release, '–')} Sem {_short(release)} (RV) CBCS Results"


def _worded_revaluation(release: Release) -> str:
    return f"BE (AICTE) {_roman(release.semesters)} Sem Revaluation {_long(release)} Results"


def _square_revaluation(release: Release) -> str:
    return f"B.E. (AICTE) [RV] {_long(release)} Results"


FORMS: Final[dict[Kind, tuple[tuple[str, Callable[[Release], str]], ...]]] = {
    Kind.MAIN: (
        (AICTE, _aicte_main),
        (CBCS, _cbcs_main),
        (CBCS, _cbcs_long_main),
    ),
    Kind.SUPPLEMENTARY: (
        (AICTE, _aicte_and_cbcs),
        (CBCS, _cbcs_supplementary),
    ),
    Kind.REVALUATION: (
        (AICTE, _square_revaluation),
        (CBCS, _plain_revaluation),
        (AICTE, _worded_revaluation),
        (CBCS, _span_revaluation),
    ),
}
