"""Scraping a release: what is requested of the results site, and what the request needs to know.

How the site is asked and how answers are archived is `sources/results_site/`.
"""

from ouspark_assets.sources.reference_files import branches, colleges
from ouspark_assets.sources.results_site.scrape_request import KnownCodes


def known_codes() -> KnownCodes:
    """Return the colleges and branches of the reference files, where students are looked for."""
    return KnownCodes(
        colleges=tuple(colleges()["college_code"]), branches=tuple(branches()["branch_code"])
    )
