"""OuSpark's aggregates of the tables in a folder: `python -m … FOLDER`. Reading does not count."""

import json
import resource
import sys
import time
from pathlib import Path

import polars as pl

from ouspark_assets.analytics.options import Options
from ouspark_assets.pipeline.aggregates import AGGREGATES
from ouspark_assets.sources.reference_files import read_subjects

# Linux reports the peak in kilobytes, macOS in bytes.
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    """Compute every aggregate in the order of the graph; print the seconds and the memory peak."""
    folder = Path(sys.argv[1])
    frames = {path.stem: pl.read_parquet(path) for path in folder.glob("*.parquet")}
    frames.setdefault("subjects", read_subjects())
    by_table: dict[str, float] = {}
    for aggregate in AGGREGATES:
        started = time.perf_counter()
        frames[aggregate.table.name] = aggregate.compute(frames, Options())
        by_table[aggregate.table.name] = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT
    result = {
        "seconds": sum(by_table.values()),
        "peak_bytes": peak,
        "by_table": by_table,
        "standings": frames["standings"].height,
        "mean_cgpa": frames["student_cgpas"]["cgpa"].mean(),
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
