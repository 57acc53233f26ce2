"""Fetches the pages of hall tickets with `requests` in threads, and does nothing else.

Usage: `requests_fetch.py URL TICKETS THREADS`.
"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

URL, TICKETS, THREADS = sys.argv[1], Path(sys.argv[2]).read_text().split(), int(sys.argv[3])
LOCAL = threading.local()


def fetch(ticket: str) -> int:
    """Return the size of one page, fetched over this thread's connection."""
    if not hasattr(LOCAL, "session"):
        LOCAL.session = requests.Session()
        LOCAL.session.trust_env = False
    form = {"mbstatus": "SEARCH", "htno": ticket}
    return len(LOCAL.session.post(URL, data=form, timeout=60).content)


started = time.perf_counter()
with ThreadPoolExecutor(THREADS) as threads:
    sizes = list(threads.map(fetch, TICKETS))
seconds = time.perf_counter() - started
result = {"seconds": seconds, "pages": len(sizes), "bytes": sum(sizes)}
sys.stdout.write(json.dumps(result) + "\n")
