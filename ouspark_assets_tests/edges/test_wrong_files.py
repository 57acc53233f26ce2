"""Unusable files raise a one-line error that names the file and says what to do."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from shutil import copy, copytree

import polars as pl
import pytest

from ouspark_assets.cli.commands import releases
from ouspark_assets.domain.errors import LakeError, UsageError
from ouspark_assets.domain.releases import require_release_key
from ouspark_assets.pipeline.scrape import MAX_TICKETS_FILE_BYTES, read_tickets_file
from ouspark_assets.sources import reference_files as reference
from ouspark_assets.sources.reference_files import FOLDER, ReferenceFileError
from ouspark_assets.sources.results_site import object_store
from ouspark_assets.sources.results_site.archive import ArchivedAnswer, PageArchive
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets_tests.edges.limits import time_limit
from ouspark_assets_tests.sources.results_site.small_site import found_page

RELEASE = "20250402"
TICKETS = [f"160421733{serial:03d}" for serial in range(1, 21)]


def require_one_line(error: Exception, *names: str) -> str:
    message = str(error)
    assert message.isprintable()
    assert all(name in message for name in names)
    return message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            b"160424733001\r\n160424733002\r\n1604\r\n",
            "line 3: a hall ticket has exactly twelve digits",
        ),
        (b"\xef\xbb\xbf160424733001\n160424733001 x\n", "line 2"),
        ("١٦٠٤٢٤٧٣٣٠٠١\n".encode(), "line 1"),
        (b"160424733001,160424733002\n", "line 1"),
        (b"160424733001\n\x1b[2J\n", "line 2"),
        (b"160424733001\n" + b"9" * 1_000_000, "line 2"),
        (b"", "contains no hall tickets"),
        (b"\xef\xbb\xbf\r\n\r\n", "contains no hall tickets"),
        ("160424733001\n".encode("utf-16"), "not a text file"),
        (b"\0" * 1000, "line 1"),
        (b"#" * (MAX_TICKETS_FILE_BYTES + 1), "more than 16000000 bytes"),
    ],
    ids=[
        "a bad line",
        "text after the ticket",
        "digits of another script",
        "commas",
        "escapes",
        "an endless line",
        "nothing",
        "only a byte order mark",
        "UTF-16",
        "NULs",
        "too much",
    ],
)
def test_the_error_for_an_unusable_tickets_file_names_it(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "tickets"
    path.write_bytes(content)
    with pytest.raises(UsageError) as error:
        read_tickets_file(path)
    assert expected in require_one_line(error.value, str(path))


@pytest.mark.parametrize("place", ["/dev/zero", "/proc/self/mem", "."])
def test_an_endless_tickets_file_or_a_folder_is_refused(place: str) -> None:
    with time_limit(), pytest.raises(UsageError) as error:
        read_tickets_file(Path(place))
    require_one_line(error.value, place)


def test_a_tickets_file_from_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tickets"
    path.write_bytes(b"\xef\xbb\xbf160424733001\r\n\r\n# more\r\n160424733002\r\n160424733001")
    assert read_tickets_file(path) == ("160424733001", "160424733002")


@pytest.mark.parametrize(
    "key",
    [
        "",
        " ",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "a" * 65,
        "ü",
        "a\0b",
        "a\n",
        "٢٠٢٥",
        "\udcff",
        "%2e",
    ],
    ids=ascii,
)
def test_an_invalid_release_key_is_refused_before_it_becomes_a_path(
    tmp_path: Path, key: str
) -> None:
    with pytest.raises(UsageError, match="is not a release key") as error:
        require_release_key(key)
    require_one_line(error.value)
    archive = PageArchive(str(tmp_path / "lake"))
    for use in (archive.answers, archive.read_marker, archive.delete_marker, archive.compact):
        with pytest.raises(UsageError):
            use(key)
    with pytest.raises(UsageError):
        archive.write_marker(key, {})
    with pytest.raises(UsageError, match="is not a release key"):
        releases.main(["add", "--", key], standalone_mode=False)
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A copy of the reference files that a test may damage."""
    return copytree(FOLDER, tmp_path / "reference", ignore=lambda *_: ["__pycache__"])


@pytest.mark.parametrize(
    "content",
    [
        "branch_code,name,short_name\n733,ü,A\n".encode("cp1252"),
        "branch_code,name,short_name\n".encode("utf-16"),
        b"branch_code,name,short_name\n733," + b"x" * 200_000 + b",A\n",
        b"branch_code,name,short_name\n733,A\0B,A\n",
        b"branch_code,name,short_name\n733,\x1b[2J,A\n",
        b"branch_code;name;short_name\n733;A;B\n",
        b"name,branch_code,short_name\nA,733,B\n",
        b"branch_code,name,short_name,more\n733,A,B,C\n",
        b"\x89PNG\r\n\x1a\n",
    ],
    ids=[
        "another encoding",
        "UTF-16",
        "an endless value",
        "a NUL",
        "escapes",
        "semicolons",
        "columns in another order",
        "a column too many",
        "a picture",
    ],
)
def test_the_error_for_an_unusable_reference_file_names_it(tables: Path, content: bytes) -> None:
    path = tables / "branches.csv"
    path.write_bytes(content)
    with pytest.raises(ReferenceFileError) as error:
        reference.read_branches(tables)
    require_one_line(error.value, str(path))


