"""Column lineage of the aggregates for the UI: from which columns each column is computed.

Declared per aggregate as `column: table.column …`, with the tables that the aggregate reads. A
test compares the declarations with the models, so that no new column is forgotten.
"""

from collections.abc import Mapping

import dagster as dg

from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.pipeline.aggregates import Aggregate

_COLLEGE = {"college_code": "students.college_code"}
_BRANCH = {"branch_code": "students.branch_code"}
_YEAR = {"admission_year": "students.admission_year"}
_SUBJECTS = (
    "student_cgpas.passed_subjects student_cgpas.open_subjects student_cgpas.pending_subjects"
)
_CGPA = "student_cgpas.cgpa"
_COHORT = {
    "students": _SUBJECTS,
    "decided": _SUBJECTS,
    "all_clear": _SUBJECTS,
    "with_backlogs": "student_cgpas.open_subjects",
    "incomplete": "student_cgpas.incomplete",
    "pass_percent": _SUBJECTS,
    "with_cgpa": _CGPA,
    "mean_cgpa": _CGPA,
    "median_cgpa": _CGPA,
    "lowest_cgpa": _CGPA,
    "highest_cgpa": _CGPA,
}
_TOPPERS = {
    "toppers": "student_rankings.hall_ticket student_rankings.scope student_rankings.rank "
    "student_rankings.value"
}
_GRADED = "standings.semester standings.state standings.credits standings.points"
_HISTORY = (
    "marks.release marks.grade marks.points subjects.counts_as release_index.release "
    "release_index.exam_kind"
)
_GPA_THEN = f"marks.semester subjects.semester marks.credits {_HISTORY}"
_SAT = "standings.semester standings.credits standings.state students.lateral_entry"
_OF_STUDENT = "student_cgpas.cgpa student_cgpas.open_subjects student_cgpas.pending_subjects"
_OF_KIND = "standings.credits standings.state standings.subject_code subjects.kind"


def _ranked(stats: str) -> dict[str, str]:
    ranked = f"{stats}.mean_cgpa {stats}.with_cgpa {stats}.admission_year"
    return {
        "admission_year": f"{stats}.admission_year",
        "college_code": f"{stats}.college_code",
        "n": f"{stats}.with_cgpa",
        "mean_cgpa": f"{stats}.mean_cgpa",
        "pass_percent": f"{stats}.pass_percent",
        "rank": ranked,
        "out_of": ranked,
        "unranked_because": f"{stats}.with_cgpa",
    }


