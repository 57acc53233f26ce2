"""The administrator's script: the roles that production needs and a publisher can't make itself."""

from pathlib import Path

SCRIPT = Path(__file__).with_name("roles.sql")


def roles_script() -> str:
    """The script, to be run on the production database by its administrator."""
    return SCRIPT.read_text("utf-8")
