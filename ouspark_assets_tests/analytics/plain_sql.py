"""Every aggregate as a plain SQL query over the clean tables, to check the polars code against.

The queries are written from the definitions of the numbers, not from the polars code. A query may
use the tables of aggregates computed before it.
"""
# ruff: noqa: E501

SETUP = """
CREATE TEMPORARY VIEW ordered AS
SELECT release, exam_kind, revises, session_year * 12 + session_month AS session,
       row_number() OVER (ORDER BY session_year NULLS FIRST, session_month NULLS FIRST,
                          exam_kind = 'revaluation', published_on NULLS FIRST, first_seen_at,
                          release COLLATE "C") AS place
  FROM source.release_index;
CREATE TEMPORARY VIEW attempts AS
SELECT m.release, m.hall_ticket, m.subject_code AS printed_code,
       coalesce(s.counts_as, m.subject_code) AS subject_code,
       coalesce(m.semester, s.semester) AS semester, m.credits, m.grade, m.points,
       o.place, o.exam_kind, o.session,
       m.grade = ANY ('{S,A,B,C,D,E}') AS passed,
       CASE WHEN m.grade = ANY ('{S,A,B,C,D,E}') THEN 'passed' WHEN m.grade = 'F' THEN 'failed'
            WHEN m.grade = 'Ab' THEN 'absent' ELSE 'pending' END AS state
  FROM clean.marks m JOIN ordered o USING (release)
       LEFT JOIN clean.subjects s ON s.subject_code = m.subject_code;
CREATE TEMPORARY VIEW known AS
SELECT s.*, cgpa, open_subjects, incomplete, passed_subjects + open_subjects > 0 AS decided,
       open_subjects = 0 AND pending_subjects = 0 AS clear
  FROM clean.students s JOIN analytics.student_cgpas USING (hall_ticket)
 WHERE passed_subjects + open_subjects + pending_subjects > 0;
"""

_FIRST_SEMESTER = "(array_agg(semester ORDER BY place) FILTER (WHERE semester IS NOT NULL))[1]"
_BEST = "passed DESC, CASE WHEN passed THEN points END DESC NULLS LAST, place DESC"

STANDINGS = f"""
SELECT hall_ticket, subject_code, {_FIRST_SEMESTER} AS semester,
       (array_agg(credits ORDER BY {_BEST}))[1] AS credits,
       (array_agg(grade ORDER BY {_BEST}))[1] AS grade,
       (array_agg(points ORDER BY {_BEST}))[1] AS points,
       (array_agg(state ORDER BY {_BEST}))[1] AS state,
       count(DISTINCT session) FILTER (WHERE exam_kind = 'main' AND grade <> 'Ab') AS attempts,
       (array_agg(release ORDER BY place))[1] AS first_release,
       (array_agg(release ORDER BY place) FILTER (WHERE passed))[1] AS cleared_release
  FROM attempts GROUP BY hall_ticket, subject_code
"""

SEMESTER_GPAS = """
SELECT hall_ticket, semester, sum(credits) AS credits,
       CASE WHEN bool_and(state = 'passed')
            THEN round(sum(credits * points) / nullif(sum(credits), 0), 2) END AS sgpa,
       (SELECT sgpa_printed FROM clean.results r JOIN ordered o USING (release)
         WHERE (r.hall_ticket, r.semester) = (s.hall_ticket, s.semester)
           AND sgpa_printed IS NOT NULL ORDER BY place DESC LIMIT 1) AS sgpa_printed,
       CASE WHEN bool_or(state IN ('failed', 'absent')) THEN 'open'
            WHEN bool_or(state = 'pending') THEN 'pending' ELSE 'finished' END AS state
  FROM analytics.standings s WHERE semester IS NOT NULL GROUP BY hall_ticket, semester
"""

