"""Our aggregates over the tables in a folder: `python -m … FOLDER`, reading not counted."""

import json
import resource
import sys
import time
from pathlib import Path

import polars as pl

from ouspark_assets.analytics.options import Options
from ouspark_assets.pipeline.aggregates import AGGREGATES
from ouspark_assets.sources.reference_files import read_subjects

# Linux counts the peak in kilobytes, macOS in bytes.
UNIT = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    """Compute every aggregate in the order of the graph, and say what that took."""
    folder = Path(sys.argv[1])
    frames = {path.stem: pl.read_parquet(path) for path in folder.glob("*.parquet")}
    frames.setdefault("subjects", read_subjects())
    by_table: dict[str, float] = {}
    for aggregate in AGGREGATES:
        began = time.perf_counter()
        frames[aggregate.table.name] = aggregate.compute(frames, Options())
        by_table[aggregate.table.name] = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT
    said = {
        "seconds": sum(by_table.values()),
        "peak_bytes": peak,
        "by_table": by_table,
        "standings": frames["standings"].height,
        "mean_cgpa": frames["student_cgpas"]["cgpa"].mean(),
    }
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
