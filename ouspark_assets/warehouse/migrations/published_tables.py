"""Tables that stand in both databases, so that a revision of each side says them once."""

# Development rows carry the run and the version of their last change; see warehouse/writing.py.
BOOKKEEPING = """,
  run_id     text        NOT NULL DEFAULT current_setting('ouspark.run'),
  version    bigint      NOT NULL DEFAULT current_setting('ouspark.version')::bigint,
  changed_at timestamptz NOT NULL DEFAULT now()"""


def create_schema(name: str) -> str:
    """Create a schema unless it is there; asks for no right when it is."""
    return f"""
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = '{name}') THEN
    CREATE SCHEMA {name};
  END IF;
END $$"""


def results_and_grades(bookkeeping: str = "") -> str:
    """The tables of students, their results and marks, and what is computed per student."""
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
