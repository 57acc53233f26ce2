"""`requests` in threads asking a results page for hall tickets: fetching alone.

`requests_fetch.py URL TICKETS THREADS` prints one line of JSON. Uses nothing of the project.
"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

URL, TICKETS, THREADS = sys.argv[1], Path(sys.argv[2]).read_text().split(), int(sys.argv[3])
OWN = threading.local()


def fetch(ticket: str) -> int:
    """The bytes of one page, over the connection of this thread."""
    if not hasattr(OWN, "session"):
        OWN.session = requests.Session()
        OWN.session.trust_env = False
    form = {"mbstatus": "SEARCH", "htno": ticket}
    return len(OWN.session.post(URL, data=form, timeout=60).content)


began = time.perf_counter()
with ThreadPoolExecutor(THREADS) as threads:
    sizes = list(threads.map(fetch, TICKETS))
seconds = time.perf_counter() - began
said = {"seconds": seconds, "pages": len(sizes), "bytes": sum(sizes)}
sys.stdout.write(json.dumps(said) + "\n")
