"""Removing a student from the lake, both databases, the publication history and the cache.

Also that a forgotten ticket is neither requested nor read again.
"""

import hashlib
import hmac
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import polars as pl
import pytest
import redis

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cache.student_removal import remove_student, save_without_removed
from ouspark_assets.domain.errors import LakeError, SettingsError
from ouspark_assets.domain.hall_tickets import HallTicket
from ouspark_assets.orchestration.resources import Lake
from ouspark_assets.pipeline.forget import find_releases_to_reload
from ouspark_assets.pipeline.load import load_release
from ouspark_assets.schemas import PIPELINE_TABLES, PUBLISHED_TABLES
from ouspark_assets.schemas.analytics import COLLEGE_STATS
from ouspark_assets.schemas.clean import MARKS, NO_RESULTS
from ouspark_assets.services import resolve_endpoints
from ouspark_assets.services.client import stop_servers
from ouspark_assets.settings import ServerSettings
from ouspark_assets.sources.results_site.archive import ArchivedAnswer, PageArchive
from ouspark_assets.sources.results_site.forgotten_tickets import ListKey
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.sources.results_site.release_facts import ReleaseFacts
from ouspark_assets.sources.results_site.ticket_plan import KnownTicket, SearchScope, TicketPlan
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.publication.publish_transaction import Terms, publish
from ouspark_assets.warehouse.student_rows import (
    count_student_rows,
    delete_from_history,
    delete_in_development,
    delete_tombstones,
    vacuum_deleted_rows,
)
from ouspark_assets_tests.support.factories import marks

RELEASE = "20250402"
ANN, BEN, CAT = "160421733001", "160421733002", "160421733003"
# Of two rows, one is more than may go unnoticed.
MAY_SHRINK = Terms(allow_shrink=True)


def answer(ticket: str) -> ArchivedAnswer:
    return ArchivedAnswer(ticket, Outcome.FOUND, 200, datetime.now(UTC), 1, 10, b"a page")


def open_lake(folder: Path) -> PageArchive:
    return PageArchive(str(folder), ListKey(key_file(folder)))


def key_file(lake: Path) -> Path:
    return lake.with_name(f"{lake.name}.key")


def lake(folder: Path) -> PageArchive:
    archive = open_lake(folder)
    archive.write(RELEASE, [answer(ANN), answer(BEN)])
    archive.write(RELEASE, [answer(ANN)])
    return archive


def facts() -> ReleaseFacts:
    return ReleaseFacts(RELEASE, "http://127.0.0.1/res07/20250402.jsp", session_year=2025)


def test_every_answer_for_a_forgotten_ticket_is_removed_from_the_lake(tmp_path: Path) -> None:
    archive = lake(tmp_path)
    assert archive.forget(ANN) == 2
    parts = [pl.read_parquet(path) for path in tmp_path.rglob("*.parquet")]
    assert pl.concat(parts)["hall_ticket"].to_list() == [BEN]
    assert archive.forget(ANN) == 0


def test_an_answer_for_a_forgotten_ticket_that_is_archived_again_is_not_read(
    tmp_path: Path,
) -> None:
    lake(tmp_path).forget(ANN)
    open_lake(tmp_path).write(RELEASE, [answer(ANN), answer(CAT)])
    archive = open_lake(tmp_path)
    assert archive.answers(RELEASE)["hall_ticket"].to_list() == [BEN, CAT]
    assert pl.concat(archive.pages(RELEASE))["hall_ticket"].sort().to_list() == [BEN, CAT]
    assert archive.known_tickets()["hall_ticket"].to_list() == [BEN, CAT]
    assert archive.forget(ANN) == 1


def test_the_list_of_forgotten_tickets_contains_no_ticket_in_clear_text(tmp_path: Path) -> None:
    archive = lake(tmp_path)
    archive.forget(ANN)
    assert ANN in open_lake(tmp_path).forgotten
    assert BEN not in open_lake(tmp_path).forgotten
    files = list((tmp_path / "forgotten").iterdir())
    assert len(files) == 1
    assert ANN not in files[0].name
    assert ANN.encode() not in files[0].read_bytes()


def test_the_list_of_forgotten_tickets_cannot_be_guessed_without_its_key(tmp_path: Path) -> None:
    lake(tmp_path / "lake").forget(ANN)
    (entry,) = (tmp_path / "lake/forgotten").iterdir()
    kind, fingerprint, salt, digest = entry.name.split("-")
    assert (kind, len(fingerprint)) == ("hmac", 16)
    plain = hashlib.sha256(f"{salt}{ANN}".encode()).hexdigest()
    assert plain != digest
    key = key_file(tmp_path / "lake").read_bytes()
    assert hmac.digest(key, plain.encode(), "sha256").hex() == digest
    assert key_file(tmp_path / "lake").stat().st_mode & 0o777 == 0o600
    assert not list((tmp_path / "lake").rglob("*.key"))


