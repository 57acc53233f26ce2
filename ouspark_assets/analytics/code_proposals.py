"""Pairs of subject codes that are likely to be one subject, for `ouspark subjects propose`.

A pair has the same title and semester, and no student sat both codes in one session. Codes that
different students sit side by side, e.g. those of two branches, are not proposed. Nothing here
changes a number: operators decide which pairs are equivalent.
"""

import polars as pl

from ouspark_assets.analytics.attempts import (
    MONTHS_PER_YEAR,
    add_newest_codes,
    add_release_order,
    fill_semesters,
)
from ouspark_assets.domain.hall_tickets import hall_ticket_parts

PAIR = ("old_code", "new_code")


def propose_equivalent_codes(
    marks: pl.DataFrame, release_index: pl.DataFrame, subjects: pl.DataFrame
) -> pl.DataFrame:
    """Return likely pairs with their evidence, those with the most students who changed first.

    `old_students` and `new_students` count who sat each code, `moved` who sat the older code first
    and the newer one later, `began_late` who sat the older code for the first time after the newer
    one appeared. Codes that count as others already are taken as one. An older code has one newer
    code, the first that appeared, so that all proposals together are a valid file.
    """
    coded = add_newest_codes(fill_semesters(marks, subjects), subjects).select(
        "hall_ticket", "release", "semester", "subject_name", pl.col("counts_as").alias("code")
    )
    pairs = _pairs_of_equal_titles(coded)
    candidates = pl.concat([pairs["a"], pairs["b"]]).unique()
    sat = add_release_order(coded.filter(pl.col("code").is_in(candidates.implode())), release_index)
    pairs = pairs.join(_pairs_sat_in_one_session(sat, release_index), on=["a", "b"], how="anti")
    directed = _direct(pairs, sat)
    evidence = directed.join(_changes_of_students(directed, sat), on=PAIR)
    names = subjects.select(pl.col("subject_code").alias("new_code"), "subject_name")
    return (
        evidence.filter((pl.col("moved") > 0) | (pl.col("began_late") == 0))
        .sort("first_order", "moved", "new_code", descending=[False, True, False])
        .unique("old_code", keep="first", maintain_order=True)
        .join(names, on="new_code", how="left")
        .join(_release_at("last_order", "last_old_release", sat), on="last_order")
        .join(_release_at("first_order", "first_new_release", sat), on="first_order")
        .select(
            *PAIR, "subject_name", "semester", "old_students", "new_students", "moved",
            "began_late", "last_old_release", "first_new_release",
        )
        .sort("moved", "new_students", *PAIR, descending=[True, True, False, False])
    )  # fmt: skip


def _title() -> pl.Expr:
    """Return the letters and digits of a title: pages print `WORK-I` and `WORK - I`, & and AND."""
    text = pl.col("subject_name").str.normalize("NFKC").str.to_uppercase()
    return text.str.replace_all("&", "AND", literal=True).str.replace_all(r"[^\p{L}\p{N}]", "")


def _pairs_of_equal_titles(coded: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs `a` < `b` of codes with a title in common and no different semesters."""
    titled = (
        coded.select("code", "semester", "subject_name")
        .unique()
        .with_columns(_title().alias("title"), pl.col("semester").max().over("code"))
        .filter(pl.col("title") != "")
        .select("code", "semester", "title")
        .unique()
    )
    # The code of one of them may not tell its semester.
    same_semester = pl.col("semester").eq(pl.col("semester_b")).fill_null(value=True)
    return (
        titled.join(titled, on="title", suffix="_b")
        .filter(pl.col("code") < pl.col("code_b"), same_semester)
        .select(
            pl.col("code").alias("a"),
            pl.col("code_b").alias("b"),
            pl.coalesce("semester", "semester_b").alias("semester"),
        )
        .unique()
    )


def _pairs_sat_in_one_session(sat: pl.DataFrame, release_index: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs of codes that some student sat in one session."""
    month = pl.col("session_year").cast(pl.Int32) * MONTHS_PER_YEAR + pl.col("session_month")
    sessions = release_index.select("release", month.alias("month"))
    # A release without a known session is a session of its own.
    session = pl.coalesce("month", -1 - pl.col("release_order")).alias("session")
    of_session = (
        sat.join(sessions, on="release", how="left")
        .select("hall_ticket", session, pl.col("code").alias("a"))
        .unique()
    )
    other = of_session.rename({"a": "b"})
    return of_session.join(other, on=["hall_ticket", "session"]).select("a", "b").unique()


def _direct(pairs: pl.DataFrame, sat: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs as older and newer code, with the students and the releases of both.

    The older code appeared in an earlier release. If both appeared in one, e.g. the first that was
    loaded, its latest students are of an earlier year. Without such a difference the codes are used
    side by side, and the pair is left out.
    """
    year = {part.meta.output_name(): part for part in hall_ticket_parts()}["admission_year"]
    codes = sat.with_columns(year).group_by("code").agg(
        pl.col("hall_ticket").n_unique().alias("students"),
        pl.col("admission_year").max().alias("latest_year"),
        pl.col("release_order").min().alias("first_order"),
        pl.col("release_order").max().alias("last_order"),
    )  # fmt: skip
    both = pl.concat([pairs, pairs.rename({"a": "b", "b": "a"}).select(pairs.columns)])
    appeared = pl.col("first_order") - pl.col("first_order_new")
    years = pl.col("latest_year") - pl.col("latest_year_new")
    return (
        both.join(codes, left_on="a", right_on="code")
        .join(codes, left_on="b", right_on="code", suffix="_new")
        .filter((appeared < 0) | ((appeared == 0) & (years < 0)))
        .select(
            pl.col("a").alias("old_code"),
            pl.col("b").alias("new_code"),
            "semester",
            pl.col("students").alias("old_students"),
            pl.col("students_new").alias("new_students"),
            "last_order",
            pl.col("first_order_new").alias("first_order"),
        )
    )


def _changes_of_students(pairs: pl.DataFrame, sat: pl.DataFrame) -> pl.DataFrame:
    """Return per pair how many students moved to the newer code, or began the older one late."""
    first = sat.group_by("hall_ticket", "code").agg(pl.col("release_order").min().alias("began"))
    old = pairs.join(first, left_on="old_code", right_on="code")
    return (
        old.join(
            first.rename({"began": "began_new", "code": "new_code"}),
            on=["hall_ticket", "new_code"],
            how="left",
        )
        .group_by(PAIR)
        .agg(
            (pl.col("began") < pl.col("began_new")).sum().alias("moved"),
            (pl.col("began") > pl.col("first_order")).sum().alias("began_late"),
        )
    )


def _release_at(order: str, name: str, sat: pl.DataFrame) -> pl.DataFrame:
    """Return the release at each place of the release order."""
    return sat.select(pl.col("release_order").alias(order), pl.col("release").alias(name)).unique(
        order
    )