STUDENT_CGPAS = """
WITH latest AS (
  SELECT DISTINCT ON (hall_ticket, semester) hall_ticket, semester, status, sgpa_printed
    FROM clean.results JOIN ordered USING (release) ORDER BY hall_ticket, semester, place DESC),
reached AS (
  SELECT admission_year, max(semester) FILTER (WHERE NOT lateral_entry) AS regular,
         max(semester) AS any_entry
    FROM clean.results JOIN ordered USING (release) JOIN clean.students USING (hall_ticket)
   WHERE exam_kind = 'main' GROUP BY admission_year),
reasons AS (
  SELECT DISTINCT hall_ticket, 'a record is in quarantine' AS reason
    FROM clean.quarantine WHERE status = 'open'
  UNION ALL
  SELECT hall_ticket, format('semester %s is printed as %s but no open subject of it is known',
                             semester, status)
    FROM latest l
   WHERE status IN ('PROMOTED', 'ALREADY PROMOTED', 'DETAINED') AND sgpa_printed IS NULL
     AND NOT EXISTS (SELECT FROM analytics.standings s
                      WHERE (s.hall_ticket, s.semester) = (l.hall_ticket, l.semester)
                        AND s.state <> 'passed')
  UNION ALL
  SELECT hall_ticket, 'nothing is known of semester ' || string_agg(n::text, ', ' ORDER BY n)
    FROM clean.students t JOIN reached USING (admission_year)
   CROSS JOIN LATERAL generate_series(CASE WHEN lateral_entry THEN 3 ELSE 1 END,
                                      CASE WHEN lateral_entry THEN any_entry ELSE regular END) n
   WHERE NOT EXISTS (SELECT FROM analytics.standings s
                      WHERE (s.hall_ticket, s.semester) = (t.hall_ticket, n))
   GROUP BY hall_ticket),
because AS (
  SELECT hall_ticket, string_agg(reason, '; ' ORDER BY reason COLLATE "C") AS incomplete_because
    FROM reasons GROUP BY hall_ticket),
counted AS (
  SELECT hall_ticket, round(sum(s.credits * points) / nullif(sum(s.credits), 0), 2) AS cgpa,
         sum(s.credits) AS credits, count(DISTINCT semester) AS semesters
    FROM analytics.standings s JOIN analytics.semester_gpas g USING (hall_ticket, semester)
   WHERE g.state = 'finished' GROUP BY hall_ticket),
subjects AS (
  SELECT hall_ticket, count(*) FILTER (WHERE state = 'passed') AS passed,
         count(*) FILTER (WHERE state IN ('failed', 'absent')) AS open,
         count(*) FILTER (WHERE state = 'pending') AS pending
    FROM analytics.standings GROUP BY hall_ticket)
SELECT hall_ticket, cgpa, coalesce(credits, 0) AS credits_counted,
       coalesce(semesters, 0) AS semesters_finished, coalesce(passed, 0) AS passed_subjects,
       coalesce(open, 0) AS open_subjects, coalesce(pending, 0) AS pending_subjects,
       incomplete_because IS NOT NULL AS incomplete, incomplete_because,
       round((cgpa - 0.5) * 9.5, 2) AS percentage,
       CASE WHEN semesters = 8 - 2 * lateral_entry::int AND open + pending = 0
                 AND incomplete_because IS NULL
            THEN CASE WHEN cgpa >= 7.5 THEN 'First' WHEN cgpa >= 5 THEN 'Second' END END AS award
  FROM clean.students LEFT JOIN counted USING (hall_ticket) LEFT JOIN subjects USING (hall_ticket)
       LEFT JOIN because USING (hall_ticket)
"""

