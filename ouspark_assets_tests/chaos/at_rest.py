"""What must hold after a run that nothing disturbed: everything is there, and nothing is left over.

Each function is a promise; it looks at the scene and gives what is wrong, a line each. Two of them
run commands, as people would to make sure.
"""

import sqlite3
from collections.abc import Iterator, Mapping

import polars as pl

from ouspark_assets.schemas.analytics import SEMESTER_GPAS, STANDINGS, STUDENT_CGPAS
from ouspark_assets.schemas.clean import APPEARANCES, STUDENTS
from ouspark_assets.warehouse.core.connection import Side
from ouspark_assets_tests.chaos.ground_truth import PAGE, differences, differences_of
from ouspark_assets_tests.chaos.invariants import Invariant
from ouspark_assets_tests.chaos.system_under_test import Scene

COMPUTED = {
    STUDENTS: "students",
    STANDINGS: "standings",
    SEMESTER_GPAS: "semester_gpas",
    STUDENT_CGPAS: "student_cgpas",
}


def no_stage_of_a_dead_run_is_left_open(scene: Scene) -> Iterator[str]:
    """The history says of every stage how it ended."""
    rows = scene.pipeline.rows(
        "SELECT run_id, asset FROM ops.stage_runs WHERE outcome = 'running' OR ended IS NULL"
    )
    yield from (f"{asset} of run {str(run)[:8]} is still said to run" for run, asset in rows)


def dagster_knows_of_no_unfinished_run(scene: Scene) -> Iterator[str]:
    """Neither begun and dead, nor queued; and no sign of life is left."""
    folder = scene.home / "dagster"
    with sqlite3.connect(f"file:{folder / 'history' / 'runs.db'}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT run_id, status FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"
        ).fetchall()
    yield from (f"run {run[:8]} is {status}" for run, status in rows)
    signs = [path.name for path in (folder / "alive").glob("[!.]*")]
    yield from (f"the sign of life of run {name[:8]} is left" for name in signs)


def everything_the_site_has_is_loaded(scene: Scene) -> Iterator[str]:
    """Every page of every release is archived, and read into the tables or into quarantine."""
    true = scene.truth.pages
    yield from differences("the lake", scene.archived, true, PAGE)
    loaded = scene.pipeline.table(APPEARANCES).select(PAGE)
    missing = scene.whole.join(loaded, on=PAGE, how="anti")
    if missing.height:
        yield f"{missing.height} whole pages of the lake are in no table"


def students_have_what_they_really_have(scene: Scene) -> Iterator[str]:
    """Details, standings, SGPAs and CGPAs, of everyone none of whose pages is damaged."""
    harmed = {ticket for _, ticket in scene.damaged}
    unharmed = ~pl.col("hall_ticket").is_in(list(harmed))
    for table, name in COMPUTED.items():
        true = scene.truth.table(name).filter(unharmed)
        yield from differences_of(table, scene.pipeline.table(table).filter(unharmed), true)


def production_and_cache_are_verified(scene: Scene) -> Iterator[str]:
    """The commands that people verify with find nothing."""
    for command in ("publication", "cache"):
        done = scene.completed(command, "verify")
        if done.process.returncode:
            yield f"{command} verify: {done.errors.strip()}"


def the_same_again_changes_nothing(scene: Scene) -> Iterator[str]:
    """A run with nothing new leaves tables, publication and cache generation alone."""
    before = _state(scene)
    done = scene.completed("run", "--all")
    after = _state(scene)
    if done.process.returncode == 0 and before != after:
        changed = [name for name in before if before[name] != after[name]]
        yield f"a run with nothing new changed the {' and the '.join(changed)}"


AT_REST: Mapping[str, Invariant] = {
    "no stage of a dead run is left open": no_stage_of_a_dead_run_is_left_open,
    "Dagster knows of no unfinished run": dagster_knows_of_no_unfinished_run,
    "everything the site has is archived and loaded": everything_the_site_has_is_loaded,
    "students have what they really have": students_have_what_they_really_have,
    "`publication verify` and `cache verify` find nothing": production_and_cache_are_verified,
    "the same again changes nothing": the_same_again_changes_nothing,
}


def _state(scene: Scene) -> dict[str, object]:
    with scene.pipeline.cache() as cache:
        generation = cache.get("ouspark:current")
    return {
        "tables": scene.pipeline.rows("SELECT max(version) FROM ops.versions"),
        "publication": scene.pipeline.rows(
            "SELECT max(number), count(*) FROM ops.publications", Side.PRODUCTION
        ),
        "cache generation": generation,
    }
