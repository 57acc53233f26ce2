"""OuSpark's parser on one core: `python -m … PAGES read|clean`, with POLARS_MAX_THREADS=1.

Measured in CPU time, so that other processes do not distort the figure. Parsing never waits.
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
    """Read or clean the pages of a file; print the CPU seconds."""
    pages = pl.read_parquet(sys.argv[1])
    bodies = pages["body"].to_list()
    # Warm up: lazy imports, regular expressions, validators.
    clean_pages("bench", pages.head(20))
    gc.set_threshold(GC_THRESHOLD)
    started = time.process_time()
    if sys.argv[2] == "read":
        for body in bodies:
            read_page(body)
    else:
        for batch in pages.iter_slices(SLICE_SIZE):
            clean_pages("bench", batch)
    spent = time.process_time() - started
    sys.stdout.write(json.dumps({"seconds": spent, "pages": pages.height}) + "\n")


if __name__ == "__main__":
    main()