def lake(folder: Path) -> Path:
    """Write a lake of two parts and return the path of the first one."""
    archive, at = PageArchive(str(folder)), datetime(2025, 4, 2, tzinfo=UTC)
    for tickets in (TICKETS[:10], TICKETS[10:]):
        archive.write(
            RELEASE,
            [
                ArchivedAnswer(ticket, Outcome.FOUND, 200, at, 1, 1, found_page(ticket))
                for ticket in tickets
            ],
        )
    return folder / archive.parts(RELEASE)[0]


def rewritten(**columns: pl.Expr) -> Callable[[Path], object]:
    return lambda part: pl.read_parquet(part).with_columns(**columns).write_parquet(part)


def replaced(content: bytes) -> Callable[[Path], object]:
    return lambda part: part.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": replaced(b""),
    "cut": lambda part: part.write_bytes(part.read_bytes()[:300]),
    "without its end": lambda part: part.write_bytes(part.read_bytes()[:-100]),
    "text": replaced(b"no parquet at all\n" * 100),
    "zeros": replaced(bytes(5000)),
    "of other columns": lambda part: pl.DataFrame({"a": [1]}).write_parquet(part),
    "without a column": lambda part: pl.read_parquet(part).drop("outcome").write_parquet(part),
    "of other types": rewritten(hall_ticket=pl.lit(1)),
    "of other times": rewritten(fetched_at=pl.lit("2025-04-02")),
    "of unknown outcomes": rewritten(outcome=pl.lit("perhaps")),
    "of pages without body": rewritten(body=pl.lit(None, dtype=pl.Binary)),
    "of pages that changed": rewritten(body=pl.lit(b"<html>10</html>", dtype=pl.Binary)),
    "of digests that changed": rewritten(sha256=pl.lit("0" * 64)),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_the_error_for_a_damaged_part_names_it_and_says_what_to_do(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    part = lake(tmp_path)
    damage(part)
    archive = PageArchive(str(tmp_path))
    with pytest.raises(LakeError) as error:
        list(archive.pages(RELEASE))
    expected = require_one_line(error.value, part.name, "is damaged", "run again")
    assert "Restore it from a backup, or move it away" in expected
    part.unlink()
    assert archive.answers(RELEASE)["hall_ticket"].to_list() == TICKETS[10:]


@pytest.mark.parametrize(
    "name",
    ["README.txt", "part-1.parquet.tmp", ".part-1.parquet", "part-1.csv", "_complete.json.bak"],
)
def test_other_files_in_the_lake_are_ignored(tmp_path: Path, name: str) -> None:
    part = lake(tmp_path)
    part.with_name(name).write_bytes(b"whatever")
    copytree(part.parent, part.parent.with_name("release=..odd"))
    copytree(part.parent, part.parent.with_name("notes"))
    archive = PageArchive(str(tmp_path))
    assert archive.releases() == [RELEASE]
    assert archive.answers(RELEASE).height == len(TICKETS)


def test_a_duplicate_part_counts_once(tmp_path: Path) -> None:
    part = lake(tmp_path)
    copy(part, part.with_name("part-a copy #1 %20.parquet"))
    assert PageArchive(str(tmp_path)).answers(RELEASE).height == len(TICKETS)


@pytest.mark.parametrize(
    "marker", [b"", b"null", b"[1]", b"\xff", b'{"searched": 1', b'{"plan": {}}', b"\0" * 100]
)
def test_a_damaged_marker_counts_as_missing(tmp_path: Path, marker: bytes) -> None:
    part = lake(tmp_path)
    part.with_name("_complete.json").write_bytes(marker)
    found = PageArchive(str(tmp_path)).read_marker(RELEASE)
    assert found is None or found == {"plan": {}}


@pytest.mark.parametrize(
    ("place", "endpoint"),
    [
        ("file", ""),
        ("file/below", ""),
        ("/proc/lake", ""),
        ("x" * 300, ""),
        ("s3://", ""),
        ("s3://bucket", "nonsense"),
        ("s3://bucket", "http://127.0.0.1:1"),
    ],
)
def test_an_unusable_lake_raises_a_one_line_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, endpoint: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(object_store, "RETRY_POLICY", {"max_retries": 1})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "hunter2")
    # Keeps the library from asking the network for credentials.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with time_limit(), pytest.raises(LakeError) as error:
        PageArchive(place).releases()
    assert "hunter2" not in require_one_line(error.value, place, "OUSPARK_LAKE")
