"""The stand-in as a process: start, ready file, publication of releases, errors and shutdown."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import polars as pl
import pytest
from click.testing import CliRunner

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.standin.command import standin
from ouspark_assets.standin.process import running_standin
from ouspark_assets.standin.release_calendar import first_releases

MODULE = [sys.executable, "-m", "ouspark_assets.standin"]
NEXT = first_releases(3)[2].key


def becomes_true(condition: Callable[[], bool], timeout: float = 20) -> bool:
    deadline = time.monotonic() + timeout
    while not (result := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return result


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_two_processes_give_the_same_answers() -> None:
    with (
        running_standin(students=60, seed=11) as first,
        running_standin(students=60, seed=11) as second,
        httpx.Client() as client,
    ):
        for serial in range(1, 15):
            path = f"/res07/20250402.jsp?mbstatus&htno=160423733{serial:03d}"
            assert client.get(first.url + path).content == client.get(second.url + path).content


def test_the_process_ends_with_the_block_even_after_an_error() -> None:
    def fail_inside() -> None:
        with running_standin(students=5, releases=1) as site:
            pids.append(site.pid)
            raise KeyError(site.url)

    pids: list[int] = []
    with pytest.raises(KeyError):
        fail_inside()
    assert not is_alive(pids[0])


def test_further_releases_are_published_while_it_runs() -> None:
    with (
        running_standin(students=50, releases=2, release_after=2) as site,
        httpx.Client() as client,
    ):
        index = client.get(site.url + "/examination-results.php")

        def is_published() -> bool:
            return client.get(f"{site.url}/res07/{NEXT}.jsp").status_code == 200

        assert client.get(f"{site.url}/res07/2027becbcs.jsp").status_code == 404
        assert becomes_true(is_published)
        tag = {"If-None-Match": index.headers["etag"]}
        assert NEXT not in index.text
        assert NEXT in client.get(site.url + "/examination-results.php", headers=tag).text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_address_and_stops_cleanly(tmp_path: Path, number: int) -> None:
    ready = tmp_path / "url"
    command = [*MODULE, "--port", "0", "--students", "20", "--ready-file", str(ready)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert becomes_true(ready.exists)
        url = ready.read_text(encoding="utf-8")
        with httpx.Client() as client:
            assert client.get(url).status_code == 200
            process.send_signal(number)
            output, _ = process.communicate(timeout=30)
    assert output == f"Results site: {url}  students 20, releases 6, faults none\n"
    assert process.returncode == 0


def test_it_says_when_it_publishes_another_release() -> None:
    command = [*MODULE, "--port", "0", "--students", "20", "--releases", "1", "--release-after"]
    with subprocess.Popen([*command, "0.2"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith("faults none, another release every 0.2 s\n")
        published = process.stdout.readline()
        process.terminate()
    assert re.match(r"Published release \w+: B\.E\. ", published)


def test_it_stops_when_its_parent_process_is_gone() -> None:
    script = (
        "from ouspark_assets.standin.process import running_standin\n"
        "import time\n"
        "with running_standin(students=5, releases=1) as site:\n"
        "    print(site.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert is_alive(pid)
        starter.kill()
    assert becomes_true(lambda: not is_alive(pid))


def test_a_port_in_use_is_reported_in_one_line() -> None:
    with running_standin(students=5, releases=1) as site:
        port = int(site.url.rsplit(":", 1)[1])
        with (
            pytest.raises(SiteError, match=rf"Can't listen on 127\.0\.0\.1:{port}.*--port"),
            running_standin(students=5, releases=1, port=port),
        ):
            pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--faults", "rain"], "'rain' is not a fault profile"),
        (["--students", "9999999"], "9999999 students don't fit"),
        (["--export", "/dev/null/x"], "Can't write the truth to /dev/null/x"),
        (["--ready-file", "/nowhere/at/all"], "Can't write --ready-file /nowhere/at/all"),
    ],
)
def test_an_error_is_reported_in_one_line_with_exit_code_1(
    options: list[str], message: str
) -> None:
    done = CliRunner().invoke(standin, ["--port", "0", *options])
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_export_without_port_writes_the_truth_and_exits(tmp_path: Path) -> None:
    done = CliRunner().invoke(standin, ["--students", "30", "--export", str(tmp_path / "truth")])
    assert done.exit_code == 0
    assert "students 30" in done.stdout
    assert sorted(path.name for path in (tmp_path / "truth").iterdir()) == [
        "attempts.parquet",
        "equivalent_codes.parquet",
        "releases.parquet",
        "results.parquet",
        "semester_gpas.parquet",
        "standings.parquet",
        "student_cgpas.parquet",
        "students.parquet",
    ]
    assert len(pl.read_parquet(tmp_path / "truth" / "students.parquet")) == 30


def test_the_stand_in_imports_neither_pipeline_code_nor_slow_libraries() -> None:
    script = (
        "import sys, ouspark_assets.standin.command\n"
        "inside = [name for name in sys.modules if name.startswith('ouspark_assets.')]\n"
        "ours = {name.split('.')[1] for name in inside}\n"
        "print(sorted(ours), {'dagster', 'polars', 'pydantic'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "['domain', 'standin'] set()\n"
