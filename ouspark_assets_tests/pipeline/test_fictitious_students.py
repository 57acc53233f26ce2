"""Students invented by the stand-in: recognised, remembered, and kept out of a real production."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from ouspark_assets.domain.errors import LakeError, WarehouseError
from ouspark_assets.orchestration.assets.production import publication
from ouspark_assets.orchestration.resources import default_resources
from ouspark_assets.pipeline.load import load_release
from ouspark_assets.pipeline.publish import publish_changes, terms_from_settings
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.services import Endpoints
from ouspark_assets.settings import PublicationSettings, SiteSettings
from ouspark_assets.sources.results_site.archive import COLUMNS, ArchivedAnswer, PageArchive
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.sources.results_site.site_client import Answer, SiteClient
from ouspark_assets.standin.process import running_standin
from ouspark_assets.warehouse.core.connection import Connection, Side
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.publication.publications import last_publication
from ouspark_assets.warehouse.publication.publish_transaction import Terms
from ouspark_assets_tests.conftest import connected_copy
from ouspark_assets_tests.pages.page_builder import RELEASE, TICKET, ResultPage
from ouspark_assets_tests.sources.results_site.small_site import (
    STUDENTS,
    answers_for,
    scrape_site,
    small_site,
)
from ouspark_assets_tests.support.stores import Stores

NOW = datetime(2026, 11, 20, tzinfo=UTC)
LATER = "20250815"
CONFIGURED = terms_from_settings(PublicationSettings(allow_standin=False), is_configured=True)


@pytest.fixture
def lake(tmp_path: Path) -> PageArchive:
    return PageArchive(str(tmp_path / "lake"))


@pytest.fixture
def another_development(servers: Endpoints, templates: dict[Side, str]) -> Iterator[Connection]:
    """Yield a connection to an empty development database, to rebuild in."""
    with connected_copy(servers, templates[Side.DEVELOPMENT], Side.DEVELOPMENT) as connection:
        connection.execute("UPDATE ops.identity SET id = gen_random_uuid()")
        yield connection


def archive_page(
    lake: PageArchive, *, fictitious: bool, release: str = RELEASE, later: bool = False
) -> None:
    fetched = NOW + timedelta(hours=later)
    body = ResultPage().body()
    answer = ArchivedAnswer(TICKET, Outcome.FOUND, 200, fetched, 1, 1, body, fictitious=fictitious)
    lake.write(release, [answer])


def publish(development: Connection, production: Connection, terms: Terms = CONFIGURED) -> int:
    return publish_changes(development, production, "run", terms).publication


def assert_refused(development: Connection, production: Connection) -> None:
    before = last_publication(production)
    with pytest.raises(WarehouseError, match="stand-in") as refused:
        publish(development, production)
    assert RELEASE in str(refused.value)
    assert "OUSPARK_ALLOW_STANDIN=true" in str(refused.value)
    assert last_publication(production) == before


def request_one_ticket(url: str) -> Answer:
    async def fetch() -> Answer:
        async with SiteClient(SiteSettings(), url) as client:
            return await client.fetch(TICKET)

    return asyncio.run(fetch())


def test_answers_of_the_stand_in_are_recognised_by_their_header_alone() -> None:
    with running_standin(students=1, releases=1) as site:
        assert request_one_ticket(f"{site.url}/res07/none.jsp").fictitious
    with small_site(answers_for(set())) as real:
        assert not request_one_ticket(real.page()).fictitious


@pytest.mark.parametrize("fictitious", [False, True])
def test_a_scrape_archives_where_its_answers_come_from(
    lake: PageArchive, *, fictitious: bool
) -> None:
    answers = answers_for(STUDENTS)
    headers = {"X-OuSpark-Stand-In": "fictitious"} if fictitious else {}
    with small_site(lambda ticket: replace(answers(ticket), headers=headers)) as site:
        scrape_site(site, lake)
    assert lake.answers(RELEASE)["fictitious"].unique().to_list() == [fictitious]
    assert lake.is_fictitious(RELEASE) is fictitious
    lake.compact(RELEASE)
    assert lake.is_fictitious(RELEASE) is fictitious


def test_parts_of_earlier_versions_are_read_as_before(lake: PageArchive, tmp_path: Path) -> None:
    archive_page(lake, fictitious=False)
    path = lake_part(tmp_path)
    pl.read_parquet(path).drop("fictitious").write_parquet(path)
    archive_page(lake, fictitious=False, later=True)
    assert lake.answers(RELEASE).height == 1
    assert not lake.is_fictitious(RELEASE)
    lake.compact(RELEASE)
    assert set(pl.read_parquet_schema(lake_part(tmp_path))) == set(COLUMNS)


def test_a_part_without_another_column_is_still_damaged(lake: PageArchive, tmp_path: Path) -> None:
    archive_page(lake, fictitious=False)
    path = lake_part(tmp_path)
    pl.read_parquet(path).drop("settled").write_parquet(path)
    with pytest.raises(LakeError, match="damaged"):
        lake.answers(RELEASE)


def test_invented_students_are_not_published_to_a_configured_production(
    lake: PageArchive, development: Connection, production: Connection
) -> None:
    archive_page(lake, fictitious=True)
    load_release(development, lake, RELEASE, "run")
    assert_refused(development, production)
    assert read_table(production, MARKS).is_empty()


def test_one_release_of_the_stand_in_holds_back_all_others(
    lake: PageArchive, development: Connection, production: Connection
) -> None:
    archive_page(lake, fictitious=False, release=LATER)
    load_release(development, lake, LATER, "run")
    assert publish(development, production) == 1
    archive_page(lake, fictitious=True)
    load_release(development, lake, RELEASE, "run")
    assert_refused(development, production)


def test_a_release_is_real_again_once_the_site_has_answered_every_ticket(
    lake: PageArchive, development: Connection, production: Connection
) -> None:
    archive_page(lake, fictitious=True)
    load_release(development, lake, RELEASE, "run")
    archive_page(lake, fictitious=False, later=True)
    load_release(development, lake, RELEASE, "run")
    assert publish(development, production) == 1


def test_a_rebuild_from_a_lake_of_the_stand_in_is_not_published_either(
    lake: PageArchive,
    development: Connection,
    another_development: Connection,
    production: Connection,
) -> None:
    archive_page(lake, fictitious=True)
    load_release(development, lake, RELEASE, "run")
    load_release(another_development, lake, RELEASE, "rebuild")
    assert_refused(another_development, production)


@pytest.mark.parametrize(
    ("allow_standin", "is_configured", "is_published"),
    [(False, True, False), (True, True, True), (False, False, True), (True, False, True)],
)
def test_a_trial_and_the_embedded_production_may_have_invented_students(
    lake: PageArchive,
    development: Connection,
    production: Connection,
    *,
    allow_standin: bool,
    is_configured: bool,
    is_published: bool,
) -> None:
    archive_page(lake, fictitious=True)
    load_release(development, lake, RELEASE, "run")
    settings = PublicationSettings(allow_standin=allow_standin)
    terms = terms_from_settings(settings, is_configured=is_configured)
    if not is_published:
        assert_refused(development, production)
        return
    assert publish(development, production, terms) == 1


def test_the_publication_asset_knows_whether_production_is_configured(
    lake: PageArchive,
    stores: Stores,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive_page(lake, fictitious=True)
    load_release(stores.development, lake, RELEASE, "run")

    def materialize() -> bool:
        return dg.materialize(
            [publication], instance=instance, resources=default_resources(), raise_on_error=False
        ).success

    monkeypatch.delenv("OUSPARK_ALLOW_STANDIN")
    assert not materialize()
    monkeypatch.setenv("OUSPARK_ALLOW_STANDIN", "true")
    assert materialize()


def lake_part(folder: Path) -> Path:
    """Return the path of the only part of the lake in a folder."""
    (path,) = (folder / "lake").rglob("*.parquet")
    return path
