"""Views over the operational history: running stages, medians of earlier runs, site health."""

from alembic import op

revision = "0004"
down_revision = "0003"

# With a default in ADD COLUMN every row of before would get the process that migrates.
STAGE_RUNS = """
ALTER TABLE ops.stage_runs
  ADD COLUMN backend integer,
  ADD COLUMN died boolean NOT NULL DEFAULT false;
ALTER TABLE ops.stage_runs ALTER COLUMN backend SET DEFAULT pg_backend_pid();

-- Releases are null for most stages, and "IS NOT DISTINCT FROM" uses no index.
CREATE INDEX stage_runs_by_stage ON ops.stage_runs (asset, coalesce(release, ''), id);
CREATE INDEX stage_runs_by_asset ON ops.stage_runs (asset, id);
CREATE INDEX stage_runs_unfinished ON ops.stage_runs (id) WHERE outcome = 'running';

COMMENT ON TABLE ops.stage_runs IS
  'What each asset did in each run; begun before the work, ended after it';
COMMENT ON COLUMN ops.stage_runs.backend IS
  'The server process of the connection that the stage holds while it works';
COMMENT ON COLUMN ops.stage_runs.died IS
  'The stage never ended: the row was closed later, when its process was found dead';
"""

SCRAPES = """
CREATE TABLE ops.scrapes (
  stage_run   bigint PRIMARY KEY REFERENCES ops.stage_runs (id) ON DELETE CASCADE,
  host        text   NOT NULL,
  expected    bigint NOT NULL,
  requests    bigint NOT NULL,
  found       bigint NOT NULL,
  not_found   bigint NOT NULL,
  no_change   bigint NOT NULL,
  failed      bigint NOT NULL,
  retries     bigint NOT NULL,
  received    bigint NOT NULL,
  outages     bigint NOT NULL,
  per_second  double precision NOT NULL,
  seen_at     timestamptz NOT NULL
);
COMMENT ON TABLE ops.scrapes IS
  'A scrape of a release in numbers, written every few seconds while it runs and at its end';
COMMENT ON COLUMN ops.scrapes.outages IS 'How often the breaker opened';
COMMENT ON COLUMN ops.scrapes.received IS 'Bytes of answers';

CREATE TABLE ops.site_health (
  host         text PRIMARY KEY,
  breaker      text        NOT NULL CHECK (breaker IN ('closed', 'open', 'half-open')),
  since        timestamptz NOT NULL,
  trouble      text,
  troubled_at  timestamptz,
  at_once      integer     NOT NULL,
  most_at_once integer     NOT NULL,
  stage_run    bigint      NOT NULL,
  scraping     boolean     NOT NULL,
  seen_at      timestamptz NOT NULL
);
COMMENT ON TABLE ops.site_health IS
  'A results site as its last scrape saw it: written when the breaker changes, every few seconds '
  'while a scrape runs, and at its end; a scrape that was killed leaves an old seen_at';
COMMENT ON COLUMN ops.site_health.since IS
  'Since when the site is up (closed) or down (open, half-open)';
COMMENT ON COLUMN ops.site_health.at_once IS
  'How many requests may be under way: adapted to what the site bears, up to most_at_once';
"""

VIEWS = """
CREATE VIEW ops.stage_history AS
SELECT id, run_id, asset, release, started, ended, outcome, died, error,
       rows_in, rows_written, rows_changed, rows_quarantined,
       seconds,
       coalesce(rows_in, rows_written) AS rows,
       coalesce(rows_in, rows_written) / nullif(seconds, 0) AS rows_per_second,
       rows_quarantined::float8 / nullif(rows_written + rows_quarantined, 0) AS reject_share,
       rows_changed::float8 / nullif(rows_written, 0) AS changed_share
  FROM (SELECT *,
               CASE WHEN NOT died THEN extract(epoch FROM ended - started)::float8 END AS seconds
          FROM ops.stage_runs) AS timed;
COMMENT ON VIEW ops.stage_history IS
  'ops.stage_runs with seconds, rate, share of rejected and of changed rows';
COMMENT ON COLUMN ops.stage_history.seconds IS
  'Null while it runs, and for a stage that died, whose end nobody saw';
COMMENT ON COLUMN ops.stage_history.rows IS
  'Rows read, or written when the stage reads none (the cache)';

CREATE VIEW ops.stage_trends AS
SELECT history.*,
       usual.earlier, usual.usual_seconds, usual.usual_rows, usual.usual_reject_share,
       pace.usual_rows_per_second,
       history.seconds / nullif(usual.usual_seconds, 0) AS seconds_ratio,
       history.rows / nullif(usual.usual_rows, 0) AS rows_ratio
  FROM ops.stage_history AS history
  LEFT JOIN LATERAL (
    SELECT count(*) AS earlier,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS usual_seconds,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY rows) AS usual_rows,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY reject_share) AS usual_reject_share
      FROM (SELECT seconds, rows, reject_share
              FROM ops.stage_history
             WHERE asset = history.asset
               AND coalesce(release, '') = coalesce(history.release, '')
               AND id < history.id AND outcome = 'succeeded'
             ORDER BY id DESC LIMIT 20) AS same_stage
  ) AS usual ON true
  LEFT JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY rows_per_second) AS usual_rows_per_second
      FROM (SELECT rows_per_second
              FROM ops.stage_history
             WHERE asset = history.asset
               AND id < history.id AND outcome = 'succeeded' AND rows > 0
             ORDER BY id DESC LIMIT 20) AS same_asset
  ) AS pace ON true;
COMMENT ON VIEW ops.stage_trends IS
  'Every stage run with the medians of up to 20 successful ones before it: seconds, rows and '
  'rejects of the same stage and release, the rate of the same stage whatever its release, so '
  'that the first run of a new release has something to be held against';

CREATE VIEW ops.latest_stages AS
SELECT DISTINCT ON (asset, coalesce(release, ''))
       id, run_id, asset, release, started, ended, outcome, died, error
  FROM ops.stage_runs
 ORDER BY asset, coalesce(release, ''), id DESC;
COMMENT ON VIEW ops.latest_stages IS 'The latest run of every stage and release';

CREATE VIEW ops.unfinished_stages AS
SELECT stage.id, stage.run_id, stage.asset, stage.release, stage.started,
       EXISTS (SELECT FROM pg_stat_activity AS activity
                WHERE activity.pid = stage.backend AND activity.datname = current_database()
                  -- Null for a role that may not look at others' processes.
                  AND coalesce(activity.backend_start <= stage.started, true)) AS alive
  FROM ops.stage_runs AS stage
 WHERE stage.outcome = 'running';
COMMENT ON VIEW ops.unfinished_stages IS
  'Stages without an end; alive while the connection they work on is still there';
"""


def upgrade() -> None:
    """Create the tables and views."""
    op.execute(STAGE_RUNS)
    op.execute(SCRAPES)
    op.execute(VIEWS)
