"""Where the databases, the cache and the results site are: configured ones, else embedded ones.

What belongs here: the one question that the rest of the project asks. How servers are run is the
business of the other modules, which are loaded only when one of them is needed.
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
# No client takes this for an address, so a server that was not asked for is never met by chance.
NOT_ASKED_FOR = "not-asked-for://"


@dataclass(frozen=True, repr=False)
class Endpoints:
    """The addresses in use; a server that was not asked for is `NOT_ASKED_FOR`."""

    dev_dsn: str
    prod_dsn: str
    redis_url: str
    site_url: str

    def __repr__(self) -> str:
        """The addresses without their passwords."""
        shown = (f"{item.name}={mask_url(getattr(self, item.name))!r}" for item in fields(self))
        return f"Endpoints({', '.join(shown)})"


def endpoints(settings: "ServerSettings", need: Collection[ServerName] = EVERY_SERVER) -> Endpoints:
    """The addresses of what is needed; whatever is not configured is started and shared.

    The process counts as a user of the embedded servers until it ends. Calling again is cheap
    and brings back a server that is gone.
    """
    known = configured(settings)
    missing = missing_servers(known, need)
    found = _embedded(settings, missing) if missing else {}
    wanted = {setting for server in need for setting in SETTINGS_OF[server]}
    addresses = {
        setting: known.get(setting) or (found[setting] if setting in wanted else NOT_ASKED_FOR)
        for settings_of_server in SETTINGS_OF.values()
        for setting in settings_of_server
    }
    return Endpoints(**addresses)


def exec_with_services(
    settings: "ServerSettings",
    command: Sequence[str],
    need: Collection[ServerName] = EVERY_SERVER,
) -> NoReturn:
    """Become another program that counts as a user of the servers as long as it runs."""
    if missing_servers(configured(settings), need):
        from ouspark_assets.services import client
        from ouspark_assets.services.paths import prepare

        endpoints(settings, need)
        os.set_inheritable(client.join(prepare(settings.home)), True)  # noqa: FBT003
    os.execvp(command[0], list(command))  # noqa: S606 (no shell wanted)


def configured(settings: "ServerSettings") -> dict[str, str]:
    """The addresses that the settings give."""
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
    """The servers that have to be embedded, in a fixed order."""
    return tuple(
        server
        for server, names in SETTINGS_OF.items()
        if server in need and any(name not in known for name in names)
    )


def _embedded(settings: "ServerSettings", servers: tuple[ServerName, ...]) -> dict[str, str]:
    if sys.platform == "win32":
        names = ", ".join(f"OUSPARK_{name.upper()}" for s in servers for name in SETTINGS_OF[s])
        message = f"There are no embedded servers on Windows: set {names}"
        raise ServiceError(message)
    from ouspark_assets.services.client import need as need_servers
    from ouspark_assets.services.protocol import Question
    from ouspark_assets.services.standin_site import Population

    population = Population(
        settings.standin_students, settings.standin_releases, settings.standin_seed
    )
    question = Question("need", servers, population if "site" in servers else None)
    return need_servers(Path(settings.home), question, settings.services_grace)
