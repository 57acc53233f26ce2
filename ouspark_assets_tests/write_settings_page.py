"""Writes docs/settings.md from the settings groups: `make docs`.

A test fails when the committed page differs from the settings.
"""

import sys
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from ouspark_assets.settings import GROUPS, SettingsGroup, variable_name

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
HEADER = """# Settings

All settings are environment variables, or lines of a `.env` file in the folder from which a command
is run. A line of `.env` overrides the environment. A malformed value stops every command with one
line that names the variable; a variable that looks like a misspelt setting is reported.

This page is generated from `ouspark_assets/settings/groups.py` by `make docs`.
"""


TABLE_HEADER = "| variable | meaning | default |"


def render() -> str:
    """Return the page: a table of variables for each group."""
    return "\n".join([HEADER, *(_section(name, group) for name, group in GROUPS.items())])


def _section(name: str, group: type[SettingsGroup]) -> str:
    summary = " ".join((group.__doc__ or "").split("\n\n")[0].split())
    lines = [f"## {name.title()}", "", summary, "", TABLE_HEADER, "|---|---|---|"]
    lines += [
        f"| `{variable_name(name)}` | {field.description} | {_default(field)} |"
        for name, field in group.model_fields.items()
    ]
    return "\n".join([*lines, ""])


def _default(field: FieldInfo) -> str:
    default: Any = field.default
    if field.default_factory is not None:
        return "`.ouspark` in the project"
    if default is None or default == ():
        return "–"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def main() -> None:
    """Write the page, or print it with `-`."""
    if sys.argv[1:] == ["-"]:
        sys.stdout.write(render())
    else:
        PAGE.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
