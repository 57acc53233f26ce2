"""Script that executes a server's command with another identity, tied to the life of its parent.

It is run as `python -I -S launcher.py PARENT SIGNAL IDENTITY COMMAND...`. COMMAND replaces it and
gets SIGNAL when PARENT ends. It imports only the standard library and nothing of the project.
"""

import ctypes
import os
import pwd
import signal
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
EXIT_CANNOT_LAUNCH = 126


def main(arguments: list[str]) -> None:
    """Change the identity, request a signal at the parent's death, and execute the command."""
    parent, death_signal, identity, *command = arguments
    try:
        if identity == "namespace":
            _enter_user_namespace()
        elif identity == "nobody":
            _become_nobody()
        # After the change of identity, because a change of uid clears the death signal.
        if sys.platform == "linux":
            _checked(_libc().prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0), "prctl")
        if os.getppid() != int(parent):
            sys.exit(EXIT_CANNOT_LAUNCH)
        # Python ignores these signals, and the command would inherit that.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execv(command[0], command)  # noqa: S606 (no shell wanted)
    except OSError as error:
        sys.stderr.write(f"can't launch {Path(command[0]).name} as {identity}: {error}\n")
        sys.exit(EXIT_CANNOT_LAUNCH)


def nobody_uid() -> int:
    """Return the uid that PostgreSQL runs as when we are root; initdb requires a named user."""
    return pwd.getpwnam("nobody").pw_uid


def _enter_user_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    inside = nobody_uid()
    _checked(_libc().unshare(CLONE_NEWUSER), "unshare")
    Path("/proc/self/setgroups").write_text("deny", "ascii")
    Path("/proc/self/gid_map").write_text(f"{inside} {gid} 1", "ascii")
    Path("/proc/self/uid_map").write_text(f"{inside} {uid} 1", "ascii")


def _become_nobody() -> None:
    """Change to nobody, but keep the capability to enter root's private folders with the data."""
    entry = pwd.getpwnam("nobody")
    libc = _libc()
    _checked(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "prctl")
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    right = 1 << CAP_DAC_OVERRIDE
    sets = (ctypes.c_uint32 * 6)(right, right, right, 0, 0, 0)
    _checked(libc.capset(header, sets), "capset")
    _checked(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0), "prctl")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


if __name__ == "__main__":
    main(sys.argv[1:])
