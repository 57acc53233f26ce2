"""The first tables of the development database."""

from alembic import op

from ouspark_assets.warehouse.migrations.published_tables import (
    BOOKKEEPING,
    create_schema,
    reference_data,
    results_and_grades,
)

revision = "0001"
down_revision = None

OPERATIONS = """
CREATE SEQUENCE ops.version_numbers;
CREATE TABLE ops.identity (id uuid NOT NULL DEFAULT gen_random_uuid());
INSERT INTO ops.identity DEFAULT VALUES;
CREATE TABLE ops.versions (
  version      bigint PRIMARY KEY,
  run_id       text NOT NULL,
  tables       text[] NOT NULL,
  committed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE ops.tombstones (
  table_name text   NOT NULL,
  key        jsonb  NOT NULL,
  version    bigint NOT NULL DEFAULT current_setting('ouspark.version')::bigint
);
CREATE INDEX tombstones_by_version ON ops.tombstones (version);
CREATE TABLE ops.stage_runs (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id           text NOT NULL,
  asset            text NOT NULL,
  release          text,
  started          timestamptz NOT NULL DEFAULT now(),
  ended            timestamptz,
  rows_in          bigint,
  rows_written     bigint,
  rows_changed     bigint,
  rows_quarantined bigint,
  outcome          text NOT NULL DEFAULT 'running',
  error            text
);
CREATE INDEX stage_runs_by_run ON ops.stage_runs (run_id);
CREATE TABLE ops.loads (
  release     text PRIMARY KEY,
  fingerprint text NOT NULL,
  layout      jsonb NOT NULL,
  run_id      text NOT NULL,
  loaded_at   timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE ops.follow_ups (
  digest   text NOT NULL,
  ended_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE ops.corrections (
  release     text NOT NULL,
  hall_ticket text NOT NULL,
  table_name  text NOT NULL,
  fingerprint text NOT NULL,
  changes     jsonb NOT NULL,
  made_by     text NOT NULL,
  made_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (release, hall_ticket, table_name, fingerprint)
);
CREATE TABLE ops.decisions (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  record      bigint NOT NULL,
  decision    text NOT NULL,
  detail      jsonb NOT NULL,
  decided_by  text NOT NULL,
  decided_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX decisions_by_record ON ops.decisions (record);
COMMENT ON TABLE ops.decisions IS 'Every decision of a person about a quarantined record';
CREATE TABLE ops.accounts (
  release     text NOT NULL,
  table_name  text NOT NULL,
  found       bigint NOT NULL,
  accepted    bigint NOT NULL,
  collapsed   bigint NOT NULL,
  quarantined bigint NOT NULL,
  run_id      text NOT NULL,
  PRIMARY KEY (release, table_name)
);
"""

SOURCE = f"""
CREATE TABLE source.release_index (
  release       text PRIMARY KEY,
  title         text NOT NULL,
  url           text NOT NULL,
  course        text,
  scheme        text,
  exam_kind     text NOT NULL,
  revises       text,
  semesters     smallint[],
  session_month smallint,
  session_year  smallint,
  published_on  date,
  first_seen_at timestamptz NOT NULL{BOOKKEEPING}
);
"""

QUARANTINE = """
CREATE TABLE clean.quarantine (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  release       text NOT NULL,
  hall_ticket   text NOT NULL,
  table_name    text NOT NULL,
  fingerprint   text NOT NULL,
  reasons       text[] NOT NULL,
  raw           jsonb NOT NULL,
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  run_id        text NOT NULL DEFAULT current_setting('ouspark.run'),
  status        text NOT NULL DEFAULT 'open',
  resolved_at   timestamptz,
  UNIQUE (release, hall_ticket, table_name, fingerprint)
);
CREATE INDEX quarantine_open ON clean.quarantine (release) WHERE status = 'open';
"""


def upgrade() -> None:
    """Create the tables."""
    for schema in ("source", "clean", "analytics"):
        op.execute(create_schema(schema))
    op.execute(OPERATIONS)
    op.execute(SOURCE)
    op.execute(QUARANTINE)
    op.execute(reference_data(BOOKKEEPING))
    op.execute(results_and_grades(BOOKKEEPING))
