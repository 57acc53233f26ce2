"""The aggregates beyond standings, SGPAs and CGPAs, in the development database."""

from alembic import op

from ouspark_assets.warehouse.migrations.published_tables import BOOKKEEPING, aggregates

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables."""
    op.execute(aggregates(BOOKKEEPING))
