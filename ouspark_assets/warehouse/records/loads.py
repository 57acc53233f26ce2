"""`ops.loads` and `ops.accounts`: the loaded pages of each release, and the counts of their rows.

A load stores the fingerprint of the pages that it read, so that a run can tell whether the lake
contains pages that are not loaded, and whether they came from the stand-in.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.writing import Writer


def mark_loaded(
    writer: Writer, release: str, fingerprint: str, layout: str, *, fictitious: bool
) -> None:
    """Store the fingerprint of the loaded pages, their layout, and whether they are invented."""
    writer.connection.execute(
        """
        INSERT INTO ops.loads (release, fingerprint, layout, fictitious, run_id)
        VALUES (%(release)s, %(fingerprint)s, %(layout)s, %(fictitious)s, %(run)s)
        ON CONFLICT (release) DO UPDATE
           SET fingerprint = EXCLUDED.fingerprint, layout = EXCLUDED.layout,
               fictitious = EXCLUDED.fictitious, run_id = EXCLUDED.run_id, loaded_at = now()
         WHERE (loads.fingerprint, loads.layout, loads.fictitious)
            <> (EXCLUDED.fingerprint, EXCLUDED.layout, EXCLUDED.fictitious)
        """,
        {
            "release": release,
            "fingerprint": fingerprint,
            "layout": layout,
            "fictitious": fictitious,
            "run": writer.run_id,
        },
    )


def store_accounts(writer: Writer, release: str, accounting: pl.DataFrame) -> None:
    """Store per table how many rows were found, accepted, collapsed and quarantined."""
    for table, found, accepted, collapsed, quarantined in accounting.iter_rows():
        writer.connection.execute(
            """
            INSERT INTO ops.accounts VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (release, table_name) DO UPDATE
               SET found = EXCLUDED.found, accepted = EXCLUDED.accepted,
                   collapsed = EXCLUDED.collapsed, quarantined = EXCLUDED.quarantined,
                   run_id = EXCLUDED.run_id
            """,
            (release, table, found, accepted, collapsed, quarantined, writer.run_id),
        )


def loaded_fingerprints(connection: Connection) -> Mapping[str, str]:
    """Return the fingerprint of the loaded pages of each release."""
    return dict(connection.execute("SELECT release, fingerprint FROM ops.loads").fetchall())


def fictitious_releases(connection: Connection) -> list[str]:
    """Return the loaded releases with students whom the stand-in has invented."""
    rows = connection.execute(
        "SELECT release FROM ops.loads WHERE fictitious ORDER BY release"
    ).fetchall()
    return [release for (release,) in rows]


def layouts_of_others(connection: Connection, release: str) -> list[str]:
    """Return the stored page layouts of all other releases."""
    rows = connection.execute(
        "SELECT layout::text FROM ops.loads WHERE release <> %s ORDER BY release", (release,)
    ).fetchall()
    return [layout for (layout,) in rows]


def find_unbalanced_accounts(
    connection: Connection, releases: Sequence[str]
) -> list[tuple[str, str]]:
    """Return the tables of these releases whose accounts do not add up, with the numbers."""
    rows = connection.execute(_UNBALANCED, {"releases": list(releases)}).fetchall()
    return [(table, line) for table, line in rows]


def releases_with_pending_results(connection: Connection, releases: Sequence[str]) -> list[str]:
    """Return the releases whose results are partly still to come.

    They have a pending grade, e.g. result later, or a hall ticket with a sentence instead of a
    result, e.g. withheld.
    """
    rows = connection.execute(
        """
        SELECT asked.release FROM unnest(%s::text[]) AS asked (release)
         WHERE EXISTS (SELECT FROM clean.marks AS m
                        WHERE m.release = asked.release AND m.points IS NULL)
            OR EXISTS (SELECT FROM clean.no_results AS n WHERE n.release = asked.release)
        """,
        (list(releases),),
    ).fetchall()
    return [release for (release,) in rows]


_UNBALANCED = """
WITH stored AS (
  SELECT release, 'appearances' AS table_name, count(*) AS n FROM clean.appearances
   WHERE release = ANY(%(releases)s) GROUP BY release
  UNION ALL
  SELECT release, 'results', count(*) FROM clean.results
   WHERE release = ANY(%(releases)s) GROUP BY release
  UNION ALL
  SELECT release, 'marks', count(*) FROM clean.marks
   WHERE release = ANY(%(releases)s) GROUP BY release
)
SELECT a.table_name,
       format('%%s: %%s found, %%s accepted, %%s collapsed, %%s quarantined; %%s stored',
              a.release, a.found, a.accepted, a.collapsed, a.quarantined, coalesce(s.n, 0))
  FROM ops.accounts a
  LEFT JOIN stored s USING (release, table_name)
 WHERE a.release = ANY(%(releases)s) AND a.table_name <> 'pages'
   AND (a.found <> a.accepted + a.collapsed + a.quarantined OR a.accepted <> coalesce(s.n, 0))
 ORDER BY a.release, a.table_name
"""
