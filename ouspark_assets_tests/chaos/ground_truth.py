"""What is true, by the world of the site: pages, and what students have by all that is published.

Frames of what ought to be, and how frames differ. What is compared is `always.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from ouspark_assets.domain.hall_tickets import mask_ticket
from ouspark_assets.schemas.table import Table
from ouspark_assets.standin.damage import damaged
from ouspark_assets.standin.result_pages import ReleasePages
from ouspark_assets.standin.truth import truth_of
from ouspark_assets.standin.world import World

PAGE = ["release", "hall_ticket"]
WAYS_OF_DAMAGE = 32
MOST_EXAMPLES = 3


@dataclass
class Truth:
    """The world's own knowledge, as tables of the pipeline's columns."""

    world: World
    _releases: int = 0
    _tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    _pages: dict[str, ReleasePages] = field(default_factory=dict)

    def table(self, name: str) -> pl.DataFrame:
        """One of the tables of the truth, of everything published by now."""
        if len(self.world.published) != self._releases:
            self._tables = truth_of(self.world)
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
        """Which students have a page in which release."""
        return pl.concat([self.table(it).select(PAGE) for it in ("attempts", "results")]).unique()

    def says(self, release: str, ticket: str, body: bytes) -> bool | None:
        """Whether a page is the site's: True for a whole one, None for a damaged one of its own."""
        page = self._of(release).answer(ticket)
        if body == page:
            return True
        ways = (damaged(page, way / WAYS_OF_DAMAGE) for way in range(WAYS_OF_DAMAGE))
        return None if body in ways else False

    def _of(self, release: str) -> ReleasePages:
        if release not in self._pages:
            (publication,) = (it for it in self.world.published if it.release.key == release)
            self._pages[release] = ReleasePages(self.world, publication)
        return self._pages[release]


def differences(
    what: str, found: pl.DataFrame, true: pl.DataFrame, columns: Sequence[str]
) -> Iterator[str]:
    """Rows that are there and should not be, and the other way round; examples are masked."""
    found = found.select(pl.col(name).cast(true.schema[name]) for name in columns)
    true = true.select(columns)
    for said, some, others in (("wrong", found, true), ("missing", true, found)):
        odd = some.join(others, on=columns, how="anti", nulls_equal=True)
        if odd.height:
            examples = [_shown(row) for row in odd.head(MOST_EXAMPLES).iter_rows(named=True)]
            yield f"{what}: {odd.height} rows are {said}, as {'; '.join(examples)}"


def differences_of(table: Table, found: pl.DataFrame, true: pl.DataFrame) -> Iterator[str]:
    """The same for a table of the pipeline, in the columns that the truth has too."""
    columns = [name for name in table.columns if name in true.columns]
    typed = true.select(pl.col(name).cast(table.dtypes[name]) for name in columns)
    yield from differences(table.qualified_name, found, typed, columns)


def _shown(row: dict[str, object]) -> str:
    hidden = {"name", "father_name"}
    shown = {
        name: mask_ticket(str(value)) if name == "hall_ticket" else value
        for name, value in row.items()
        if name not in hidden
    }
    return ", ".join(f"{name} {value}" for name, value in shown.items())
