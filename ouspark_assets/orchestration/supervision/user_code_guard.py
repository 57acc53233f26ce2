"""Script that ends a `dagster code-server` whose user-code process was killed.

`dagster code-server start` runs user code in a child process and never notices that it is gone; it
even answers health checks. But whatever runs it (`dagster dev`, `ouspark ui`, a container engine)
restarts it when it ends. The child starts this script as `python -I -S user_code_guard.py PROXY`,
with a pipe as standard input. It imports only the standard library and nothing of the project.
"""

import os
import signal
import sys

ENDED_NORMALLY = b"."


def main(proxy: int) -> None:
    """Wait for the end of the user-code process; unless it ended normally, kill its code server."""
    try:
        # A file descriptor of the process, because its number may belong to another one by then.
        handle = os.pidfd_open(proxy) if hasattr(os, "pidfd_open") else None
        if sys.stdin.buffer.read(1) == ENDED_NORMALLY:
            return
        # SIGKILL, because a code server without its child waits for that child when it is asked to
        # end. It keeps no state.
        if handle is None:
            os.kill(proxy, signal.SIGKILL)
        else:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        return  # It has ended already.


if __name__ == "__main__":
    main(int(sys.argv[1]))