def test_entries_of_an_earlier_version_are_converted_when_the_list_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "lake"
    lake(folder)
    salt = "0123456789abcdef" * 2
    (folder / "forgotten").mkdir()
    for ticket in (ANN, CAT):
        digest = hashlib.sha256(f"{salt}{ticket}".encode()).hexdigest()
        (folder / "forgotten" / f"{salt}-{digest}").touch()
    assert open_lake(folder).answers(RELEASE)["hall_ticket"].to_list() == [BEN]
    names = {path.name for path in (folder / "forgotten").iterdir()}
    assert len(names) == 2
    assert all(name.startswith("hmac-") and salt in name for name in names)
    later = open_lake(folder).forgotten
    assert [ticket in later for ticket in (ANN, BEN, CAT)] == [True, False, True]


def test_a_conversion_that_was_killed_is_completed(tmp_path: Path) -> None:
    folder = tmp_path / "lake"
    lake(folder).forget(ANN)
    (entry,) = (folder / "forgotten").iterdir()
    salt = entry.name.split("-")[2]
    # Killed after the new entry was written and before the old one was deleted.
    plain = hashlib.sha256(f"{salt}{ANN}".encode()).hexdigest()
    (folder / "forgotten" / f"{salt}-{plain}").touch()
    assert ANN in open_lake(folder).forgotten
    assert [path.name for path in (folder / "forgotten").iterdir()] == [entry.name]


def test_without_the_key_of_the_list_nothing_is_read_or_planned(tmp_path: Path) -> None:
    folder = tmp_path / "lake"
    lake(folder).forget(ANN)
    key_file(folder).rename(tmp_path / "lost")
    for key in (
        None,
        ListKey(key_file(folder)),
        ListKey(key_file(folder), "another key of an operator"),
    ):
        archive = PageArchive(str(folder), key)
        with pytest.raises(LakeError, match="forgotten students would come back") as raised:
            archive.answers(RELEASE)
        assert "OUSPARK_SECRET_KEY" in str(raised.value)
        for refused in (archive.known_tickets, lambda archive=archive: archive.forget(BEN)):
            with pytest.raises(LakeError, match="forgotten students would come back"):
                refused()
        plan = TicketPlan.of_tickets(facts(), [ANN, BEN], archive.forgotten)
        with pytest.raises(LakeError, match="forgotten students would come back"):
            plan.next_tickets(10)
    assert not key_file(folder).exists()
    (tmp_path / "lost").rename(key_file(folder))
    assert open_lake(folder).answers(RELEASE)["hall_ticket"].to_list() == [BEN]


def test_a_configured_key_is_used_and_may_be_configured_later(tmp_path: Path) -> None:
    folder, configured = tmp_path / "lake", ListKey(tmp_path / "key", "a long key of the operator")
    lake(folder).forget(ANN)
    both = ListKey(key_file(folder), configured.configured)
    PageArchive(str(folder), both).forget(BEN)
    later = PageArchive(str(folder), both).forgotten
    assert [ticket in later for ticket in (ANN, BEN, CAT)] == [True, True, False]
    other = PageArchive(str(tmp_path / "other"), configured)
    other.forget(ANN)
    assert ANN in other.forgotten
    assert not configured.file.exists()
    assert "a long key" not in repr(configured)


