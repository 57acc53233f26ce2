"""Commands for many keys at once: packed by polars, pipelined over the client's connection.

One batch is one write and one read on a redis-py connection, so TLS and authentication are
redis-py's. Packing and parsing bypass it, because they would take longer than the server does.
Only commands that every managed server allows are used, and MSETEX where it is supported.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import hiredis
import polars as pl
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ResponseError

from ouspark_assets.domain.errors import CacheError

KEYS_PER_BATCH = 500
# Batches that are sent before the answers to the first are read.
MAX_BATCHES_IN_FLIGHT = 2
RECEIVE_BYTES = 1 << 16
# The bytes to send, in pieces, and the number of answers they cause.
Packed: TypeAlias = tuple[list[bytes], int]


def has_msetex(client: Redis) -> bool:
    """Return whether one command can set many keys with a time to live (Valkey 9, Redis 8.4)."""
    request = [
        f"*3\r\n{_bulk_string('COMMAND')}{_bulk_string('INFO')}{_bulk_string('MSETEX')}".encode()
    ]
    try:
        (answer,) = _exchange(client, [(request, 1)])
    except ResponseError:
        return False
    return isinstance(answer, list) and bool(answer) and bool(answer[0])


def set_with_ttl(
    client: Redis, prefix: str, frames: Iterable[pl.DataFrame], seconds: int, *, msetex: bool
) -> int:
    """Set every `name` of the frames to its `document`; return the size of the values in bytes."""
    pack = _pack_msetex if msetex else _pack_sets
    size = 0

    def batches() -> Iterator[Packed]:
        nonlocal size
        for frame in frames:
            for batch in frame.iter_slices(KEYS_PER_BATCH):
                size += int(batch["document"].str.len_bytes().sum())
                yield pack(prefix, batch, seconds), 1 if msetex else batch.height

    deque(_exchange(client, batches()), maxlen=0)
    return size


def persist(client: Redis, keys: pl.Series) -> int:
    """Remove the time to live of every key; return how many keys had one."""
    return sum(_exchange(client, _pack_per_key("PERSIST", keys)))


def expire(client: Redis, keys: pl.Series, seconds: int) -> int:
    """Give every key a time to live; return how many keys exist."""
    return sum(_exchange(client, _pack_per_key("EXPIRE", keys, str(seconds))))


def count_existing(client: Redis, keys: pl.Series) -> int:
    """Return how many of the keys exist."""
    batches = ((_pack_command("EXISTS", batch), 1) for batch in _slices(keys))
    return sum(_exchange(client, batches))


def get_values(client: Redis, keys: pl.Series) -> list[bytes | None]:
    """Return the values of the keys, in order; None for a key that does not exist."""
    batches = ((_pack_command("MGET", batch), 1) for batch in _slices(keys))
    return [value for values in _exchange(client, batches) for value in values]


def _exchange(client: Redis, batches: Iterable[Packed]) -> Iterator[Any]:
    """Send packed batches, a few of them ahead of the answers; yield every answer."""
    with _connection(client) as connection:
        read = _answer_reader(connection)
        waiting: deque[int] = deque()
        for payload, answers in batches:
            connection.send_packed_command(payload)
            waiting.append(answers)
            if len(waiting) > MAX_BATCHES_IN_FLIGHT:
                yield from read(waiting.popleft())
        while waiting:
            yield from read(waiting.popleft())


def _answer_reader(connection: Any) -> Callable[[int], Iterator[Any]]:
    """Return a function that reads a number of answers.

    hiredis is fed directly: redis-py's own reading takes longer per answer than the server does.
    """
    socket = getattr(connection, "_sock", None)
    if socket is None:
        return lambda number: (connection.read_response() for _ in range(number))
    parser = hiredis.Reader(protocolError=ResponseError, replyError=_to_error)

    def read(number: int) -> Iterator[Any]:
        while number:
            answer = parser.gets()
            if answer is False:
                parser.feed(_receive(socket))
                continue
            if isinstance(answer, Exception):
                raise answer
            number -= 1
            yield answer

    return read


def _receive(socket: Any) -> bytes:
    try:
        data: bytes = socket.recv(RECEIVE_BYTES)
    except OSError as error:
        raise RedisConnectionError(str(error) or type(error).__name__) from error
    if not data:
        message = "the server closed the connection"
        raise RedisConnectionError(message)
    return data


def _to_error(text: str) -> Exception:
    return OutOfMemoryError(text) if text.startswith("OOM") else ResponseError(text)


@contextmanager
def _connection(client: Redis) -> Iterator[Any]:
    """Take a connection from the pool; disconnect it unless every answer has been read."""
    pool: Any = client.connection_pool
    connection = pool.get_connection()
    all_read = False
    try:
        yield connection
        all_read = True
    except OutOfMemoryError as error:
        message = (
            "The cache ran out of memory while a generation was being built; readers keep the "
            "current one. Raise maxmemory and run again."
        )
        raise CacheError(message) from error
    finally:
        if not all_read:
            connection.disconnect()
        pool.release(connection)


def _pack_msetex(prefix: str, batch: pl.DataFrame, seconds: int) -> list[bytes]:
    n = batch.height
    head = f"*{2 * n + 4}\r\n{_bulk_string('MSETEX')}{_bulk_string(str(n))}"
    tail = f"{_bulk_string('EX')}{_bulk_string(str(seconds))}"
    return [head.encode(), _join(batch, _pair(prefix)), tail.encode()]


def _pack_sets(prefix: str, batch: pl.DataFrame, seconds: int) -> list[bytes]:
    head, tail = f"*5\r\n{_bulk_string('SET')}", f"{_bulk_string('EX')}{_bulk_string(str(seconds))}"
    return [_join(batch, pl.concat_str(pl.lit(head), _pair(prefix), pl.lit(tail)))]


def _join(batch: pl.DataFrame, text: pl.Expr) -> bytes:
    """Return the text of all rows as bytes, without creating a Python string."""
    joined: bytes = batch.select(text.str.join("").cast(pl.Binary)).item()
    return joined


def _pair(prefix: str) -> pl.Expr:
    return pl.concat_str(
        _bulk_strings(pl.lit(prefix) + pl.col("name")), _bulk_strings(pl.col("document"))
    )


def _pack_per_key(command: str, keys: pl.Series, *more: str) -> Iterator[Packed]:
    head = f"*{2 + len(more)}\r\n{_bulk_string(command)}"
    tail = "".join(map(_bulk_string, more))
    text = pl.concat_str(pl.lit(head), _bulk_strings(pl.col("key")), pl.lit(tail))
    for batch in _slices(keys):
        yield [_join(batch.to_frame("key"), text)], batch.len()


def _pack_command(name: str, keys: pl.Series) -> list[bytes]:
    head = f"*{keys.len() + 1}\r\n{_bulk_string(name)}"
    return [head.encode(), _join(keys.to_frame("key"), _bulk_strings(pl.col("key")))]


def _bulk_strings(column: pl.Expr) -> pl.Expr:
    """Return a column as bulk strings of the protocol: the length in bytes, then the bytes."""
    length = column.str.len_bytes().cast(pl.String)
    return pl.concat_str(pl.lit("$"), length, pl.lit("\r\n"), column, pl.lit("\r\n"))


def _bulk_string(text: str) -> str:
    return f"${len(text.encode())}\r\n{text}\r\n"


def _slices(keys: pl.Series) -> Sequence[pl.Series]:
    return [keys[begin : begin + KEYS_PER_BATCH] for begin in range(0, keys.len(), KEYS_PER_BATCH)]
