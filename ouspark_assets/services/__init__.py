"""The embedded servers of one home: PostgreSQL, Valkey and the stand-in.

What belongs here: starting, sharing, supervising and stopping them. What they store does not. The
modules import the standard library only, because every process of the project imports this package.
"""

from ouspark_assets.services.endpoints import (
    EVERY_SERVER,
    NOT_REQUESTED,
    Endpoints,
    ServerName,
    exec_with_services,
    resolve_endpoints,
)

__all__ = [
    "EVERY_SERVER",
    "NOT_REQUESTED",
    "Endpoints",
    "ServerName",
    "exec_with_services",
    "resolve_endpoints",
]
