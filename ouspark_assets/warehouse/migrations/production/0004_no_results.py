"""The table `clean.no_results` in the production database."""

from alembic import op

from ouspark_assets.warehouse.migrations.published_tables import no_results

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table."""
    op.execute(no_results())
