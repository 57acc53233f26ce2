"""The archive of pages, in a folder and on S3."""

import hashlib
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import polars as pl
import pytest
from moto.server import ThreadedMotoServer

from ouspark_assets.domain.errors import LakeError, UsageError
from ouspark_assets.sources.results_site.archive import COLUMNS, ArchivedAnswer, PageArchive
from ouspark_assets.sources.results_site.forgotten_tickets import ListKey
from ouspark_assets.sources.results_site.object_store import ObjectStore
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets_tests.sources.results_site.small_site import found_page, sentence_page

RELEASE = "20250402"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FOUND, NOT_FOUND, FAILED = Outcome.FOUND, Outcome.NOT_FOUND, Outcome.FAILED


def ticket(serial: int) -> str:
    return f"160421733{serial:03d}"


def answer(
    serial: int, outcome: Outcome = FOUND, *, minutes: int = 0, text: str = ""
) -> ArchivedAnswer:
    bodies = {
        FOUND: found_page(ticket(serial), status=text or "PASSED-8"),
        NOT_FOUND: sentence_page(ticket(serial)),
    }
    return ArchivedAnswer(
        ticket(serial),
        outcome,
        200 if outcome is not FAILED else None,
        NOW + timedelta(minutes=minutes),
        1,
        12,
        bodies.get(outcome),
        "timeout" if outcome is FAILED else None,
    )


