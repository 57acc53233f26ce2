"""Which state of its inputs each computed table was computed from."""

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
    """Create it; a table that is not in it yet counts as up to date until it is computed again."""
    op.execute(COMPUTED_FROM)
