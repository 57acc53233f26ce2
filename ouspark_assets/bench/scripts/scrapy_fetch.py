"""Scrapy asking a results page for hall tickets: fetching alone, nothing judged, nothing kept.

`scrapy_fetch.py URL TICKETS CONNECTIONS` prints one line of JSON. Uses nothing of the project.
"""

import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import scrapy  # type: ignore[import-not-found, unused-ignore]
from scrapy.crawler import (  # type: ignore[import-not-found, unused-ignore]
    CrawlerProcess,
)

URL, TICKETS, CONNECTIONS = sys.argv[1], Path(sys.argv[2]).read_text().split(), int(sys.argv[3])
BUSY = {"began": 0.0, "ended": 0.0, "pages": 0, "bytes": 0}
SETTINGS: dict[str, Any] = {
    "CONCURRENT_REQUESTS": CONNECTIONS,
    "CONCURRENT_REQUESTS_PER_DOMAIN": CONNECTIONS,
    "DOWNLOAD_DELAY": 0,
    "LOG_ENABLED": False,
    "TELNETCONSOLE_ENABLED": False,
    "COOKIES_ENABLED": False,
    "ROBOTSTXT_OBEY": False,
    "RETRY_ENABLED": False,
    "AUTOTHROTTLE_ENABLED": False,
    "HTTPERROR_ALLOW_ALL": True,
}


class Results(scrapy.Spider):  # type: ignore[misc, unused-ignore]
    """Asks for every ticket once."""

    name = "results"

    async def start(self) -> AsyncIterator[scrapy.FormRequest]:
        """A request per ticket."""
        BUSY["began"] = time.perf_counter()
        for ticket in TICKETS:
            form = {"mbstatus": "SEARCH", "htno": ticket}
            yield scrapy.FormRequest(URL, formdata=form, dont_filter=True)

    def parse(self, response: scrapy.http.Response, **_: object) -> None:
        """Count the page."""
        BUSY["pages"] += 1
        BUSY["bytes"] += len(response.body)
        BUSY["ended"] = time.perf_counter()


process = CrawlerProcess(SETTINGS)
process.crawl(Results)
process.start()
said = {
    "seconds": BUSY["ended"] - BUSY["began"],
    "pages": BUSY["pages"],
    "bytes": BUSY["bytes"],
}
sys.stdout.write(json.dumps(said) + "\n")
