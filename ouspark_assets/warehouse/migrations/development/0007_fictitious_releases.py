"""Whether the pages of a load came from the stand-in, which invents its students."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE ops.loads ADD COLUMN fictitious boolean NOT NULL DEFAULT false")
