"""The table `ops.computed_from`: the versions of the inputs of each computed table."""

from alembic import op

revision = "0003"
down_revision = "0002"

COMPUTED_FROM = """
CREATE TABLE ops.computed_from (
  table_name text   NOT NULL,
  input      text   NOT NULL,
  version    bigint NOT NULL,
  PRIMARY KEY (table_name, input)
);
COMMENT ON TABLE ops.computed_from IS
  'A table was computed from its input as it was at this version of the database';
"""


def upgrade() -> None:
    """Create the table; a computed table without a row counts as up to date."""
    op.execute(COMPUTED_FROM)
