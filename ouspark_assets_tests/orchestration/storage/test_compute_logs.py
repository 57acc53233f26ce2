"""The output of steps is captured by helper processes, which Ctrl-C must not reach."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from ouspark_assets_tests.chaos.processes import list_process_tree

PROGRAM = """
import sys, time
from ouspark_assets.orchestration.storage.instance_storage import EnvironmentComputeLogs
try:
    with EnvironmentComputeLogs(base_dir=sys.argv[1]).capture_logs(["run", "logs", "step"]):
        print("capturing", flush=True)
        time.sleep(600)
except KeyboardInterrupt:
    print("interrupted")
"""
HELPERS = 4
# Only Linux shows the signal mask of another process. Elsewhere, the missing output is the proof.
MASKS_ARE_READABLE = sys.platform == "linux"


def blocks_sigint(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    (blocked,) = (line.partition(":")[2] for line in status if line.startswith("SigBlk:"))
    return bool(int(blocked, 16) >> signal.SIGINT - 1 & 1)


def test_helpers_print_nothing_when_a_run_is_interrupted_at_the_terminal(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        # The line arrives through a helper, so the helpers are running by now.
        assert process.stdout.readline() == "capturing\n"
        blocking = (
            [blocks_sigint(pid) for pid in list_process_tree(process.pid)[1:]]
            if MASKS_ARE_READABLE
            else None
        )
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate()
    assert blocking == [True] * HELPERS or not MASKS_ARE_READABLE
    assert (process.returncode, output, errors) == (0, "interrupted\n", "")
