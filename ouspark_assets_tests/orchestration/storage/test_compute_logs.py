"""What steps print is mirrored by helper processes, which Ctrl-C at the terminal does not reach."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from ouspark_assets_tests.chaos.processes import with_descendants

PROGRAM = """
import sys, time
from ouspark_assets.orchestration.storage.instance_storage import EnvironmentComputeLogs
try:
    with EnvironmentComputeLogs(base_dir=sys.argv[1]).capture_logs(["run", "logs", "step"]):
        print("at work", flush=True)
        time.sleep(600)
except KeyboardInterrupt:
    print("interrupted")
"""
HELPERS = 4
# Elsewhere nobody can read the mask of another process; there the silence alone is the proof.
MASKS_ARE_SHOWN = sys.platform == "linux"


def is_deaf(pid: int) -> bool:
    """Whether SIGINT is blocked for a process."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    (blocked,) = (line.partition(":")[2] for line in status if line.startswith("SigBlk:"))
    return bool(int(blocked, 16) >> signal.SIGINT - 1 & 1)


def test_helpers_are_silent_when_a_run_is_interrupted_at_the_terminal(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        # Mirrored by a helper, so both of them are there by now.
        assert process.stdout.readline() == "at work\n"
        deaf = (
            [is_deaf(pid) for pid in with_descendants(process.pid)[1:]] if MASKS_ARE_SHOWN else None
        )
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate()
    assert deaf == [True] * HELPERS or not MASKS_ARE_SHOWN
    assert (process.returncode, output, errors) == (0, "interrupted\n", "")
