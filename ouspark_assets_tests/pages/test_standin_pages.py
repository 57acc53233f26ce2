"""Reading the stand-in's pages gives exactly the records of its students."""

from hashlib import sha256

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ouspark_assets.pages.batch import CleanBatch, merge_batches
from ouspark_assets.pages.cleaning import clean_pages
from ouspark_assets.standin.cohorts import Scale
from ouspark_assets.standin.fault_injection import damage_page
from ouspark_assets.standin.result_pages import ReleasePages
from ouspark_assets.standin.truth import compute_truth
from ouspark_assets.standin.world import PublishedRelease, World

# Enough releases for one of every page style of the stand-in.
RELEASES = 9
STUDENTS = 120


def pages(world: World, publication: PublishedRelease) -> pl.DataFrame:
    """Return the pages of all students of a release."""
    site = ReleasePages(world, publication)
    return pl.DataFrame(
        [
            (ticket, sha256(body).hexdigest(), body)
            for cohort, rows in enumerate(publication.cohort_rows)
            for student in rows.have_pages().nonzero()[0].tolist()
            for ticket in [world.tickets[cohort][student]]
            for body in [site.render_student(ticket, cohort, student)]
        ],
        schema={"hall_ticket": pl.String, "sha256": pl.String, "body": pl.Binary},
        orient="row",
    )


def clean_all_releases(world: World) -> CleanBatch:
    return merge_batches(
        clean_pages(publication.release.key, pages(world, publication))
        for publication in world.published
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_pages_give_the_attempts_and_results_of_the_students(seed: int) -> None:
    world = World(Scale(students=STUDENTS, releases=RELEASES, seed=seed))
    batch, truth = clean_all_releases(world), compute_truth(world)
    assert batch.rejected.is_empty()
    assert batch.layout.unread == {}
    attempts = batch.marks.drop("sha256", "points_derived")
    assert_frame_equal(
        attempts, truth["attempts"], check_row_order=False, check_column_order=False,
        check_dtypes=False,
    )  # fmt: skip
    results = batch.results.drop("sha256").rename({"sgpa_printed": "sgpa", "cgpa_printed": "cgpa"})
    assert_frame_equal(results, truth["results"], check_row_order=False, check_dtypes=False)
    details = ["hall_ticket", "name", "father_name", "gender", "medium"]
    assert_frame_equal(
        batch.appearances.select(details).unique(),
        # Some pages print names with double spaces.
        truth["students"]
        .select(details)
        .with_columns(pl.col("name", "father_name").str.replace_all(r" +", " ")),
        check_row_order=False,
    )


KINDS_OF_DAMAGE = 8


def test_every_damaged_page_is_quarantined_with_a_reason_and_the_others_are_unchanged() -> None:
    world = World(Scale(students=STUDENTS, releases=1, seed=4))
    publication = world.published[0]
    healthy = pages(world, publication)
    bodies = [
        damage_page(body, (at % KINDS_OF_DAMAGE) / KINDS_OF_DAMAGE) if at % 3 == 0 else body
        for at, body in enumerate(healthy["body"])
    ]
    hurt = healthy.with_columns(pl.Series("body", bodies, pl.Binary))
    touched = healthy["hall_ticket"].filter(hurt["body"] != healthy["body"])
    before = clean_pages(publication.release.key, healthy)
    after = clean_pages(publication.release.key, hurt)
    assert set(after.rejected["hall_ticket"]) == set(touched)
    assert after.rejected["reasons"].list.len().min() == 1
    untouched = ~pl.col("hall_ticket").is_in(touched.to_list())
    assert_frame_equal(before.marks.filter(untouched), after.marks.filter(untouched))
    # Finds silently lost rows: each row is accepted or quarantined, alone or with its page.
    whole = after.rejected.filter(table_name="pages")["hall_ticket"].to_list()
    rows = before.marks.filter(~pl.col("hall_ticket").is_in(whole)).height
    assert after.marks.height + after.rejected.filter(table_name="marks").height == rows
