"""The first tables of the production database."""

from alembic import op

from ouspark_assets.warehouse.migrations.published_tables import create_schema, results_and_grades

revision = "0001"
down_revision = None

PUBLICATIONS = """
CREATE TABLE ops.publications (
  number         bigint PRIMARY KEY,
  run_id         text        NOT NULL,
  kind           text        NOT NULL,
  source_id      uuid        NOT NULL,
  source_version bigint      NOT NULL,
  releases       text[]      NOT NULL,
  tables         jsonb       NOT NULL,
  father_names   boolean     NOT NULL,
  checksum       text        NOT NULL,
  seconds        numeric(9, 3) NOT NULL,
  published_at   timestamptz NOT NULL DEFAULT now()
);
"""


def upgrade() -> None:
    """Create everything."""
    for schema in ("clean", "analytics"):
        op.execute(create_schema(schema))
    op.execute(PUBLICATIONS)
    op.execute(results_and_grades())
