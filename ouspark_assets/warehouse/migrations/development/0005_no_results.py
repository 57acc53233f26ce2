"""The table `clean.no_results` in the development database, and its counter of every scrape."""

from alembic import op

from ouspark_assets.warehouse.migrations.published_tables import BOOKKEEPING, no_results

revision = "0005"
down_revision = "0004"

# Scrapes of earlier versions had no such outcome.
COUNTER = "ALTER TABLE ops.scrapes ADD COLUMN no_result bigint NOT NULL DEFAULT 0"


def upgrade() -> None:
    """Create the table and the column."""
    op.execute(no_results(BOOKKEEPING))
    op.execute(COUNTER)
