"""The worker process of `parallel.py`: cleans the pages that it receives.

Reads pages from standard input and writes batches to standard output until its input ends, so that
it never outlives the process that started it.
"""

import gc
import pickle
import signal
import sys
from typing import Any, BinaryIO

LENGTH_BYTES = 8
# Parsing leaves no reference cycles, so collecting garbage every 700 objects is wasted time.
GC_THRESHOLD = 100_000


def send(stream: BinaryIO, message: object) -> None:
    """Write one message with its length in front."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(len(data).to_bytes(LENGTH_BYTES, "big"))
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read one message; raise EOFError if the other process has ended."""
    length = stream.read(LENGTH_BYTES)
    data = stream.read(int.from_bytes(length, "big")) if len(length) == LENGTH_BYTES else b""
    if not data:
        raise EOFError
    return pickle.loads(data)  # noqa: S301 - both processes run this program


def main() -> None:
    """Read the function that cleans pages, then answer every slice of pages with its batch."""
    # Ctrl-C reaches the whole process group. The parent handles it and then closes the input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(GC_THRESHOLD)
    try:
        clean = receive(sys.stdin.buffer)
        while True:
            send(sys.stdout.buffer, clean(receive(sys.stdin.buffer)))
    except (EOFError, BrokenPipeError):
        return


if __name__ == "__main__":
    main()
