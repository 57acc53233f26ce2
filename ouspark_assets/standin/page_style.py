"""How pages differ from release to release: columns, spellings, carelessness in the markup.

Every release has one style, by its place in the sequence; a student's page differs in values only.
"""

from dataclasses import dataclass
from typing import Final

from ouspark_assets.standin.grading import ABSENT, GRADES, F


@dataclass(frozen=True, slots=True)
class PageStyle:
    """What is particular about the pages of a release."""

    points_column: bool = True
    letters_for_points: bool = False
    result_heading: str = "Result With SGPA"
    failed: str = "F"
    absent: str = "Ab"
    unclosed_table: bool = False
    blank_result_rows: int = 0
    repeats_rows: bool = False
    later_names: bool = False
    year_in_title: int = 2006

    def grade(self, grade: int) -> str:
        """A grade as these pages spell it."""
        return {F: self.failed, ABSENT: self.absent}.get(grade, GRADES[grade])


STYLES: Final = (
    PageStyle(),
    PageStyle(points_column=False, result_heading="Result with SGPA", year_in_title=2026),
    PageStyle(unclosed_table=True, absent="F AB"),
    PageStyle(letters_for_points=True, absent="AB", blank_result_rows=2, later_names=True),
    PageStyle(points_column=False, failed="FAIL", absent="AB", repeats_rows=True),
    PageStyle(result_heading="Result with SGPA", blank_result_rows=1, repeats_rows=True),
    PageStyle(points_column=False, later_names=True, year_in_title=2026),
    PageStyle(points_column=False, absent="AB", unclosed_table=True, later_names=True),
)


def style_of(ordinal: int) -> PageStyle:
    """The style of a release by its place in the sequence."""
    return STYLES[ordinal % len(STYLES)]
