"""The newer code that a subject counts as, if its code changed."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE clean.subjects ADD COLUMN counts_as text")
