"""Chance that is the same on every machine: streams keyed by seed and purpose, draws keyed by text.

Only uniform numbers are drawn, and only combined by sums and products, which every machine rounds
alike; what depends on a maths library (normal, exponential) is avoided for that reason.
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

BITS_OF_A_DRAW = 53


def stream(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """A stream of its own for each seed, purpose and numbers, however many others are drawn."""
    digest = blake2b(f"{seed}|{purpose}|{numbers}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def uniform(source: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """Numbers in [0, 1)."""
    return source.random(shape, dtype=np.float32)


def around_zero(source: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """Numbers in (-1, 1), the middle likelier: the sum of two uniform ones, less one."""
    return uniform(source, *shape) + uniform(source, *shape) - np.float32(1)


def choice(source: np.random.Generator, options: int, *shape: int) -> NDArray[np.int64]:
    """Numbers from 0 up to and without `options`, all equally likely."""
    return (uniform(source, *shape) * np.float32(options)).astype(np.int64).clip(0, options - 1)


def draw(seed: int, *key: str | int) -> float:
    """One number in [0, 1) that belongs to a seed and a key."""
    text = "|".join(map(str, (seed, *key)))
    digest = blake2b(text.encode(), digest_size=8).digest()
    return float((int.from_bytes(digest, "little") >> 64 - BITS_OF_A_DRAW) / 2**BITS_OF_A_DRAW)
