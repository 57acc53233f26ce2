"""The first tables of the production database."""

from alembic import op

from ouspark_assets.warehouse.migrations.published_tables import (
    create_schema,
    reference_data,
    results_and_grades,
)

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
  revision       text        NOT NULL,
  restores       bigint,
  reversible     boolean     NOT NULL,
  published_at   timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE ops.publication_changes (
  number     bigint NOT NULL,
  table_name text   NOT NULL,
  key        jsonb,
  old_row    jsonb
);
CREATE INDEX publication_changes_by_number ON ops.publication_changes (number);
COMMENT ON TABLE ops.publication_changes IS
  'What each publication replaced (old_row), added (none) or filled from empty (no key)';
CREATE TABLE ops.holds (
  publication bigint      NOT NULL,
  since       timestamptz NOT NULL DEFAULT now(),
  lifted_at   timestamptz
);
"""


def upgrade() -> None:
    """Create the tables."""
    for schema in ("clean", "analytics"):
        op.execute(create_schema(schema))
    op.execute(PUBLICATIONS)
    op.execute(reference_data())
    op.execute(results_and_grades())