STUDENT_CREDITS = """
WITH latest AS (
  SELECT hall_ticket, max(s.semester) AS latest,
         CASE WHEN lateral_entry AND max(s.semester) < 3 THEN 2
              ELSE ceil(max(s.semester) / 2.0) END AS year
    FROM clean.students JOIN analytics.standings s USING (hall_ticket)
   GROUP BY hall_ticket, lateral_entry),
sums AS (
  SELECT hall_ticket, sum(credits) AS attempted,
         coalesce(sum(credits) FILTER (WHERE state = 'passed'), 0) AS earned,
         coalesce(sum(credits) FILTER (WHERE state IN ('failed', 'absent')), 0) AS open,
         coalesce(sum(credits) FILTER (WHERE state = 'pending'), 0) AS pending,
         coalesce(sum(credits) FILTER (WHERE state = 'passed' AND subject_code LIKE '_0%'), 0) AS theory,
         coalesce(sum(credits) FILTER (WHERE state = 'passed' AND subject_code NOT LIKE '_0%'), 0) AS laboratory
    FROM analytics.standings GROUP BY hall_ticket),
years AS (
  SELECT hall_ticket, year, latest,
         sum(credits) FILTER (WHERE ceil(semester / 2.0) = year) AS of_year,
         coalesce(sum(credits) FILTER (WHERE ceil(semester / 2.0) = year AND state = 'passed'), 0) AS earned,
         coalesce(sum(credits) FILTER (WHERE state IN ('failed', 'absent')), 0) AS backlog
    FROM latest JOIN analytics.standings USING (hall_ticket)
   WHERE semester IS NOT NULL GROUP BY hall_ticket, year, latest),
held AS (
  SELECT hall_ticket, year, latest,
         CASE year WHEN 1 THEN of_year / 2 WHEN 2 THEN of_year / 2 WHEN 3 THEN ceil(of_year / 2) END
           AS required,
         CASE WHEN year = 1 THEN earned WHEN year < 4 THEN backlog END AS counted
    FROM years),
short AS (
  SELECT *, greatest(CASE WHEN year = 1 THEN required - counted ELSE counted - required END, 0)
           AS short_by FROM held WHERE year < 4)
SELECT hall_ticket, coalesce(attempted, 0) AS attempted, coalesce(earned, 0) AS earned,
       coalesce(open, 0) AS open, coalesce(pending, 0) AS pending,
       coalesce(theory, 0) AS earned_theory, coalesce(laboratory, 0) AS earned_laboratory,
       CASE year WHEN 1 THEN 'II→III' WHEN 2 THEN 'IV→V' WHEN 3 THEN 'VI→VII' END AS boundary,
       CASE WHEN year = 1 THEN 'earned at least' WHEN year < 4 THEN 'backlog at most' END
         AS requirement,
       required, counted, short_by = 0 AS meets_required, short_by,
       latest < year * 2 AS provisional
  FROM clean.students LEFT JOIN sums USING (hall_ticket) LEFT JOIN short USING (hall_ticket)
"""

STUDENT_RANKINGS = """
WITH reasons AS (
  SELECT hall_ticket, cgpa, college_code, branch_code, admission_year,
         nullif(concat_ws('; ',
           CASE WHEN cgpa IS NULL THEN 'no semester is finished' END,
           CASE WHEN open_subjects > 0 THEN
             format('%s open subject%s', open_subjects, CASE WHEN open_subjects > 1 THEN 's' END) END,
           CASE WHEN pending_subjects > 0 THEN
             format('%s pending subject%s', pending_subjects, CASE WHEN pending_subjects > 1 THEN 's' END) END,
           CASE WHEN incomplete THEN 'incomplete: ' || incomplete_because END), '') AS because
    FROM clean.students JOIN analytics.student_cgpas USING (hall_ticket)),
places AS (
  SELECT *, CASE scope WHEN 'class' THEN college_code || branch_code
    WHEN 'college' THEN college_code WHEN 'branch' THEN branch_code ELSE '' END || admission_year AS place
    FROM reasons CROSS JOIN unnest('{class,college,branch,university}'::text[]) AS scope),
totals AS (SELECT scope, place, count(*) FILTER (WHERE because IS NULL) AS out_of
             FROM places GROUP BY scope, place)
SELECT hall_ticket, scope, cgpa AS value,
       CASE WHEN because IS NULL THEN
         (SELECT count(DISTINCT o.cgpa) + 1 FROM places o WHERE (o.scope, o.place) = (p.scope, p.place)
             AND o.because IS NULL AND o.cgpa > p.cgpa) END AS rank,
       out_of,
       CASE WHEN because IS NULL THEN
         round(100.0 * (SELECT count(*) FROM places o WHERE (o.scope, o.place) = (p.scope, p.place)
                           AND o.because IS NULL AND o.cgpa <= p.cgpa) / out_of, 2) END AS percentile,
       because AS unranked_because
  FROM places p JOIN totals USING (scope, place)
"""

BACKLOGS = """
SELECT hall_ticket, subject_code, semester, credits,
       (SELECT release FROM attempts a WHERE (a.hall_ticket, a.subject_code) = (s.hall_ticket, s.subject_code)
           AND a.state IN ('failed', 'absent') ORDER BY place LIMIT 1) AS since_release,
       attempts, state
  FROM analytics.standings s WHERE state IN ('failed', 'absent')
"""

_AS_OF = f"""
  SELECT page.release, page.hall_ticket, a.subject_code, {_FIRST_SEMESTER} AS semester,
         (array_agg(credits ORDER BY {_BEST}))[1] AS credits,
         (array_agg(grade ORDER BY {_BEST}))[1] AS grade,
         (array_agg(points ORDER BY {_BEST}))[1] AS points,
         bool_or(passed) AS passed
    FROM pages page JOIN attempts a ON a.hall_ticket = page.hall_ticket AND a.place {{}} page.until
   GROUP BY page.release, page.hall_ticket, a.subject_code"""


