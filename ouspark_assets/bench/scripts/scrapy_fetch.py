"""Fetches the pages of hall tickets with Scrapy; judges and keeps nothing.

Usage: `scrapy_fetch.py URL TICKETS CONNECTIONS`.
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
COUNTS = {"started": 0.0, "ended": 0.0, "pages": 0, "bytes": 0}
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
    """Requests every ticket once."""

    name = "results"

    async def start(self) -> AsyncIterator[scrapy.FormRequest]:
        """Yield one request per ticket."""
        COUNTS["started"] = time.perf_counter()
        for ticket in TICKETS:
            form = {"mbstatus": "SEARCH", "htno": ticket}
            yield scrapy.FormRequest(URL, formdata=form, dont_filter=True)

    def parse(self, response: scrapy.http.Response, **_: object) -> None:
        """Count the page."""
        COUNTS["pages"] += 1
        COUNTS["bytes"] += len(response.body)
        COUNTS["ended"] = time.perf_counter()


process = CrawlerProcess(SETTINGS)
process.crawl(Results)
process.start()
result = {
    "seconds": COUNTS["ended"] - COUNTS["started"],
    "pages": COUNTS["pages"],
    "bytes": COUNTS["bytes"],
}
sys.stdout.write(json.dumps(result) + "\n")
