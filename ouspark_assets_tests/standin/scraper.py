"""What the tests of the stand-in share: the size of the served population, and a page scraper.

The scraper works like public ones do: tables by id, cells by position under their heading.
"""

import re
from dataclasses import dataclass

from lxml import html

# The population that the tests look at, unless they need another.
STUDENTS, RELEASES, SEED = 900, 9, 7

BLANKS = re.compile(r"[\s\xa0]+")
SENTENCE = re.compile(r'The Hall Ticket Number "([^"]*)" (Is Not Found|Is No CHANGE)\.')


@dataclass(frozen=True)
class Scraped:
    """The content of a student's page."""

    details: dict[str, str]
    headings: list[str]
    marks: list[list[str]]
    results: list[list[str]]

    def column(self, heading: str) -> list[str]:
        return [row[self.headings.index(heading)] for row in self.marks]


def text_of(cell: html.HtmlElement) -> str:
    return BLANKS.sub(" ", cell.text_content()).strip()


def rows_of(page: html.HtmlElement, table: str) -> list[list[str]]:
    rows = page.xpath(f'//table[@id="{table}"]/tr | //table[@id="{table}"]/tbody/tr')
    return [[text_of(cell) for cell in row.xpath("./td")] for row in rows]


def scrape(body: bytes) -> Scraped | None:
    page = html.fromstring(body.decode("cp1252"))
    if not page.xpath('//table[@id="AutoNumber3"]'):
        return None
    personal = rows_of(page, "AutoNumber3")[1:4]
    details = {row[at]: row[at + 1] for row in personal for at in (0, 2)}
    _, headings, *marks = rows_of(page, "AutoNumber4")
    results = [row for row in rows_of(page, "AutoNumber5")[2:] if row[0]]
    return Scraped(details, headings, marks, results)