def _gpas_as_of(when: str) -> str:
    return f"""
sgpas_{when} AS (
  SELECT release, hall_ticket, semester, sum(credits) AS credits, sum(credits * points) AS weighted
    FROM {when} GROUP BY release, hall_ticket, semester HAVING bool_and(passed)),
cgpas_{when} AS (
  SELECT release, hall_ticket, round(sum(weighted) / nullif(sum(credits), 0), 2) AS cgpa
    FROM sgpas_{when} GROUP BY release, hall_ticket)"""


REVALUATION_IMPACT = f"""
WITH pages AS (SELECT DISTINCT release, hall_ticket, place AS until FROM attempts WHERE exam_kind = 'revaluation'),
before AS ({_AS_OF.format("<")}),
after AS ({_AS_OF.format("<=")}),
{_gpas_as_of("before")},
{_gpas_as_of("after")}
SELECT m.release, m.hall_ticket, m.printed_code AS subject_code, o.revises, b.grade AS grade_before,
       a.grade AS grade_after, a.points - b.points AS points_change,
       CASE WHEN a.points IS NULL THEN 'undecided' WHEN b.points IS NULL THEN 'decided'
            WHEN a.points > b.points THEN 'raised' ELSE 'unchanged' END AS outcome,
       round(sb.weighted / nullif(sb.credits, 0), 2) AS sgpa_before,
       round(sa.weighted / nullif(sa.credits, 0), 2) AS sgpa_after,
       cb.cgpa AS cgpa_before, ca.cgpa AS cgpa_after
  FROM attempts m JOIN ordered o USING (release)
       JOIN after a USING (release, hall_ticket, subject_code)
       LEFT JOIN before b USING (release, hall_ticket, subject_code)
       LEFT JOIN sgpas_before sb ON (sb.release, sb.hall_ticket, sb.semester) = (m.release, m.hall_ticket, a.semester)
       LEFT JOIN sgpas_after sa ON (sa.release, sa.hall_ticket, sa.semester) = (m.release, m.hall_ticket, a.semester)
       LEFT JOIN cgpas_before cb ON (cb.release, cb.hall_ticket) = (m.release, m.hall_ticket)
       LEFT JOIN cgpas_after ca ON (ca.release, ca.hall_ticket) = (m.release, m.hall_ticket)
 WHERE o.exam_kind = 'revaluation'
"""

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
  SELECT printed_code AS subject_code, release, count(*) FILTER (WHERE state = 'passed') AS passed,
         count(*) FILTER (WHERE state = 'failed') AS failed,
         count(*) FILTER (WHERE state = 'absent') AS absent,
         count(*) FILTER (WHERE state = 'pending') AS pending,
         round(avg(points) FILTER (WHERE state IN ('passed', 'failed')), 2) AS mean_points,
         jsonb_build_object('S', count(*) FILTER (WHERE grade = 'S'),
           'A', count(*) FILTER (WHERE grade = 'A'), 'B', count(*) FILTER (WHERE grade = 'B'),
           'C', count(*) FILTER (WHERE grade = 'C'), 'D', count(*) FILTER (WHERE grade = 'D'),
           'E', count(*) FILTER (WHERE grade = 'E'), 'F', count(*) FILTER (WHERE grade = 'F')) AS grades
    FROM attempts WHERE exam_kind = 'main' GROUP BY printed_code, release),
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
    "standings": STANDINGS,
    "semester_gpas": SEMESTER_GPAS,
    "student_cgpas": STUDENT_CGPAS,
    "student_credits": STUDENT_CREDITS,
    "student_rankings": STUDENT_RANKINGS,
    "college_stats": COLLEGE_STATS,
    "department_stats": DEPARTMENT_STATS,
    "college_rankings": COLLEGE_RANKINGS,
    "department_rankings": DEPARTMENT_RANKINGS,
    "demographics": DEMOGRAPHICS,
    "semester_stats": SEMESTER_STATS,
    "backlogs": BACKLOGS,
    "revaluation_impact": REVALUATION_IMPACT,
    "subject_stats": SUBJECT_STATS,
}
