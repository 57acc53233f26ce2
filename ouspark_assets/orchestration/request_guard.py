"""Protection of Dagster's webserver against requests that other websites forge.

Dagster's webserver executes GraphQL mutations sent by GET and accepts any Host and Origin header,
so a page in the operator's browser could launch runs. Logins are the business of a proxy
(SECURITY.md); `storage/protected_instance.py` says how the guard gets into every webserver.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocketClose

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
DEFAULT_PORT = re.compile(r":(80|443)$")


class RequestGuard:
    """ASGI middleware that refuses foreign Host and Origin headers, and mutations by GET.

    A foreign Host is the sign of DNS rebinding: a page of another site whose name was made to
    point here. A foreign Origin is the sign of a request, or websocket, that a page of another
    site has sent. Programs such as curl send no Origin.
    """

    def __init__(self, app: "ASGIApp", hosts: Iterable[str]) -> None:
        """Guard `app`; `hosts` are its names besides those of loopback."""
        self.app = app
        self.hosts = frozenset(hosts)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass a request on, or answer it with a refusal."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return

        async def send_unframed(message: "Message") -> None:
            # Inside a frame of another site, a click would be a request of our own origin.
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Frame-Options"] = "SAMEORIGIN"
            await send(message)

        refusal = self.find_refusal(HTTPConnection(scope))
        if refusal is None:
            await self.app(scope, receive, send_unframed)
        elif scope["type"] == "websocket":
            await WebSocketClose(reason="Host or Origin not allowed")(scope, receive, send)
        else:
            await refusal(scope, receive, send)

    def find_refusal(self, request: HTTPConnection) -> PlainTextResponse | None:
        """Return the answer to a request that must not be executed; None if it may be."""
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or host_name(hosts[0]) not in LOOPBACK_HOSTS | self.hosts:
            return PlainTextResponse(
                f"Host {', '.join(hosts) or '(none)'} is not allowed. To use this name, add it to "
                "OUSPARK_UI_HOSTS and restart the webserver.\n",
                status_code=403,
            )
        for origin in request.headers.getlist("origin"):
            if not self.is_own_origin(origin, hosts[0]):
                return PlainTextResponse(
                    f"Origin {origin} is not allowed: this request comes from another website. If "
                    "it is an address of this UI, add its host to OUSPARK_UI_HOSTS and restart "
                    "the webserver.\n",
                    status_code=403,
                )
        if is_mutation_by_get(request):
            return PlainTextResponse(
                "Mutations are accepted by POST only.\n", status_code=405, headers={"Allow": "POST"}
            )
        return None

    def is_own_origin(self, origin: str, host: str) -> bool:
        """Return whether a page of this origin belongs to the UI.

        On loopback, every port is a website of its own, so the port must be the same. A proxy may
        have replaced the host, so the origin may also be one of the configured names.
        """
        scheme, _, authority = origin.lower().partition("://")
        if scheme not in ("http", "https"):
            return False
        same = DEFAULT_PORT.sub("", authority) == DEFAULT_PORT.sub("", host.lower())
        return same or host_name(authority) in self.hosts


def host_name(authority: str) -> str | None:
    """Return the lower-case name in `name:port`; None if it is malformed."""
    try:
        parts = urlsplit(f"//{authority}")
        valid = parts.netloc == authority and "@" not in authority and parts.port != 0
    except ValueError:
        return None
    return parts.hostname if valid else None


def is_mutation_by_get(request: HTTPConnection) -> bool:
    """Return whether a request other than POST has a GraphQL mutation in its URL."""
    if request.scope.get("method", "POST") == "POST":
        return False
    if not request.scope["path"].endswith("/graphql"):
        return False
    return any(contains_mutation(query) for query in request.query_params.getlist("query"))


def contains_mutation(query: str) -> bool:
    """Return whether a GraphQL document defines a mutation; Dagster rejects a malformed one."""
    try:
        document = parse(query, no_location=True)
    except GraphQLError:
        return False
    return any(
        isinstance(definition, OperationDefinitionNode)
        and definition.operation is OperationType.MUTATION
        for definition in document.definitions
    )


def protect_webservers(hosts: Iterable[str]) -> None:
    """Add the guard to every webserver that this process builds from now on."""
    from dagster_webserver.webserver import DagsterWebserver

    stock = DagsterWebserver.build_middleware

    def build_middleware(webserver: "DagsterWebserver[Any, Any]") -> list[Middleware]:
        return [Middleware(RequestGuard, hosts=hosts), *stock(webserver)]

    # A change of Dagster that removes this method must stop the webserver, not the protection.
    DagsterWebserver.build_middleware = build_middleware  # type: ignore[method-assign,assignment]