COLUMN_SOURCES: Mapping[str, Mapping[str, str]] = {
    "standings": {
        "hall_ticket": "marks.hall_ticket",
        "subject_code": "marks.subject_code subjects.counts_as",
        "semester": "marks.semester subjects.semester subjects.counts_as",
        "credits": f"marks.credits {_HISTORY}",
        "grade": _HISTORY,
        "points": _HISTORY,
        "state": _HISTORY,
        "attempts": "marks.grade release_index.exam_kind release_index.session_year "
        "release_index.session_month",
        "first_release": "marks.release",
        "cleared_release": "marks.release marks.grade",
    },
    "semester_gpas": {
        "hall_ticket": "standings.hall_ticket",
        "semester": "standings.semester",
        "credits": "standings.credits",
        "sgpa": _GRADED,
        "sgpa_printed": "results.sgpa_printed results.release release_index.release",
        "state": "standings.state",
    },
    "student_cgpas": {
        "hall_ticket": "students.hall_ticket",
        "cgpa": _GRADED,
        "credits_counted": "standings.semester standings.state standings.credits",
        "semesters_finished": "standings.semester standings.state",
        "passed_subjects": "standings.state",
        "open_subjects": "standings.state",
        "pending_subjects": "standings.state",
        "incomplete": "quarantine.status quarantine.hall_ticket results.status "
        "results.sgpa_printed results.semester semester_gpas.semester semester_gpas.state "
        "students.admission_year students.lateral_entry release_index.exam_kind",
        "incomplete_because": "quarantine.status quarantine.hall_ticket results.status "
        "results.sgpa_printed results.semester semester_gpas.semester semester_gpas.state "
        "students.admission_year students.lateral_entry release_index.exam_kind",
        "percentage": _GRADED,
        "award": f"{_GRADED} students.lateral_entry",
    },
    "student_credits": {
        "hall_ticket": "students.hall_ticket",
        "attempted": "standings.credits",
        "earned": "standings.credits standings.state",
        "open": "standings.credits standings.state",
        "pending": "standings.credits standings.state",
        "earned_theory": _OF_KIND,
        "earned_laboratory": _OF_KIND,
        "boundary": "standings.semester students.lateral_entry",
        "requirement": "standings.semester students.lateral_entry",
        "required": _SAT,
        "counted": _SAT,
        "meets_required": _SAT,
        "short_by": _SAT,
        "provisional": "standings.semester students.lateral_entry",
    },
    "student_rankings": {
        "hall_ticket": "students.hall_ticket",
        "scope": "students.college_code students.branch_code students.admission_year",
        "value": _CGPA,
        "rank": f"{_OF_STUDENT} student_cgpas.incomplete",
        "out_of": f"{_OF_STUDENT} student_cgpas.incomplete",
        "percentile": f"{_OF_STUDENT} student_cgpas.incomplete",
        "unranked_because": f"{_OF_STUDENT} student_cgpas.incomplete_because",
    },
    "college_stats": {**_COLLEGE, **_YEAR, **_COHORT, **_TOPPERS},
    "department_stats": {**_COLLEGE, **_BRANCH, **_YEAR, **_COHORT, **_TOPPERS},
    "college_rankings": _ranked("college_stats"),
    "department_rankings": {
        **_ranked("department_stats"),
        "branch_code": "department_stats.branch_code",
        "rank_in_college": "department_stats.mean_cgpa department_stats.with_cgpa "
        "department_stats.college_code",
        "rank_in_branch": "department_stats.mean_cgpa department_stats.with_cgpa "
        "department_stats.branch_code",
    },
    "demographics": {
        "dimension": "students.gender students.medium students.course students.lateral_entry "
        "students.serial",
        "value": "students.gender students.medium students.course students.lateral_entry "
        "students.serial",
        **_COLLEGE, **_BRANCH, **_YEAR, **_COHORT,
    },
    "semester_stats": {
        "release": "marks.release results.release",
        "semester": "marks.semester results.semester subjects.semester",
        "appeared": "marks.hall_ticket marks.grade",
        "all_clear": "marks.hall_ticket marks.grade",
        "pass_percent": "marks.hall_ticket marks.grade",
        "printed_lines": "results.status",
        "printed_clear": "results.sgpa_printed",
        "printed_promoted": "results.status",
        "printed_detained": "results.status",
        "statuses": "results.status",
        "with_sgpa": "results.sgpa_printed",
        "mean_sgpa": "results.sgpa_printed",
        "median_sgpa": "results.sgpa_printed",
        "lowest_sgpa": "results.sgpa_printed",
        "highest_sgpa": "results.sgpa_printed",
        "histogram": "results.sgpa_printed",
    },
    "subject_stats": {
        "subject_code": "marks.subject_code",
        "release": "marks.release release_index.exam_kind",
        "kind": "subjects.kind",
        "appeared": "marks.grade",
        "passed": "marks.grade",
        "failed": "marks.grade",
        "absent": "marks.grade",
        "pending": "marks.grade",
        "pass_percent": "marks.grade",
        "mean_points": "marks.grade",
        "grades": "marks.grade",
        "revalued": "revaluation_impact.revises",
        "revaluation_raised": "revaluation_impact.points_change",
        "revaluation_cleared": "revaluation_impact.grade_before revaluation_impact.grade_after",
        "raised_percent": "revaluation_impact.points_change",
    },
    "backlogs": {
        "hall_ticket": "standings.hall_ticket",
        "subject_code": "standings.subject_code",
        "semester": "standings.semester",
        "credits": "standings.credits",
        "since_release": "marks.release marks.grade subjects.counts_as release_index.release",
        "attempts": "standings.attempts",
        "state": "standings.state",
    },
    "revaluation_impact": {
        "release": "marks.release release_index.exam_kind",
        "hall_ticket": "marks.hall_ticket",
        "subject_code": "marks.subject_code",
        "revises": "release_index.revises",
        "grade_before": _HISTORY,
        "grade_after": _HISTORY,
        "points_change": _HISTORY,
        "outcome": _HISTORY,
        "sgpa_before": _GPA_THEN,
        "sgpa_after": _GPA_THEN,
        "cgpa_before": _GPA_THEN,
        "cgpa_after": _GPA_THEN,
    },
}  # fmt: skip


def build_column_lineage(aggregate: Aggregate) -> dg.TableColumnLineage:
    """Return the lineage of the columns of an aggregate."""
    reads = {table.name: key_of(table) for table in aggregate.reads}
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(reads[table], name)
                for table, name in (source.split(".") for source in sources.split())
                if table in reads
            ]
            for column, sources in COLUMN_SOURCES[aggregate.table.name].items()
        }
    )
