"""Scraping a release: what is requested of the results site, and what the request needs to know.

How the site is asked and how answers are archived is `sources/results_site/`.
"""

from ouspark_assets.sources.reference_files import read_branches, read_colleges
from ouspark_assets.sources.results_site.scrape_request import KnownCodes


def known_codes() -> KnownCodes:
    """Return the colleges and branches of the reference files, where students are looked for."""
    return KnownCodes(
        colleges=tuple(read_colleges()["college_code"]),
        branches=tuple(read_branches()["branch_code"]),
    )
