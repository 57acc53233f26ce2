"""A part of the lake that its disk did not keep: what runs say of it, and both ways of mending it.

How bytes are damaged is `lake.py`.
"""

import random
import shutil

from ouspark_assets_tests.chaos.lake_parts import FOUND, Part, damage, parts_of
from ouspark_assets_tests.chaos.steps import NotHereError, Step
from ouspark_assets_tests.chaos.system_under_test import Scene

BACKUP_SHARE = 0.5


def part_damaged(scene: Scene, step: Step) -> None:
    """A run, then one that reads every page; then what the message says is done."""
    parts = parts_of(scene.lake)
    if not parts:
        message = "nothing was archived yet"
        raise NotHereError(message)
    part, chance = parts[int(step.choice * len(parts))], random.Random(step.choice)
    held = part.pages()
    whole = damage(part, chance)
    runs = [scene.completed("run", "--all"), scene.completed("rebuild")]
    said = [run for run in runs if part.path.name in run.errors and "damaged" in run.errors]
    failed = [run for run in runs if run.process.returncode != 0]
    mute = [f"{run.name}: {run.errors.strip()[-300:]}" for run in failed if run not in said]
    scene.tally.check("a damaged part of the lake is named", mute)
    if said and chance.random() > BACKUP_SHARE:
        _move_away(scene, part, [str(ticket) for ticket in held["hall_ticket"]])
    else:
        part.path.write_bytes(whole)


def _move_away(scene: Scene, part: Part, tickets: list[str]) -> None:
    """As the message advises; what it held may be missing until it is fetched anew."""
    shutil.move(part.path, scene.folder)
    release = part.path.parent.name.removeprefix("release=")
    others = {
        ticket
        for other in parts_of(scene.lake)
        if other.path.parent == part.path.parent
        for ticket in other.answers().filter(FOUND)["hall_ticket"]
    }
    gone = set(tickets) - others
    scene.moved_away |= {(release, ticket) for ticket in gone}
