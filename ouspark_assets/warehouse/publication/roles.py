"""The administrator's script for production: it creates roles, which a publisher cannot do."""

from pathlib import Path

SCRIPT = Path(__file__).with_name("roles.sql")


def roles_script() -> str:
    """Return the script that an administrator runs on the production database."""
    return SCRIPT.read_text("utf-8")
