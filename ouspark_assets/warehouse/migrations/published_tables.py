"""The SQL of tables that exist in both databases, shared by the revisions of both."""

# Development rows carry the run and the version of their last change (core/writing.py).
BOOKKEEPING = """,
  run_id     text        NOT NULL DEFAULT current_setting('ouspark.run'),
  version    bigint      NOT NULL DEFAULT current_setting('ouspark.version')::bigint,
  changed_at timestamptz NOT NULL DEFAULT now()"""


def create_schema(name: str) -> str:
    """Return SQL that creates a schema; if it exists, no right to create one is needed."""
    return f"""
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = '{name}') THEN
    CREATE SCHEMA {name};
  END IF;
END $$"""


def reference_data(bookkeeping: str = "") -> str:
    """Return the SQL of the tables that explain codes."""
    return f"""
CREATE TABLE clean.colleges (
  college_code text PRIMARY KEY,
  name         text,
  short_name   text,
  autonomous   boolean,
  inferred     boolean NOT NULL{bookkeeping}
);
CREATE TABLE clean.branches (
  branch_code text PRIMARY KEY,
  name        text,
  short_name  text,
  inferred    boolean NOT NULL{bookkeeping}
);
CREATE TABLE clean.subjects (
  subject_code text PRIMARY KEY,
  subject_name text,
  credits      numeric(5, 2),
  semester     smallint,
  kind         text,
  inferred     boolean NOT NULL{bookkeeping}
);
"""


def results_and_grades(bookkeeping: str = "") -> str:
    """Return the SQL of students, results, marks, and what is computed per student."""
    return f"""
CREATE TABLE clean.appearances (
  release      text NOT NULL,
  hall_ticket  text NOT NULL,
  name         text NOT NULL,
  father_name  text,
  gender       text,
  course       text,
  medium       text,
  sha256       text NOT NULL{bookkeeping},
  PRIMARY KEY (release, hall_ticket)
);
CREATE TABLE clean.students (
  hall_ticket    text PRIMARY KEY,
  name           text NOT NULL,
  father_name    text,
  gender         text,
  course         text,
  medium         text,
  sha256         text NOT NULL,
  college_code   text NOT NULL,
  branch_code    text NOT NULL,
  admission_year smallint NOT NULL,
  serial         smallint NOT NULL,
  lateral_entry  boolean NOT NULL,
  last_release   text NOT NULL{bookkeeping}
);
CREATE INDEX students_by_class ON clean.students (college_code, branch_code, admission_year);
CREATE TABLE clean.results (
  release      text NOT NULL,
  hall_ticket  text NOT NULL,
  semester     smallint NOT NULL,
  status       text NOT NULL,
  sgpa_printed numeric(4, 2),
  cgpa_printed numeric(4, 2),
  sha256       text NOT NULL{bookkeeping},
  PRIMARY KEY (release, hall_ticket, semester)
);
CREATE INDEX results_by_student ON clean.results (hall_ticket);
CREATE TABLE clean.marks (
  release        text NOT NULL,
  hall_ticket    text NOT NULL,
  subject_code   text NOT NULL,
  subject_name   text,
  semester       smallint,
  credits        numeric(5, 2) NOT NULL,
  grade          text NOT NULL,
  points         smallint,
  points_derived boolean NOT NULL,
  sha256         text NOT NULL{bookkeeping},
  PRIMARY KEY (release, hall_ticket, subject_code)
);
CREATE INDEX marks_by_student ON clean.marks (hall_ticket);
CREATE TABLE analytics.standings (
  hall_ticket     text NOT NULL,
  subject_code    text NOT NULL,
  semester        smallint,
  credits         numeric(5, 2) NOT NULL,
  grade           text NOT NULL,
  points          smallint,
  state           text NOT NULL,
  attempts        smallint NOT NULL,
  first_release   text NOT NULL,
  cleared_release text{bookkeeping},
  PRIMARY KEY (hall_ticket, subject_code)
);
CREATE TABLE analytics.semester_gpas (
  hall_ticket  text NOT NULL,
  semester     smallint NOT NULL,
  credits      numeric(6, 2) NOT NULL,
  sgpa         numeric(4, 2),
  sgpa_printed numeric(4, 2),
  state        text NOT NULL{bookkeeping},
  PRIMARY KEY (hall_ticket, semester)
);
CREATE TABLE analytics.student_cgpas (
  hall_ticket        text PRIMARY KEY,
  cgpa               numeric(4, 2),
  credits_counted    numeric(7, 2) NOT NULL,
  semesters_finished smallint NOT NULL,
  open_subjects      smallint NOT NULL,
  pending_subjects   smallint NOT NULL,
  incomplete         boolean NOT NULL,
  incomplete_because text{bookkeeping}
);
"""


def no_results(bookkeeping: str = "") -> str:
    """Return the SQL of the hall tickets that the site answered with a sentence."""
    return f"""
CREATE TABLE clean.no_results (
  release     text NOT NULL,
  hall_ticket text NOT NULL,
  sentence    text NOT NULL,
  asked_at    timestamptz NOT NULL,
  sha256      text NOT NULL{bookkeeping},
  PRIMARY KEY (release, hall_ticket)
);
CREATE INDEX no_results_by_student ON clean.no_results (hall_ticket);
"""


