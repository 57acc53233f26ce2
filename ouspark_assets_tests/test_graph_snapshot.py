"""The asset graph as a text for reviewers: every asset with its group, dependencies and checks."""

from pathlib import Path

from ouspark_assets.definitions import defs

SNAPSHOT = Path(__file__).with_name("graph_snapshot.txt")


def describe_graph() -> str:
    graph = defs.resolve_asset_graph()
    lines: list[str] = []
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        per_release = " per release" if node.is_partitioned else ""
        lines.append(f"{key.to_user_string()} ({node.group_name}{per_release})")
        lines += [f"  from {parent.to_user_string()}" for parent in sorted(node.parent_keys)]
        for check in sorted(node.check_keys, key=lambda check: check.name):
            blocking = "blocking" if graph.get(check).blocking else "warning"
            lines.append(f"  check {check.name} ({blocking})")
    return "\n".join(lines) + "\n"


def test_the_graph_is_the_one_that_was_reviewed() -> None:
    # After an intended change, write `describe_graph()` to graph_snapshot.txt and read the diff.
    assert describe_graph() == SNAPSHOT.read_text(encoding="utf-8")


def test_every_asset_has_a_description_kinds_and_owners() -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.kinds, key
        assert node.owners, key


def test_assets_with_personal_data_are_tagged() -> None:
    graph = defs.resolve_asset_graph()
    without = {
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if graph.get(key).tags["personal-data"] == "no"
    }
    assert without == {
        "analytics/college_rankings",
        "analytics/demographics",
        "analytics/department_rankings",
        "analytics/semester_stats",
        "analytics/subject_stats",
        "clean/branches",
        "clean/colleges",
        "clean/subjects",
        "source/release_index",
    }
