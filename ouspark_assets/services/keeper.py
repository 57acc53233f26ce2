"""The process that keeps servers running without users: it restarts a supervisor that was killed.

The supervisor starts it while `services/keep` exists, and again when it was killed itself. It ends
when the supervisor stops in an orderly way. It imports the standard library only.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

from ouspark_assets.services.client import restart_when_killed
from ouspark_assets.services.file_locks import try_lock
from ouspark_assets.services.paths import ServicePaths
from ouspark_assets.services.protocol import Request


def main() -> None:
    """Run in the background, unless another keeper of the home is alive."""
    parser = argparse.ArgumentParser(description="Keep the embedded servers of a home running.")
    parser.add_argument("home", type=Path)
    parser.add_argument("--grace", type=float, required=True)
    arguments = parser.parse_args()
    paths = ServicePaths(arguments.home)
    # Locked before the fork, which shares the lock with the child.
    if try_lock(paths.keeper) is None or os.fork() != 0:
        return
    os.setsid()
    # In the environment, because a file or an argument would show the password.
    production = os.environ.get("OUSPARK_PROD_DSN")

    def need() -> Request:
        return replace(Request.decode(paths.keep.read_bytes()), production=production)

    restart_when_killed(paths, need, arguments.grace)


if __name__ == "__main__":
    main()
