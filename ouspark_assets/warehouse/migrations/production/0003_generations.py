"""The cache generation of each publication, to recognise a cache restored from an older save."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE ops.publications ADD COLUMN generation text")
