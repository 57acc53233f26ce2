"""Standings, SGPAs, CGPAs and ranks in pandas, by the same rules. Reading does not count.

Usage: `pandas_aggregates.py FOLDER`.
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd  # type: ignore[import-untyped, unused-ignore]

FOLDER = Path(sys.argv[1])
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
STUDENT_SEMESTER = ["hall_ticket", "semester"]
SCOPES: tuple[list[str], ...] = (
    ["college_code", "branch_code"],
    ["college_code"],
    ["branch_code"],
    [],
)


def standings(marks: pd.DataFrame, releases: pd.DataFrame) -> pd.DataFrame:
    """Return the effective grade per student and subject, and the number of attempts."""
    order = releases.sort_values(["session_year", "session_month", "exam_kind", "published_on"])
    place = pd.Series(range(len(order)), index=order["release"])
    rows = marks.assign(place=marks["release"].map(place), passed=marks["points"] > 0)
    rows["weight"] = np.where(rows["passed"], 1_000 * (1 + rows["points"].fillna(0)), 0)
    rows["weight"] += rows["place"]
    key = ["hall_ticket", "subject_code"]
    counting = rows.sort_values("weight").drop_duplicates(key, keep="last").set_index(key)
    main = releases.loc[releases["exam_kind"] == "main", "release"]
    sat = rows[rows["release"].isin(main) & (rows["grade"] != "Ab")]
    counting["attempts"] = sat.groupby(key)["release"].nunique()
    counting["first_release"] = rows.sort_values("place").groupby(key)["release"].first()
    return counting.reset_index()


def semesters(standing: pd.DataFrame) -> pd.DataFrame:
    """Return sums and SGPA per student and semester."""
    sums = (
        standing.assign(weighted=standing["credits"] * standing["points"])
        .groupby(STUDENT_SEMESTER)
        .agg(credits=("credits", "sum"), weighted=("weighted", "sum"), clear=("passed", "all"))
    )
    sums["sgpa"] = half_up(sums["weighted"] / sums["credits"]).where(sums["clear"])
    return sums.reset_index()


def cgpas(students: pd.DataFrame, semester: pd.DataFrame, standing: pd.DataFrame) -> pd.DataFrame:
    """Return the CGPA per student over finished semesters, and whether anything is open."""
    finished = semester[semester["clear"]].groupby("hall_ticket")[["credits", "weighted"]].sum()
    clear = standing.groupby("hall_ticket")["passed"].all()
    known = students.set_index("hall_ticket")
    known["cgpa"] = half_up(finished["weighted"] / finished["credits"])
    known["clear"] = clear
    return known.reset_index()


def rankings(known: pd.DataFrame) -> pd.DataFrame:
    """Return dense ranks in the four scopes among students with nothing open."""
    ranked = known[known["clear"] & known["cgpa"].notna()]
    tables = []
    for scope in SCOPES:
        groups = ranked.groupby(["admission_year", *scope])["cgpa"]
        rank = groups.rank("dense", ascending=False)
        lower, out_of = groups.rank("max"), groups.transform("count")
        tables.append(ranked.assign(rank=rank, percentile=100 * lower / out_of, out_of=out_of))
    return pd.concat(tables)


def half_up(values: pd.Series) -> pd.Series:
    """Round to two decimals, half up."""
    return np.floor(values * 100 + 0.5 + 1e-9) / 100


marks, students, index = (
    pd.read_parquet(FOLDER / f"{name}.parquet") for name in ("marks", "students", "release_index")
)
started = time.perf_counter()
standing = standings(marks, index)
known = cgpas(students, semesters(standing), standing)
ranked = rankings(known)
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT
result = {
    "seconds": seconds,
    "peak_bytes": peak,
    "standings": len(standing),
    "mean_cgpa": float(known["cgpa"].mean()),
    "ranks": len(ranked),
}
sys.stdout.write(json.dumps(result) + "\n")