@pytest.fixture(params=["folder", "s3"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> PageArchive:
    key = ListKey(tmp_path / "forgotten.key")
    if request.param == "folder":
        return PageArchive(str(tmp_path / "lake"), key)
    return PageArchive(request.getfixturevalue("bucket") + f"/{tmp_path.name}", key)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up-too")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    httpx.put(f"{s3_server}/lake").raise_for_status()
    return "s3://lake"


def outcomes(archive: PageArchive) -> dict[str, str]:
    return dict(archive.answers(RELEASE).select("hall_ticket", "outcome").iter_rows())


def bodies(archive: PageArchive, **options: object) -> dict[str, bytes]:
    frames = list(archive.pages(RELEASE, **options))
    return dict(pl.concat(frames).select("hall_ticket", "body").iter_rows()) if frames else {}


def test_answers_are_read_back_unchanged(archive: PageArchive) -> None:
    path = archive.write(RELEASE, [answer(1), answer(2, NOT_FOUND), answer(3, FAILED)])
    assert path.startswith(f"raw/result_pages/release={RELEASE}/part-")
    assert archive.releases() == [RELEASE]
    assert outcomes(archive) == {ticket(1): "found", ticket(2): "not_found", ticket(3): "failed"}
    page = next(archive.pages(RELEASE))
    assert page.columns == ["hall_ticket", "sha256", "body"]
    assert page.rows() == [
        (ticket(1), hashlib.sha256(found_page(ticket(1), status="PASSED-8")).hexdigest(),
         found_page(ticket(1), status="PASSED-8")),
    ]  # fmt: skip


def test_an_empty_lake_has_no_releases_answers_or_pages(archive: PageArchive) -> None:
    assert archive.releases() == []
    assert archive.answers(RELEASE).is_empty()
    assert list(archive.pages(RELEASE)) == []
    assert archive.known_tickets().is_empty()
    assert archive.read_marker(RELEASE) is None
    assert archive.forget(ticket(1)) == 0


def test_a_part_begins_with_the_documented_columns(archive: PageArchive) -> None:
    path = archive.write(RELEASE, [answer(1)])
    columns = ["release", "hall_ticket", "outcome", "http_status", "fetched_at", "attempts",
               "elapsed_ms", "sha256", "body"]  # fmt: skip
    frame = ObjectStore(archive.location).read_columns(path, COLUMNS)
    assert frame is not None
    assert frame.columns[: len(columns)] == columns


def test_the_latest_answer_counts(archive: PageArchive) -> None:
    archive.write(RELEASE, [answer(1, NOT_FOUND, minutes=5), answer(2, minutes=0, text="OLD")])
    archive.write(RELEASE, [answer(1, FOUND, minutes=9), answer(2, minutes=1, text="NEW")])
    assert outcomes(archive)[ticket(1)] == "found"
    assert b"NEW" in bodies(archive)[ticket(2)]


def test_a_later_failure_never_hides_an_answer(archive: PageArchive) -> None:
    archive.write(RELEASE, [answer(1), answer(2, NOT_FOUND), answer(3, FAILED)])
    archive.write(RELEASE, [answer(serial, FAILED, minutes=9) for serial in (1, 2, 3)])
    assert list(outcomes(archive).values()) == ["found", "not_found", "failed"]


def test_the_fingerprint_of_a_release_changes_with_its_pages_and_nothing_else(
    archive: PageArchive,
) -> None:
    archive.write(RELEASE, [answer(1), answer(2, NOT_FOUND)])
    before = archive.fingerprint(RELEASE)
    archive.write(RELEASE, [answer(1, minutes=5), answer(3, FAILED)])
    assert archive.fingerprint(RELEASE) == before
    archive.write(RELEASE, [answer(1, minutes=9, text="PASSED-9")])
    changed = archive.fingerprint(RELEASE)
    archive.write(RELEASE, [answer(2, minutes=9)])
    assert len({before, changed, archive.fingerprint(RELEASE)}) == 3


def test_pages_are_read_in_batches_and_by_ticket(archive: PageArchive) -> None:
    archive.write(RELEASE, [answer(serial) for serial in range(1, 8)])
    archive.write(RELEASE, [answer(serial) for serial in range(8, 11)])
    assert [frame.height for frame in archive.pages(RELEASE, 3)] == [3, 3, 1, 3]
    chosen = bodies(archive, tickets=[ticket(2), ticket(9), "999999999999"])
    assert set(chosen) == {ticket(2), ticket(9)}


def test_known_tickets_have_their_releases_and_whether_the_last_page_is_settled(
    archive: PageArchive,
) -> None:
    archive.write("20240511", [answer(1, text="PROMOTED--"), answer(2), answer(3, NOT_FOUND)])
    archive.write(RELEASE, [answer(1, minutes=-60), answer(2, minutes=-60, text="PROMOTED--")])
    known = archive.known_tickets(["20240511", RELEASE])
    assert known.select("hall_ticket", "releases", "settled").rows() == [
        (ticket(1), ["20240511", RELEASE], True),
        (ticket(2), ["20240511", RELEASE], False),
    ]
    assert known["latest"].to_list() == [NOW, NOW]


def test_forget_removes_all_answers_of_one_ticket_only(archive: PageArchive) -> None:
    archive.write(RELEASE, [answer(1), answer(2)])
    archive.write(RELEASE, [answer(1, FAILED)])
    archive.write("20240511", [answer(1)])
    assert archive.forget(ticket(1)) == 3
    assert set(outcomes(archive)) == {ticket(2)}
    assert archive.known_tickets()["hall_ticket"].to_list() == [ticket(2)]
    assert len(archive.parts(RELEASE)) == 1


def test_compact_merges_small_parts_without_changing_what_is_read(archive: PageArchive) -> None:
    for serial in range(1, 6):
        archive.write(RELEASE, [answer(serial), answer(9, NOT_FOUND, minutes=serial)])
    before = outcomes(archive), bodies(archive)
    assert archive.compact(RELEASE) == 4
    assert (outcomes(archive), bodies(archive)) == before
    assert archive.compact(RELEASE) == 0


def test_a_compaction_that_dies_loses_and_duplicates_nothing(
    archive: PageArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    for serial in range(1, 6):
        archive.write(RELEASE, [answer(serial)])
    before = bodies(archive)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ObjectStore, "delete", die)
        with pytest.raises(KeyboardInterrupt):
            archive.compact(RELEASE)
    assert bodies(archive) == before
    archive.compact(RELEASE)
    assert bodies(archive) == before
    rows = [
        ObjectStore(archive.location).read_columns(path, {"hall_ticket": pl.String()})
        for path in archive.parts(RELEASE)
    ]
    assert sum(frame.height for frame in rows if frame is not None) == 5


def test_a_compaction_does_not_disturb_a_reader(archive: PageArchive) -> None:
    for serial in range(1, 6):
        archive.write(RELEASE, [answer(serial)])
    pages = archive.pages(RELEASE)
    seen = next(pages)["hall_ticket"].to_list()
    archive.compact(RELEASE)
    for frame in pages:
        seen += frame["hall_ticket"].to_list()
    assert sorted(seen) == [ticket(serial) for serial in range(1, 6)]


def test_concurrent_writers_never_overwrite_each_other(archive: PageArchive) -> None:
    def write(first: int) -> None:
        for serial in range(first, first + 10):
            archive.write(RELEASE, [answer(serial)])

    threads = [threading.Thread(target=write, args=(first,)) for first in (1, 101, 201)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(archive.parts(RELEASE)) == 30
    assert len(outcomes(archive)) == 30


def test_a_damaged_part_raises_a_one_line_error(tmp_path: Path) -> None:
    archive = PageArchive(str(tmp_path))
    path = tmp_path / archive.write(RELEASE, [answer(serial) for serial in range(1, 50)])
    path.write_bytes(path.read_bytes()[:-200])
    for read in (archive.answers, lambda release: list(archive.pages(release))):
        with pytest.raises(LakeError, match="is damaged") as caught:
            read(RELEASE)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(LakeError, match="move it away"):
        archive.known_tickets()


def test_a_page_that_differs_from_its_digest_is_not_read(tmp_path: Path) -> None:
    archive = PageArchive(str(tmp_path))
    path = tmp_path / archive.write(RELEASE, [answer(1), answer(2)])
    body = pl.when(pl.col("hall_ticket") == ticket(2)).then(pl.lit(b"altered")).otherwise("body")
    pl.read_parquet(path).with_columns(body=body).write_parquet(path)
    with pytest.raises(LakeError, match="the digest of a page is wrong") as caught:
        list(archive.pages(RELEASE))
    assert path.name in str(caught.value)


def test_files_left_by_a_killed_writer_are_ignored(tmp_path: Path) -> None:
    archive = PageArchive(str(tmp_path))
    path = tmp_path / archive.write(RELEASE, [answer(1)])
    path.with_name(f"{path.name}#1").write_bytes(b"half")
    path.with_name(".hidden").write_bytes(b"half")
    assert len(archive.parts(RELEASE)) == 1
    assert outcomes(archive) == {ticket(1): "found"}


def test_markers_are_written_read_and_deleted(archive: PageArchive) -> None:
    archive.write(RELEASE, [answer(1)])
    archive.write_marker(RELEASE, {"plan": "x"})
    assert archive.read_marker(RELEASE) == {"plan": "x"}
    assert len(archive.parts(RELEASE)) == 1
    archive.delete_marker(RELEASE)
    archive.delete_marker(RELEASE)
    assert archive.read_marker(RELEASE) is None


def test_an_invalid_release_key_never_becomes_a_path(tmp_path: Path) -> None:
    archive = PageArchive(str(tmp_path / "lake"))
    with pytest.raises(UsageError, match="not a release key"):
        archive.write("../../outside", [answer(1)])
    with pytest.raises(UsageError, match="not a release key"):
        archive.answers("../outside")


def test_the_error_for_an_unusable_lake_says_what_to_check(
    tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LakeError, match="OUSPARK_LAKE"):
        PageArchive(str(tmp_path / "file" / "lake"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    with pytest.raises(LakeError, match="credentials") as caught:
        PageArchive("s3://no-such-bucket/x").answers(RELEASE)
    assert "a-secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.environ["AWS_ENDPOINT_URL"]
