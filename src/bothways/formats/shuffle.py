"""Keyed randomness: draws and permutations that are pure functions of a key and an index.

Any number of them is computed at once, in any order and on any rank, with the same result. Draws are
SplitMix64 (Steele, Lea and Flood 2014) read at an arbitrary place. A permutation is a Feistel network on the
smallest even number of bits that holds the size, walked until it falls inside (Black and Rogaway 2002, "cycle
walking").

Why not NumPy's `Generator.permutation`: it holds all of an epoch in memory to read one row of it, and NumPy
keeps the right to change its streams between versions, which would break the exact resume of a run.
"""

import hashlib

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ROUNDS = 8
"""Four rounds suffice for large domains; small corpora have domains of a few bits and profit from more."""


def key_of(*parts: int | str) -> int:
    """Return a 64-bit key for what `parts` name, such as `(seed, "rows", epoch)`."""
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def draws(key: int | np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return uint64 random words, one for each `index` (integers ≥ 0; broadcast against an array of keys)."""
    keys = np.atleast_1d(np.asarray(key, dtype=np.uint64))
    return _mix(keys + (np.atleast_1d(index).astype(np.uint64) + np.uint64(1)) * _GOLDEN)


def draw_unit(key: int | np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return float64 numbers, uniform in [0, 1)."""
    unit: np.ndarray = (draws(key, index) >> np.uint64(11)) * 2.0**-53
    return unit


def draw_below(key: int | np.ndarray, index: np.ndarray, bound: np.ndarray | int) -> np.ndarray:
    """Return int64 numbers, uniform in [0, bound); `bound` is at least 1."""
    return np.asarray(draw_unit(key, index) * bound).astype(np.int64)


def permute(index: np.ndarray, size: int, key: int) -> np.ndarray:
    """Return where a random permutation of `range(size)` sends each `index` (int64, any shape)."""
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    keys = draws(key, np.arange(_ROUNDS))
    flat = np.asarray(index).reshape(-1).astype(np.uint64)
    outside = np.arange(flat.size)
    while outside.size:
        # A cycle of the larger permutation that starts inside comes back inside, so this ends.
        flat[outside] = _feistel(flat[outside], half, keys)
        outside = outside[flat[outside] >= np.uint64(size)]
    return flat.astype(np.int64).reshape(np.shape(index))


def _feistel(words: np.ndarray, half: int, keys: np.ndarray) -> np.ndarray:
    """Permute numbers of `2 * half` bits (uint64)."""
    shift = np.uint64(half)
    left, right = words >> shift, words & np.uint64((1 << half) - 1)
    for key in keys:
        left, right = right, left ^ (_mix(right + key) >> np.uint64(64 - half))
    return (left << shift) | right


def _mix(words: np.ndarray) -> np.ndarray:
    """Scramble uint64 words (an array: NumPy wraps arrays silently), one to one."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    scrambled: np.ndarray = words ^ (words >> np.uint64(31))
    return scrambled
