"""The embedded servers: PostgreSQL, Valkey and the bundled results site, run under one home.

What belongs here: starting, sharing, watching and stopping them. What does not: what is stored in
them. Light on purpose (standard library only), because every process of the project passes here.
"""

from ouspark_assets.services.endpoints import (
    EVERY_SERVER,
    NOT_ASKED_FOR,
    Endpoints,
    ServerName,
    endpoints,
    exec_with_services,
)

__all__ = [
    "EVERY_SERVER",
    "NOT_ASKED_FOR",
    "Endpoints",
    "ServerName",
    "endpoints",
    "exec_with_services",
]
