"""The guard of Dagster's webserver decides by Host, Origin, method and query."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from ouspark_assets.orchestration.request_guard import RequestGuard

MUTATION = "mutation { setNuxSeen }"
LOCAL = {"Host": "localhost:3000"}


async def execute(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"executed {request.method}")


async def subscribe(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("subscribed")
    await websocket.close()


@pytest.fixture
def client() -> TestClient:
    return TestClient(
        Starlette(
            routes=[
                WebSocketRoute("/graphql", subscribe),
                Route("/{path:path}", execute, methods=["GET", "POST"]),
            ],
            middleware=[Middleware(RequestGuard, hosts=("ui.example.org",))],
        )
    )


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:3000", "LocalHost:8080", "127.0.0.1:3000", "[::1]:3000",
        "ui.example.org", "UI.example.org:443",
    ],
)  # fmt: skip
def test_requests_for_loopback_and_configured_hosts_are_executed(
    client: TestClient, host: str
) -> None:
    assert client.post("/graphql", headers={"Host": host}).text == "executed POST"
    with client.websocket_connect("/graphql", headers={"Host": host}) as websocket:
        assert websocket.receive_text() == "subscribed"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:3000", "localhost.evil.example", "127.0.0.1.evil.example",
        "192.0.2.1:3000", "localhost@evil.example", "evil.example@localhost", "localhost:x", "[::1",
        "localhost/", "xui.example.org", "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/graphql", "/report_asset_materialization/x"])
def test_requests_for_a_foreign_host_are_refused(client: TestClient, host: str, path: str) -> None:
    for answer in (
        client.get(path, headers={"Host": host}),
        client.post(path, headers={"Host": host}),
    ):
        assert answer.status_code == 403
        assert "OUSPARK_UI_HOSTS" in answer.text
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/graphql", headers={"Host": host}),
    ):
        pass


def test_a_request_with_two_hosts_is_refused(client: TestClient) -> None:
    answer = client.get("/", headers=[("Host", "localhost"), ("Host", "evil.example")])
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:3000", "http://localhost:3000"),
        ("localhost:80", "http://localhost"),
        ("[::1]:3000", "http://[::1]:3000"),
        ("ui.example.org", "https://ui.example.org"),
        ("ui.example.org", "https://ui.example.org:443"),
        # A proxy that replaces the host.
        ("localhost:3000", "https://ui.example.org"),
    ],
)
def test_requests_from_pages_of_the_ui_are_executed(
    client: TestClient, host: str, origin: str
) -> None:
    headers = {"Host": host, "Origin": origin}
    assert client.post("/graphql", headers=headers).text == "executed POST"
    with client.websocket_connect("/graphql", headers=headers) as websocket:
        assert websocket.receive_text() == "subscribed"


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example", "http://localhost:8080", "http://localhost", "null", "", "file://",
        "http://127.0.0.1:3000", "http://localhost:3000.evil.example",
        "https://ui.example.org.evil.example", "https://ui.example.org@evil.example",
        "ftp://ui.example.org", "localhost:3000",
    ],
)  # fmt: skip
def test_requests_from_pages_of_other_websites_are_refused(client: TestClient, origin: str) -> None:
    headers = {**LOCAL, "Origin": origin}
    for path in ("/graphql", "/report_asset_materialization/x"):
        answer = client.post(path, headers=headers)
        assert answer.status_code == 403
        assert "another website" in answer.text
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/graphql", headers=headers),
    ):
        pass


@pytest.mark.parametrize(
    "queries",
    [
        [MUTATION],
        ["{ version }", MUTATION],
        [MUTATION, "{ version }"],
        ["query a { version } mutation b { setNuxSeen }"],
        ["fragment x on Mutation { setNuxSeen } mutation { ...x }"],
    ],
)
@pytest.mark.parametrize("path", ["/graphql", "/prefix/graphql", "/graph%71l"])
def test_mutations_by_get_are_refused(client: TestClient, path: str, queries: list[str]) -> None:
    answer = client.get(path, params={"query": queries}, headers=LOCAL)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize("query", ["{ version }", "query mutation { version }", "mutation {", ""])
def test_queries_by_get_reach_dagster(client: TestClient, query: str) -> None:
    answer = client.get("/graphql", params={"query": query}, headers=LOCAL)
    assert answer.text == "executed GET"


def test_mutations_by_post_reach_dagster(client: TestClient) -> None:
    answer = client.post("/graphql", params={"query": MUTATION}, headers=LOCAL)
    assert answer.text == "executed POST"


def test_no_other_website_may_show_the_ui_in_a_frame(client: TestClient) -> None:
    assert client.get("/", headers=LOCAL).headers["X-Frame-Options"] == "SAMEORIGIN"
