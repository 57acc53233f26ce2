"""Our parser on one core: `python -m … PAGES read|clean`, with POLARS_MAX_THREADS=1.

Counted is the time of the processor, of which parsing wastes none: what others do beside it does
not spoil the figure.
"""

import gc
import json
import sys
import time

import polars as pl

from ouspark_assets.pages.cleaning import clean_pages
from ouspark_assets.pages.page_reader import read_page
from ouspark_assets.pages.parallel import SLICE_SIZE
from ouspark_assets.pages.worker import GC_THRESHOLD


def main() -> None:
    """Read or clean the pages of a file, and say how long that took."""
    pages = pl.read_parquet(sys.argv[1])
    bodies = pages["body"].to_list()
    # The first batch warms up: lazy imports, regular expressions, validators.
    clean_pages("bench", pages.head(20))
    gc.set_threshold(GC_THRESHOLD)
    began = time.process_time()
    if sys.argv[2] == "read":
        for body in bodies:
            read_page(body)
    else:
        for batch in pages.iter_slices(SLICE_SIZE):
            clean_pages("bench", batch)
    spent = time.process_time() - began
    sys.stdout.write(json.dumps({"seconds": spent, "pages": pages.height}) + "\n")


if __name__ == "__main__":
    main()
