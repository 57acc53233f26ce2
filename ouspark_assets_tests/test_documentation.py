"""The documentation: generated parts are up to date, links lead to files, commands exist."""

import re
from pathlib import Path

import pytest

from ouspark_assets.cli import COMMANDS
from ouspark_assets_tests import draw_architecture, write_settings_page

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*_tests/*.md")])
LINK = re.compile(r"\]\(([^)#]+)")


def test_the_picture_of_the_architecture_shows_the_imports_of_the_code() -> None:
    committed = draw_architecture.PICTURE.read_text(encoding="utf-8")
    assert committed == draw_architecture.draw(), "run `make docs` and commit the result"


def test_the_page_of_settings_lists_the_settings_of_the_code() -> None:
    committed = write_settings_page.PAGE.read_text(encoding="utf-8")
    assert committed == write_settings_page.render(), "run `make docs` and commit the result"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_to_a_file(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_the_readme_lists_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme[readme.index("| `ouspark run`") :].partition("\n\n")[0]
    assert [name for name in COMMANDS if not re.search(rf"[`k] ?{name}\b", table)] == []
