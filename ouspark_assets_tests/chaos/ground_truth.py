"""The ground truth: the pages and the students' results according to the world of the site.

Frames with the expected rows, and their comparison; what is compared is in `invariants`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from ouspark_assets.domain.hall_tickets import mask_ticket
from ouspark_assets.schemas.table import Table
from ouspark_assets.standin.fault_injection import damage_page
from ouspark_assets.standin.result_pages import ReleasePages
from ouspark_assets.standin.truth import compute_truth
from ouspark_assets.standin.world import World

PAGE = ["release", "hall_ticket"]
DAMAGE_LEVELS = 32
MAX_EXAMPLES = 3


@dataclass
class GroundTruth:
    """The results in the world, as tables with the pipeline's columns."""

    world: World
    _releases: int = 0
    _tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    _pages: dict[str, ReleasePages] = field(default_factory=dict)

    def table(self, name: str) -> pl.DataFrame:
        """Return a table of the truth, with all releases published so far."""
        if len(self.world.published) != self._releases:
            self._tables = compute_truth(self.world)
            self._releases = len(self.world.published)
            results = self._tables["results"]
            self._tables["results"] = results.rename(
                {"sgpa": "sgpa_printed", "cgpa": "cgpa_printed"}
            )
            single_blanks = pl.col("name", "father_name").str.replace_all(r"\s+", " ")
            self._tables["students"] = self._tables["students"].with_columns(single_blanks)
        return self._tables[name]

    @property
    def pages(self) -> pl.DataFrame:
        """The release and hall ticket of every page."""
        return pl.concat(
            [self.table(name).select(PAGE) for name in ("attempts", "results")]
        ).unique()

    def is_whole_page(self, release: str, ticket: str, body: bytes) -> bool | None:
        """Return whether a page is one of the site; None if the site damaged it itself."""
        page = self._release_pages(release).answer(ticket)
        if body == page:
            return True
        variants = (damage_page(page, level / DAMAGE_LEVELS) for level in range(DAMAGE_LEVELS))
        return None if body in variants else False

    def _release_pages(self, release: str) -> ReleasePages:
        if release not in self._pages:
            (publication,) = (each for each in self.world.published if each.release.key == release)
            self._pages[release] = ReleasePages(self.world, publication)
        return self._pages[release]


def compare_frames(
    what: str, found: pl.DataFrame, expected: pl.DataFrame, columns: Sequence[str]
) -> Iterator[str]:
    """Yield how many rows are wrong or missing, with masked examples."""
    found = found.select(pl.col(name).cast(expected.schema[name]) for name in columns)
    expected = expected.select(columns)
    for verdict, rows, others in (("wrong", found, expected), ("missing", expected, found)):
        different = rows.join(others, on=columns, how="anti", nulls_equal=True)
        if different.height:
            examples = different.head(MAX_EXAMPLES).iter_rows(named=True)
            shown = "; ".join(map(_mask_row, examples))
            yield f"{what}: {different.height} rows are {verdict}, e.g. {shown}"


def compare_table(table: Table, found: pl.DataFrame, expected: pl.DataFrame) -> Iterator[str]:
    """Compare a table of the pipeline in the columns that the ground truth also has."""
    columns = [name for name in table.columns if name in expected.columns]
    typed = expected.select(pl.col(name).cast(table.dtypes[name]) for name in columns)
    yield from compare_frames(table.qualified_name, found, typed, columns)


def _mask_row(row: dict[str, object]) -> str:
    shown = {
        name: mask_ticket(str(value)) if name == "hall_ticket" else value
        for name, value in row.items()
        if name not in ("name", "father_name")
    }
    return ", ".join(f"{name} {value}" for name, value in shown.items())