def aggregates(bookkeeping: str = "") -> str:
    """Return the SQL of credits, ranks, backlogs, revaluations and statistics."""
    return f"""
ALTER TABLE analytics.student_cgpas
  ADD COLUMN passed_subjects smallint NOT NULL DEFAULT 0,
  ADD COLUMN percentage      numeric(5, 2),
  ADD COLUMN award           text;
ALTER TABLE analytics.student_cgpas ALTER COLUMN passed_subjects DROP DEFAULT;
CREATE TABLE analytics.student_credits (
  hall_ticket       text PRIMARY KEY,
  attempted         numeric(7, 2) NOT NULL,
  earned            numeric(7, 2) NOT NULL,
  open              numeric(7, 2) NOT NULL,
  pending           numeric(7, 2) NOT NULL,
  earned_theory     numeric(7, 2) NOT NULL,
  earned_laboratory numeric(7, 2) NOT NULL,
  boundary          text,
  requirement       text,
  required          numeric(7, 2),
  counted           numeric(7, 2),
  meets_required    boolean,
  short_by          numeric(7, 2),
  provisional       boolean{bookkeeping}
);
CREATE TABLE analytics.student_rankings (
  hall_ticket      text NOT NULL,
  scope            text NOT NULL,
  value            numeric(4, 2),
  rank             integer,
  out_of           integer NOT NULL,
  percentile       numeric(5, 2),
  unranked_because text{bookkeeping},
  PRIMARY KEY (hall_ticket, scope)
);
CREATE TABLE analytics.backlogs (
  hall_ticket   text NOT NULL,
  subject_code  text NOT NULL,
  semester      smallint,
  credits       numeric(5, 2) NOT NULL,
  since_release text NOT NULL,
  attempts      smallint NOT NULL,
  state         text NOT NULL{bookkeeping},
  PRIMARY KEY (hall_ticket, subject_code)
);
CREATE TABLE analytics.revaluation_impact (
  release       text NOT NULL,
  hall_ticket   text NOT NULL,
  subject_code  text NOT NULL,
  revises       text,
  grade_before  text,
  grade_after   text NOT NULL,
  points_change smallint,
  outcome       text NOT NULL,
  sgpa_before   numeric(4, 2),
  sgpa_after    numeric(4, 2),
  cgpa_before   numeric(4, 2),
  cgpa_after    numeric(4, 2){bookkeeping},
  PRIMARY KEY (release, hall_ticket, subject_code)
);
CREATE INDEX revaluation_impact_by_student ON analytics.revaluation_impact (hall_ticket);
CREATE TABLE analytics.college_stats (
  college_code   text NOT NULL,
  admission_year smallint NOT NULL,{_COHORT},
  toppers        jsonb NOT NULL{bookkeeping},
  PRIMARY KEY (college_code, admission_year)
);
CREATE TABLE analytics.department_stats (
  college_code   text NOT NULL,
  branch_code    text NOT NULL,
  admission_year smallint NOT NULL,{_COHORT},
  toppers        jsonb NOT NULL{bookkeeping},
  PRIMARY KEY (college_code, branch_code, admission_year)
);
CREATE TABLE analytics.college_rankings (
  college_code   text NOT NULL,
  admission_year smallint NOT NULL,{_RANKED}{bookkeeping},
  PRIMARY KEY (college_code, admission_year)
);
CREATE TABLE analytics.department_rankings (
  college_code    text NOT NULL,
  branch_code     text NOT NULL,
  admission_year  smallint NOT NULL,{_RANKED},
  rank_in_college integer,
  rank_in_branch  integer{bookkeeping},
  PRIMARY KEY (college_code, branch_code, admission_year)
);
CREATE TABLE analytics.demographics (
  dimension      text NOT NULL,
  value          text NOT NULL,
  college_code   text,
  branch_code    text,
  admission_year smallint,{_COHORT}{bookkeeping},
  UNIQUE NULLS NOT DISTINCT (dimension, value, college_code, branch_code, admission_year)
);
CREATE TABLE analytics.semester_stats (
  release          text NOT NULL,
  semester         smallint NOT NULL,
  appeared         integer NOT NULL,
  all_clear        integer NOT NULL,
  pass_percent     numeric(5, 2),
  printed_lines    integer NOT NULL,
  printed_clear    integer NOT NULL,
  printed_promoted integer NOT NULL,
  printed_detained integer NOT NULL,
  statuses         jsonb NOT NULL,
  with_sgpa        integer NOT NULL,
  mean_sgpa        numeric(4, 2),
  median_sgpa      numeric(4, 2),
  lowest_sgpa      numeric(4, 2),
  highest_sgpa     numeric(4, 2),
  histogram        jsonb NOT NULL{bookkeeping},
  PRIMARY KEY (release, semester)
);
CREATE TABLE analytics.subject_stats (
  subject_code        text NOT NULL,
  release             text NOT NULL,
  kind                text,
  appeared            integer NOT NULL,
  passed              integer NOT NULL,
  failed              integer NOT NULL,
  absent              integer NOT NULL,
  pending             integer NOT NULL,
  pass_percent        numeric(5, 2),
  mean_points         numeric(4, 2),
  grades              jsonb NOT NULL,
  revalued            integer NOT NULL,
  revaluation_raised  integer NOT NULL,
  revaluation_cleared integer NOT NULL,
  raised_percent      numeric(5, 2){bookkeeping},
  PRIMARY KEY (subject_code, release)
);
"""


_COHORT = """
  students       integer NOT NULL,
  decided        integer NOT NULL,
  all_clear      integer NOT NULL,
  with_backlogs  integer NOT NULL,
  incomplete     integer NOT NULL,
  pass_percent   numeric(5, 2),
  with_cgpa      integer NOT NULL,
  mean_cgpa      numeric(4, 2),
  median_cgpa    numeric(4, 2),
  lowest_cgpa    numeric(4, 2),
  highest_cgpa   numeric(4, 2)"""

_RANKED = """
  n                integer NOT NULL,
  mean_cgpa        numeric(4, 2),
  pass_percent     numeric(5, 2),
  rank             integer,
  out_of           integer NOT NULL,
  unranked_because text"""