def test_the_key_file_is_in_the_home_and_outside_the_lake(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_HOME", str(home))
    monkeypatch.delenv("OUSPARK_LAKE", raising=False)
    Lake().archive().forget(ANN)
    assert (home / "forgotten.key").stat().st_mode & 0o777 == 0o600
    (home / "forgotten.key").unlink()
    with pytest.raises(LakeError, match=f"or restore {home / 'forgotten.key'}"):
        Lake().archive().forget(BEN)
    monkeypatch.setenv("OUSPARK_SECRET_KEY", "too short")
    with pytest.raises(SettingsError, match="at least 16 characters"):
        Lake().archive()


def test_two_lakes_store_different_digests_of_the_same_ticket(tmp_path: Path) -> None:
    for name in ("one", "two"):
        lake(tmp_path / name).forget(ANN)
    names = [
        {path.name for path in (tmp_path / name / "forgotten").iterdir()} for name in ("one", "two")
    ]
    assert len(names[0] | names[1]) == 2


def test_tickets_forgotten_by_two_processes_at_once_are_both_listed(tmp_path: Path) -> None:
    one, two = open_lake(tmp_path), open_lake(tmp_path)
    assert ANN not in one.forgotten
    assert BEN not in two.forgotten
    one.forgotten.add(ANN)
    two.forgotten.add(BEN)
    later = open_lake(tmp_path).forgotten
    assert [ticket in later for ticket in (ANN, BEN, CAT)] == [True, True, False]


def asked(plan: TicketPlan) -> list[str]:
    """Return every ticket that a plan requests of a site with serials 1 to 20 of one class."""
    tickets: list[str] = []
    while more := plan.next_tickets(5):
        for ticket in more:
            parsed = HallTicket.parse(ticket)
            there = parsed is not None and parsed.serial <= 20
            plan.record(ticket, Outcome.FOUND if there else Outcome.NOT_FOUND)
        tickets += more
    return tickets


def test_a_forgotten_ticket_is_not_requested_and_the_search_still_finds_its_class() -> None:
    scope = SearchScope(("1604",), ("733",), (2021,), stop_after_misses=8)
    forgotten = {f"1604217330{serial:02d}" for serial in (1, 2, 19, 20)}
    whole = asked(TicketPlan(facts(), scope))
    less = asked(TicketPlan(facts(), scope, forgotten=forgotten))
    assert set(whole) - set(less) == forgotten
    assert set(less) <= set(whole)


def test_a_forgotten_ticket_is_not_requested_even_if_it_is_named_or_known() -> None:
    plan = TicketPlan.of_tickets(facts(), [ANN, BEN], {ANN})
    assert plan.next_tickets(10) == [BEN]
    known = TicketPlan(
        facts(),
        SearchScope(discover=False, stop_after_misses=8),
        [KnownTicket(ANN)],
        forgotten={ANN},
    )
    assert known.next_tickets(10) == []


def test_a_sentence_instead_of_a_result_is_forgotten_too(
    development: Connection, production: Connection, tmp_path: Path
) -> None:
    archive = open_lake(tmp_path)
    sentence = f'The Hall Ticket Number "{ANN}" Is Withheld.'
    without = replace(answer(ANN), outcome=Outcome.NO_RESULT, cause=sentence)
    archive.write(RELEASE, [without, answer(BEN)])
    load_release(development, archive, RELEASE, "run")
    publish(development, production, PUBLISHED_TABLES, "run", MAY_SHRINK)
    assert read_table(production, NO_RESULTS)["sentence"].to_list() == [sentence]
    assert archive.forget(ANN) == 1
    assert delete_in_development(development, PIPELINE_TABLES, ANN, "cli")["clean.no_results"] == 1
    # The release is loaded again, so that its fingerprint is that of the lake.
    assert find_releases_to_reload(development, archive) == [RELEASE]
    load_release(development, archive, RELEASE, "run")
    publish(development, production, PUBLISHED_TABLES, "run", MAY_SHRINK)
    assert count_student_rows(production, PUBLISHED_TABLES, ANN) == {}


def test_rows_of_the_student_are_removed_from_development_and_by_publishing_from_production(
    development: Connection, production: Connection
) -> None:
    load(development, ANN, BEN)
    publish(development, production, PUBLISHED_TABLES, "run", MAY_SHRINK)
    removed = delete_in_development(development, PIPELINE_TABLES, ANN, "cli")
    assert removed == {"clean.marks": 1}
    assert delete_in_development(development, PIPELINE_TABLES, ANN, "cli") == {}
    assert count_student_rows(production, PUBLISHED_TABLES, ANN) == {"clean.marks": 1}
    publish(development, production, PUBLISHED_TABLES, "run", MAY_SHRINK)
    assert read_table(production, MARKS)["hall_ticket"].to_list() == [BEN]
    assert delete_tombstones(development, ANN) == 1


def test_only_this_student_is_removed_from_the_publication_history(
    development: Connection, production: Connection
) -> None:
    load(development, ANN, BEN)
    publish(development, production, PUBLISHED_TABLES, "run", MAY_SHRINK)
    load(development, CAT)
    publish(development, production, PUBLISHED_TABLES, "run", MAY_SHRINK)
    toppers = [{"rank": 1, "hall_ticket": ANN}, {"rank": 2, "hall_ticket": BEN}]
    production.execute(
        'INSERT INTO ops.publication_changes VALUES (2, %s, \'{"college_code": "1604"}\', %s)',
        (COLLEGE_STATS.qualified_name, orjson.dumps({"toppers": toppers}).decode()),
    )
    assert delete_from_history(production, ANN) == 2
    assert delete_from_history(production, ANN) == 0
    left = production.execute("SELECT key, old_row FROM ops.publication_changes").fetchall()
    assert ANN not in str(left)
    assert str(left).count(BEN) >= 2


def test_deleted_rows_disappear_from_the_files_of_the_tables(development: Connection) -> None:
    load(development, ANN, BEN)
    delete_in_development(development, PIPELINE_TABLES, ANN, "cli")
    vacuum_deleted_rows(development, PIPELINE_TABLES)
    dead = development.execute(
        "SELECT relname FROM pg_stat_all_tables WHERE relname IN ('marks', 'tombstones')"
        " AND vacuum_count = 0"
    ).fetchall()
    assert dead == []
    development.execute("CHECKPOINT")
    (content,) = development.execute(
        "SELECT pg_read_binary_file(pg_relation_filepath('clean.marks'))"
    ).fetchone() or (b"",)
    assert BEN.encode() in content
    assert content.count(ANN.encode()) == 0


def test_the_cache_saves_its_files_without_the_removed_documents(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("OUSPARK_")]:
        monkeypatch.delenv(name)
    settings = ServerSettings(home=home)
    with connect_cache(resolve_endpoints(settings, need={"redis"}).redis_url) as client:
        fill(client)
        saved = home / "services/valkey"
        assert contains(saved, ANN)
        remove_student(client, ANN)
        client.delete(f"strangers:{ANN}")
        assert save_without_removed(client)
        assert not contains(saved, ANN)
        assert contains(saved, BEN)
    stop_servers(home)


def contains(folder: Path, text: str) -> bool:
    return any(text.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_quarantined_records_decisions_and_corrections_of_the_student_are_removed(
    development: Connection,
) -> None:
    for ticket, raw in ((ANN, "{}"), (BEN, f'{{"ticket": "{ANN}"}}'), (CAT, "{}")):
        development.execute(
            """
            WITH record AS (
              INSERT INTO clean.quarantine
                     (release, hall_ticket, table_name, fingerprint, reasons, raw, run_id)
              VALUES ('20250402', %s, 'pages', 'f', '{x}', %s, 'r') RETURNING id
            )
            INSERT INTO ops.decisions (record, decision, detail, decided_by)
            SELECT id, 'corrected', '{}', 'me' FROM record
            """,
            (ticket, raw),
        )
        development.execute(
            "INSERT INTO ops.corrections VALUES ('20250402', %s, 'pages', 'f', '{}', 'me')",
            (ticket,),
        )
    removed = delete_in_development(development, PIPELINE_TABLES, ANN, "cli")
    assert removed == {"ops.decisions": 2, "ops.corrections": 1, "clean.quarantine": 2}
    left = development.execute("SELECT hall_ticket FROM clean.quarantine").fetchall()
    assert left == [(CAT,)]


def test_documents_that_name_the_student_are_removed_from_every_generation(cache_url: str) -> None:
    with connect_cache(cache_url) as client:
        before = fill(client)
        assert remove_student(client, ANN) == 6
        left = {key.decode() for key in client.keys("*")}
        gone = {key for key in before if key.startswith("ouspark:") and _names_ann(key)}
        assert left == before - gone
        assert remove_student(client, ANN) == 0


def fill(client: redis.Redis) -> set[str]:
    """Write two generations with documents that name Ann, and a key of another tenant."""
    client.set("ouspark:current", "2-b-1")
    client.set(f"strangers:{ANN}", ANN)
    client.sadd("ouspark:generations", "1-a-1", "2-b-1")
    for generation in ("1-a-1", "2-b-1"):
        prefix = f"ouspark:{generation}"
        client.set(f"{prefix}:student:{ANN}", "{}")
        client.set(f"{prefix}:student:{BEN}", "{}")
        client.set(f"{prefix}:class:named", f'["{ANN}", "{BEN}"]')
        client.set(f"{prefix}:rankings:class:named", f'[{{"hall_ticket": "{ANN}"}}]')
        client.set(f"{prefix}:class:other", f'["{BEN}"]')
        client.set(f"{prefix}:meta", "{}")
    return {key.decode() for key in client.keys("*")}


def _names_ann(key: str) -> bool:
    return ANN in key or key.endswith(":named")


def load(development: Connection, *tickets: str) -> None:
    with write_transaction(development, "load") as writer:
        writer.merge(MARKS, [marks(*({"hall_ticket": ticket} for ticket in tickets))])
