"""Only its owner may read what the home and the lake contain."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ouspark_assets.services import private_files
from ouspark_assets.services.private_files import make_private, restrict_permissions
from ouspark_assets_tests.support.pipeline import BIN, ROOT

PART = "raw/result_pages/release=20250402/part-1.parquet"


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0o022)
    private_files._correct_once.cache_clear()
    yield
    os.umask(before)


def create(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("a page", "utf-8")


def readable_by_others(root: Path) -> list[str]:
    paths = [root, *root.rglob("*")]
    return sorted(
        str(path) for path in paths if not path.is_symlink() and path.stat().st_mode & 0o077
    )


@pytest.mark.parametrize("home_mode", [0o755, 0o700])
def test_an_existing_home_is_made_private_as_a_whole(tmp_path: Path, home_mode: int) -> None:
    home = tmp_path / "home"
    create(home, f"lake/{PART}", "dagster/history/runs/1.db", "alerts.sqlite", "logs/redis.log")
    home.chmod(home_mode)
    # Files directly in a home that was private already are protected by it.
    if home_mode == 0o700:
        (home / "alerts.sqlite").chmod(0o600)
    restrict_permissions(home, str(home / "lake"))
    assert readable_by_others(home) == []


def test_a_lake_elsewhere_is_made_private(tmp_path: Path) -> None:
    create(tmp_path / "lake", PART, "forgotten/digest")
    restrict_permissions(tmp_path / "home", str(tmp_path / "lake"))
    assert readable_by_others(tmp_path / "lake") == []


def test_a_folder_of_a_release_is_corrected_inside_a_private_lake(tmp_path: Path) -> None:
    create(tmp_path / "lake", PART)
    for folder in ("", "raw", "raw/result_pages"):
        (tmp_path / "lake" / folder).chmod(0o700)
    restrict_permissions(tmp_path / "home", str(tmp_path / "lake"))
    assert readable_by_others(tmp_path / "lake") == []


def test_everything_created_afterwards_is_private(tmp_path: Path) -> None:
    restrict_permissions(tmp_path / "home", "s3://bucket/lake")
    create(tmp_path / "home", f"lake/{PART}")
    assert readable_by_others(tmp_path / "home") == []


def test_a_folder_that_also_has_other_content_is_left_open(tmp_path: Path) -> None:
    create(tmp_path, f"lake/{PART}", "photos/holiday.jpg")
    restrict_permissions(tmp_path, str(tmp_path / "lake"))
    assert readable_by_others(tmp_path / "lake") == []
    assert (tmp_path / "photos/holiday.jpg").stat().st_mode & 0o777 == 0o644


def test_symbolic_links_are_not_followed(tmp_path: Path) -> None:
    create(tmp_path, "elsewhere/file", "reports/1604/sheet.xlsx")
    (tmp_path / "reports/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "reports/file").symlink_to(tmp_path / "elsewhere/file")
    make_private(tmp_path / "reports", 0)
    assert readable_by_others(tmp_path / "reports") == []
    assert (tmp_path / "elsewhere/file").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o755


def test_a_folder_whose_content_is_private_is_not_searched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(tmp_path, *(f"raw/result_pages/release=a/part-{number}" for number in range(100)))
    make_private(tmp_path / "raw", 2)
    searched: list[str] = []
    scan = os.scandir

    def record(folder: Path) -> "os._ScandirIterator[str]":
        searched.append(str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", record)
    make_private(tmp_path / "raw", 2)
    assert searched == [str(tmp_path / "raw"), str(tmp_path / "raw/result_pages")]


def test_a_dagster_command_creates_a_private_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = subprocess.run(
        [str(BIN / "dagster"), "run", "list"],
        env={**os.environ, "OUSPARK_HOME": str(home), "DAGSTER_HOME": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (home / "dagster/history").is_dir()
    assert readable_by_others(home) == []


@pytest.mark.parametrize("command", [("ouspark", "run"), ("dagster", "run", "list")])
def test_a_home_that_cannot_be_created_is_one_line(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        env={
            **os.environ,
            "OUSPARK_HOME": str(tmp_path / "file/home"),
            "DAGSTER_HOME": str(ROOT),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: Dagster's state can't be stored in {tmp_path / 'file/home'}:")
