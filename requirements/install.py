"""Installs locked requirements into the environment that runs this, and shows progress.

`make setup` runs it with the Python of `.venv`. pip alone would either print several hundred lines
or nothing for a minute. Only the standard library is available here.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

PINNED = re.compile(r"^[\w.-]+(\[[\w,.-]+\])?==", re.MULTILINE)
# One of these lines per requirement; the last is about other platforms.
DECIDED = ("Collecting ", "Processing ", "Requirement already satisfied:", "Ignoring ")
# Without a terminal, progress is printed after this many packages.
LINES_APART = 25


def install(requirements: Path) -> int:
    """Install the requirements with their hashes verified; return pip's exit code."""
    total = len(PINNED.findall(requirements.read_text(encoding="utf-8")))
    pip = (sys.executable, "-m", "pip", "install", "--no-deps", "--require-hashes", "-r")
    process = subprocess.Popen(
        [*pip, str(requirements)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    output = show_progress(process.stdout or (), total)
    if process.wait():
        sys.stderr.write("".join(output[-20:]))
    return process.returncode


def show_progress(lines: Iterable[str], total: int) -> list[str]:
    """Print how many packages pip has got, and when it installs them; return its output."""
    output, done, began = [], 0, time.monotonic()
    is_terminal = sys.stdout.isatty()
    for line in lines:
        output.append(line)
        if line.startswith(DECIDED):
            done += 1
            if is_terminal:
                print(f"\r  {done} of {total} packages", end="", flush=True)
            elif done % LINES_APART == 0 or done == total:
                print(f"  {done} of {total} packages", flush=True)
        elif line.startswith("Installing collected packages"):
            print("\n" * is_terminal + "  unpacking them", flush=True)
    print(f"  {time.monotonic() - began:.0f} s", flush=True)
    return output


if __name__ == "__main__":
    sys.exit(install(Path(sys.argv[1])))
