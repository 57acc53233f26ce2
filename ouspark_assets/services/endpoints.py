"""The addresses of the databases, the cache and the results site: configured or embedded.

This is the entry point of the package. How servers run is in the other modules, which are imported
only when a server has to be embedded.
"""

import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

from ouspark_assets.domain.addresses import mask_url
from ouspark_assets.domain.errors import ServiceError

if TYPE_CHECKING:
    from ouspark_assets.settings import ServerSettings

ServerName = Literal["postgres", "redis", "site"]
EVERY_SERVER: frozenset[ServerName] = frozenset({"postgres", "redis", "site"})
SETTINGS_OF: dict[ServerName, tuple[str, ...]] = {
    "postgres": ("dev_dsn", "prod_dsn"),
    "redis": ("redis_url",),
    "site": ("site_url",),
}
# The address of a server that was not requested: no client accepts it, so none connects by mistake.
NOT_REQUESTED = "not-requested://"


@dataclass(frozen=True, repr=False)
class Endpoints:
    """The addresses in use; `NOT_REQUESTED` for a server that was not requested."""

    dev_dsn: str
    prod_dsn: str
    redis_url: str
    site_url: str

    def __repr__(self) -> str:
        """Return the addresses without their passwords."""
        shown = (f"{item.name}={mask_url(getattr(self, item.name))!r}" for item in fields(self))
        return f"Endpoints({', '.join(shown)})"


def resolve_endpoints(
    settings: "ServerSettings", need: Collection[ServerName] = EVERY_SERVER
) -> Endpoints:
    """Return the addresses of the needed servers, starting those that are not configured.

    The process counts as a user of the embedded servers until it ends. Further calls are cheap,
    and restart a server that has ended.
    """
    known = configured_addresses(settings)
    missing = missing_servers(known, need)
    embedded = _start_embedded(settings, missing) if missing else {}
    wanted = {setting for server in need for setting in SETTINGS_OF[server]}
    addresses = {
        setting: known.get(setting) or (embedded[setting] if setting in wanted else NOT_REQUESTED)
        for settings_of_server in SETTINGS_OF.values()
        for setting in settings_of_server
    }
    return Endpoints(**addresses)


def exec_with_services(
    settings: "ServerSettings",
    command: Sequence[str],
    need: Collection[ServerName] = EVERY_SERVER,
) -> NoReturn:
    """Replace this process by another program that counts as a user of the servers."""
    if missing_servers(configured_addresses(settings), need):
        from ouspark_assets.services.client import register_user
        from ouspark_assets.services.paths import create_folders

        resolve_endpoints(settings, need)
        os.set_inheritable(register_user(create_folders(settings.home)), True)  # noqa: FBT003
    os.execvp(command[0], list(command))  # noqa: S606 (no shell wanted)


def configured_addresses(settings: "ServerSettings") -> dict[str, str]:
    """Return the addresses that the settings contain."""
    secrets = {
        "dev_dsn": settings.dev_dsn,
        "prod_dsn": settings.prod_dsn,
        "redis_url": settings.redis_url,
    }
    given = {name: secret.get_secret_value() for name, secret in secrets.items() if secret}
    return given | ({"site_url": settings.site_url} if settings.site_url else {})


def missing_servers(
    known: Collection[str], need: Collection[ServerName] = EVERY_SERVER
) -> tuple[ServerName, ...]:
    """Return the servers that have to be embedded, in a fixed order."""
    return tuple(
        server
        for server, names in SETTINGS_OF.items()
        if server in need and any(name not in known for name in names)
    )


def _start_embedded(settings: "ServerSettings", servers: tuple[ServerName, ...]) -> dict[str, str]:
    if sys.platform == "win32":
        names = ", ".join(f"OUSPARK_{name.upper()}" for s in servers for name in SETTINGS_OF[s])
        message = f"Embedded servers do not run on Windows. Set {names}."
        raise ServiceError(message)
    from ouspark_assets.services.client import request_servers
    from ouspark_assets.services.protocol import Request
    from ouspark_assets.services.standin_site import Population

    population = Population(
        settings.standin_students, settings.standin_releases, settings.standin_seed
    )
    request = Request(
        "need",
        servers,
        population if "site" in servers else None,
        settings.prod_dsn.get_secret_value() if settings.prod_dsn else None,
    )
    return request_servers(Path(settings.home), request, settings.services_grace)
