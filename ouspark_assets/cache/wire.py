"""Commands for many keys at once, packed by polars and sent over the client's own connection.

A batch is one write and one read, with whatever TLS and password the connection has. Only
commands that every managed server allows; MSETEX where the server knows it.
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
# Batches that may be on their way before the answer to the first is read.
WINDOW = 2
RECEIVED_AT_ONCE = 1 << 16
# What is sent, piece by piece, and how many answers it brings.
Packed: TypeAlias = tuple[list[bytes], int]


def knows_msetex(client: Redis) -> bool:
    """Whether one command sets many keys with a time to live (Valkey 9, Redis 8.4)."""
    question = [f"*3\r\n{_word('COMMAND')}{_word('INFO')}{_word('MSETEX')}".encode()]
    try:
        (answer,) = _exchange(client, [(question, 1)])
    except ResponseError:
        return False
    return isinstance(answer, list) and bool(answer) and bool(answer[0])


def set_with_ttl(
    client: Redis, prefix: str, frames: Iterable[pl.DataFrame], seconds: int, *, msetex: bool
) -> int:
    """Set every `name` of the frames to its `document`; says how many bytes the values have."""
    pack = _msetex if msetex else _sets
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
    """Take the time to live from every key; says how many keys had one."""
    return sum(_exchange(client, _per_key("PERSIST", keys)))


def expire(client: Redis, keys: pl.Series, seconds: int) -> int:
    """Give every key a time to live; says how many keys there were."""
    return sum(_exchange(client, _per_key("EXPIRE", keys, str(seconds))))


def count_existing(client: Redis, keys: pl.Series) -> int:
    """How many of the keys are there."""
    batches = ((_command("EXISTS", batch), 1) for batch in _slices(keys))
    return sum(_exchange(client, batches))


def values_of(client: Redis, keys: pl.Series) -> list[bytes | None]:
    """The values of the keys, in order; None for one that is not there."""
    batches = ((_command("MGET", batch), 1) for batch in _slices(keys))
    return [value for values in _exchange(client, batches) for value in values]


def _exchange(client: Redis, batches: Iterable[Packed]) -> Iterator[Any]:
    """Send packed batches, a few ahead of the answers; yields every answer."""
    with _connection(client) as connection:
        read = _reader(connection)
        waiting: deque[int] = deque()
        for payload, answers in batches:
            connection.send_packed_command(payload)
            waiting.append(answers)
            if len(waiting) > WINDOW:
                yield from read(waiting.popleft())
        while waiting:
            yield from read(waiting.popleft())


def _reader(connection: Any) -> Callable[[int], Iterator[Any]]:
    """Reads so many answers. The client's own way takes longer over each than the server does."""
    socket = getattr(connection, "_sock", None)
    if socket is None:
        return lambda number: (connection.read_response() for _ in range(number))
    parser = hiredis.Reader(protocolError=ResponseError, replyError=_as_error)

    def read(number: int) -> Iterator[Any]:
        while number:
            answer = parser.gets()
            if answer is False:
                parser.feed(_received(socket))
                continue
            if isinstance(answer, Exception):
                raise answer
            number -= 1
            yield answer

    return read


def _received(socket: Any) -> bytes:
    try:
        data: bytes = socket.recv(RECEIVED_AT_ONCE)
    except OSError as error:
        raise RedisConnectionError(str(error) or type(error).__name__) from error
    if not data:
        message = "the server closed the connection"
        raise RedisConnectionError(message)
    return data


def _as_error(text: str) -> Exception:
    return OutOfMemoryError(text) if text.startswith("OOM") else ResponseError(text)


@contextmanager
def _connection(client: Redis) -> Iterator[Any]:
    """A connection for ourselves; dropped when the conversation broke off in the middle."""
    pool: Any = client.connection_pool
    connection = pool.get_connection()
    finished = False
    try:
        yield connection
        finished = True
    except OutOfMemoryError:
        message = (
            "The cache ran out of memory (maxmemory) while a generation was being built; readers "
            "keep the present one. Raise maxmemory and run again."
        )
        raise CacheError(message) from None
    finally:
        if not finished:
            connection.disconnect()
        pool.release(connection)


def _msetex(prefix: str, batch: pl.DataFrame, seconds: int) -> list[bytes]:
    n = batch.height
    head = f"*{2 * n + 4}\r\n{_word('MSETEX')}{_word(str(n))}"
    tail = f"{_word('EX')}{_word(str(seconds))}"
    return [head.encode(), _joined(batch, _pair(prefix)), tail.encode()]


def _sets(prefix: str, batch: pl.DataFrame, seconds: int) -> list[bytes]:
    head, tail = f"*5\r\n{_word('SET')}", f"{_word('EX')}{_word(str(seconds))}"
    return [_joined(batch, pl.concat_str(pl.lit(head), _pair(prefix), pl.lit(tail)))]


def _joined(batch: pl.DataFrame, text: pl.Expr) -> bytes:
    """One stretch of bytes of all rows, without a Python string in between."""
    found: bytes = batch.select(text.str.join("").cast(pl.Binary)).item()
    return found


def _pair(prefix: str) -> pl.Expr:
    return pl.concat_str(_words(pl.lit(prefix) + pl.col("name")), _words(pl.col("document")))


def _per_key(command: str, keys: pl.Series, *more: str) -> Iterator[Packed]:
    head = f"*{2 + len(more)}\r\n{_word(command)}"
    tail = "".join(map(_word, more))
    text = pl.concat_str(pl.lit(head), _words(pl.col("key")), pl.lit(tail))
    for batch in _slices(keys):
        yield [_joined(batch.to_frame("key"), text)], batch.len()


def _command(name: str, keys: pl.Series) -> list[bytes]:
    head = f"*{keys.len() + 1}\r\n{_word(name)}"
    return [head.encode(), _joined(keys.to_frame("key"), _words(pl.col("key")))]


def _words(column: pl.Expr) -> pl.Expr:
    """A column as the protocol writes it: length in bytes, then the bytes."""
    length = column.str.len_bytes().cast(pl.String)
    return pl.concat_str(pl.lit("$"), length, pl.lit("\r\n"), column, pl.lit("\r\n"))


def _word(text: str) -> str:
    return f"${len(text.encode())}\r\n{text}\r\n"


def _slices(keys: pl.Series) -> Sequence[pl.Series]:
    return [keys[begin : begin + KEYS_PER_BATCH] for begin in range(0, keys.len(), KEYS_PER_BATCH)]
