"""A full disk and unusable Dagster records give a one-line error without a traceback."""

import os
import subprocess
from pathlib import Path

from ouspark_assets_tests.support.pipeline import BIN

# Every system has a limit on the size of files; not every system has a device that is always full.
WITH_FULL_DISK = ["sh", "-c", 'ulimit -f 0 && exec "$@"', "sh"]


def test_a_full_disk_is_reported_in_one_line(tmp_path: Path) -> None:
    with (tmp_path / "printed").open("w") as output:
        done = subprocess.run(
            [*WITH_FULL_DISK, str(BIN / "ouspark"), "services", "status"],
            env={**os.environ, "OUSPARK_HOME": str(tmp_path / "home")},
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: Cannot write a file: File too large.")


def test_unreadable_dagster_records_are_reported_in_one_line(
    tmp_path: Path, development_dsn: str
) -> None:
    history = tmp_path / "home" / "dagster" / "history"
    history.mkdir(parents=True)
    (history / "runs.db").write_text("truncated by a full disk")
    done = subprocess.run(
        [str(BIN / "ouspark"), "run"],
        env={
            **os.environ,
            "OUSPARK_HOME": str(tmp_path / "home"),
            "OUSPARK_DEV_DSN": development_dsn,
            "OUSPARK_PROD_DSN": development_dsn,
            "OUSPARK_REDIS_URL": "redis://127.0.0.1:1/0",
            "OUSPARK_SITE_URL": "http://127.0.0.1:1",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "Error: Dagster's own records cannot be read or written: file is not a database. Check"
    )
    assert "Traceback" not in done.stderr
