"""Every aggregate a second time, in plain SQL over the clean tables and nothing clever.

Written from what the numbers mean, not from how the frames compute them; a query may use the
tables of aggregates that come before it.
"""
# ruff: noqa: E501

from ouspark_assets_tests.analytics import plain_sql_of_students as students

SETUP = students.SETUP

_COHORT = """
       count(*) AS students, count(*) FILTER (WHERE decided) AS decided,
       count(*) FILTER (WHERE clear) AS all_clear,
       count(*) FILTER (WHERE open_subjects > 0) AS with_backlogs,
       count(*) FILTER (WHERE incomplete) AS incomplete,
       round(100.0 * count(*) FILTER (WHERE clear) / nullif(count(*) FILTER (WHERE decided), 0), 2)
         AS pass_percent,
       count(cgpa) AS with_cgpa, round(avg(cgpa), 2) AS mean_cgpa,
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY cgpa::float))::numeric, 2) AS median_cgpa,
       min(cgpa) AS lowest_cgpa, max(cgpa) AS highest_cgpa"""


def _stats(key: str, scope: str) -> str:
    return f"""
SELECT {key}, {_COHORT},
       coalesce((SELECT jsonb_agg(jsonb_build_object('rank', rank, 'hall_ticket', hall_ticket,
                                                     'cgpa', value) ORDER BY rank, hall_ticket)
                   FROM analytics.student_rankings JOIN clean.students USING (hall_ticket)
                  WHERE scope = '{scope}' AND rank <= 10
                    AND ({key}) = ({", ".join(f"k.{name}" for name in key.split(", "))})), '[]')
         AS toppers
  FROM known k GROUP BY {key}
"""


COLLEGE_STATS = _stats("college_code, admission_year", "college")
DEPARTMENT_STATS = _stats("college_code, branch_code, admission_year", "class")


def _rankings(stats: str, key: str, more: str = "") -> str:
    return f"""
WITH big AS (SELECT * FROM analytics.{stats} WHERE with_cgpa >= 5),
ranks AS (SELECT {key}, dense_rank() OVER (PARTITION BY admission_year ORDER BY mean_cgpa DESC)
                 AS rank {more} FROM big)
SELECT *, (SELECT count(*) FROM big b WHERE b.admission_year = s.admission_year) AS out_of,
       CASE WHEN with_cgpa < 5 THEN format('%s of at least 5 students have a CGPA', with_cgpa) END
         AS unranked_because, with_cgpa AS n
  FROM analytics.{stats} s LEFT JOIN ranks USING ({key})
"""


COLLEGE_RANKINGS = _rankings("college_stats", "college_code, admission_year")
DEPARTMENT_RANKINGS = _rankings(
    "department_stats",
    "college_code, branch_code, admission_year",
    """, dense_rank() OVER (PARTITION BY admission_year, college_code ORDER BY mean_cgpa DESC)
         AS rank_in_college,
       dense_rank() OVER (PARTITION BY admission_year, branch_code ORDER BY mean_cgpa DESC)
         AS rank_in_branch""",
)

DEMOGRAPHICS = f"""
WITH valued AS (
  SELECT known.*, dimension, coalesce(value, 'unknown') AS value FROM known CROSS JOIN LATERAL (
    VALUES ('gender', gender), ('medium', medium), ('course', course),
           ('lateral_entry', CASE WHEN lateral_entry THEN 'yes' ELSE 'no' END))
    AS of (dimension, value))
SELECT dimension, value, college_code, branch_code, admission_year, {_COHORT} FROM valued
 GROUP BY dimension, value, CUBE (college_code, branch_code, admission_year)
UNION ALL
SELECT 'section', section, college_code, branch_code, admission_year, {_COHORT}
  FROM (SELECT *, CASE WHEN lateral_entry THEN 'unknown' ELSE ((serial + 9) / 10)::text END AS section
          FROM known) AS sections
 GROUP BY section, college_code, branch_code, admission_year
"""

