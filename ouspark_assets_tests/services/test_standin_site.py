"""The stand-in as an embedded server."""

from collections.abc import Callable

import httpx

from ouspark_assets.services import client, resolve_endpoints
from ouspark_assets.services.server_status import ServerStatus, ServicesStatus
from ouspark_assets.settings import ServerSettings
from ouspark_assets_tests.support.waiting import wait_until


def index_page(url: str) -> bytes:
    return httpx.get(f"{url}/examination-results.php").raise_for_status().content


def site(seen: ServicesStatus) -> ServerStatus:
    return next(server for server in seen.servers if server.server == "site")


def test_the_stand_in_keeps_its_address_after_a_stop_and_a_crash(
    settings: ServerSettings,
    read_status: Callable[[], ServicesStatus],
    crash: Callable[[int], None],
) -> None:
    first = resolve_endpoints(settings, need={"site"}).site_url
    page = index_page(first)
    client.stop_servers(settings.home)
    assert resolve_endpoints(settings, need={"site"}).site_url == first
    pid = site(read_status()).pid
    assert pid is not None
    crash(pid)
    wait_until("the stand-in was restarted", lambda: site(read_status()).restarts == 1)
    assert resolve_endpoints(settings, need={"site"}).site_url == first
    assert index_page(first) == page


def test_other_settings_replace_the_stand_in_at_the_same_address(
    settings: ServerSettings, read_status: Callable[[], ServicesStatus]
) -> None:
    first = resolve_endpoints(settings, need={"site"}).site_url
    before = site(read_status())
    page = index_page(first)
    fewer = ServerSettings(home=settings.home, standin_students=40, standin_releases=2)
    assert resolve_endpoints(fewer, need={"site"}).site_url == first
    after = site(read_status())
    assert before.pid != after.pid
    assert after.version == "seed 1, 40 students, 2 releases"
    assert index_page(first) != page


def test_the_same_settings_do_not_restart_the_stand_in(
    settings: ServerSettings, read_status: Callable[[], ServicesStatus]
) -> None:
    resolve_endpoints(settings, need={"site"})
    before = site(read_status()).pid
    resolve_endpoints(settings, need={"site"})
    assert site(read_status()).pid == before is not None