SEMESTER_STATS = """
WITH pages AS (
  SELECT release, hall_ticket, semester, bool_or(grade <> 'Ab') AS appeared, bool_and(passed) AS clear
    FROM attempts WHERE semester IS NOT NULL GROUP BY release, hall_ticket, semester),
sat AS (SELECT release, semester, count(*) FILTER (WHERE appeared) AS appeared,
               count(*) FILTER (WHERE clear) AS all_clear FROM pages GROUP BY release, semester),
lines AS (
  SELECT release, semester, count(*) AS printed_lines, count(sgpa_printed) AS printed_clear,
         count(*) FILTER (WHERE status = 'PROMOTED') AS printed_promoted,
         count(*) FILTER (WHERE status = 'DETAINED') AS printed_detained,
         count(sgpa_printed) AS with_sgpa, round(avg(sgpa_printed), 2) AS mean_sgpa,
         round((percentile_cont(0.5) WITHIN GROUP (ORDER BY sgpa_printed::float))::numeric, 2)
           AS median_sgpa,
         min(sgpa_printed) AS lowest_sgpa, max(sgpa_printed) AS highest_sgpa
    FROM clean.results GROUP BY release, semester),
statuses AS (SELECT release, semester, jsonb_object_agg(status, n) AS statuses FROM (
  SELECT release, semester, status, count(*) AS n FROM clean.results GROUP BY 1, 2, 3) s GROUP BY 1, 2),
bands AS (SELECT release, semester, jsonb_object_agg(band, n) AS histogram FROM (
  SELECT release, semester, least(floor(sgpa_printed * 2) / 2, 9.5)::numeric(3, 1) AS band,
         count(*) AS n FROM clean.results WHERE sgpa_printed IS NOT NULL GROUP BY 1, 2, 3) b
  GROUP BY 1, 2)
SELECT release, semester, coalesce(appeared, 0) AS appeared, coalesce(all_clear, 0) AS all_clear,
       round(100.0 * all_clear / nullif(appeared, 0), 2) AS pass_percent,
       coalesce(printed_lines, 0) AS printed_lines, coalesce(printed_clear, 0) AS printed_clear,
       coalesce(printed_promoted, 0) AS printed_promoted,
       coalesce(printed_detained, 0) AS printed_detained, coalesce(statuses, '{}') AS statuses,
       coalesce(with_sgpa, 0) AS with_sgpa, mean_sgpa, median_sgpa, lowest_sgpa, highest_sgpa,
       coalesce(histogram, '{}') AS histogram
  FROM sat FULL JOIN lines USING (release, semester) LEFT JOIN statuses USING (release, semester)
       LEFT JOIN bands USING (release, semester)
"""

SUBJECT_STATS = """
WITH counted AS (
  SELECT subject_code, release, count(*) FILTER (WHERE state = 'passed') AS passed,
         count(*) FILTER (WHERE state = 'failed') AS failed,
         count(*) FILTER (WHERE state = 'absent') AS absent,
         count(*) FILTER (WHERE state = 'pending') AS pending,
         round(avg(points) FILTER (WHERE state IN ('passed', 'failed')), 2) AS mean_points,
         jsonb_build_object('S', count(*) FILTER (WHERE grade = 'S'),
           'A', count(*) FILTER (WHERE grade = 'A'), 'B', count(*) FILTER (WHERE grade = 'B'),
           'C', count(*) FILTER (WHERE grade = 'C'), 'D', count(*) FILTER (WHERE grade = 'D'),
           'E', count(*) FILTER (WHERE grade = 'E'), 'F', count(*) FILTER (WHERE grade = 'F')) AS grades
    FROM attempts WHERE exam_kind = 'main' GROUP BY subject_code, release),
revalued AS (
  SELECT subject_code, revises AS release, count(*) AS revalued,
         count(*) FILTER (WHERE points_change > 0) AS raised,
         count(*) FILTER (WHERE coalesce(grade_before, '') <> ALL ('{S,A,B,C,D,E}')
                            AND grade_after = ANY ('{S,A,B,C,D,E}')) AS cleared
    FROM analytics.revaluation_impact GROUP BY subject_code, revises)
SELECT subject_code, release,
       CASE WHEN subject_code LIKE '_0%' THEN 'theory' ELSE 'laboratory' END AS kind,
       passed + failed AS appeared, passed, failed, absent, pending,
       round(100.0 * passed / nullif(passed + failed, 0), 2) AS pass_percent, mean_points, grades,
       coalesce(revalued, 0) AS revalued, coalesce(raised, 0) AS revaluation_raised,
       coalesce(cleared, 0) AS revaluation_cleared,
       round(100.0 * raised / revalued, 2) AS raised_percent
  FROM counted LEFT JOIN revalued USING (subject_code, release)
"""

QUERIES = {
    "standings": students.STANDINGS,
    "semester_gpas": students.SEMESTER_GPAS,
    "student_cgpas": students.STUDENT_CGPAS,
    "student_credits": students.STUDENT_CREDITS,
    "student_rankings": students.STUDENT_RANKINGS,
    "college_stats": COLLEGE_STATS,
    "department_stats": DEPARTMENT_STATS,
    "college_rankings": COLLEGE_RANKINGS,
    "department_rankings": DEPARTMENT_RANKINGS,
    "demographics": DEMOGRAPHICS,
    "semester_stats": SEMESTER_STATS,
    "backlogs": students.BACKLOGS,
    "revaluation_impact": students.REVALUATION_IMPACT,
    "subject_stats": SUBJECT_STATS,
}
