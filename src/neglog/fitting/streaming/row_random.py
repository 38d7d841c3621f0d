"""Random numbers per row, independent of the reader and of the order."""

from __future__ import annotations

from typing import Any

import numpy as np

_BLOCK = 32


def row_keys(block: int, rows: int) -> np.ndarray[Any, Any]:
    """Return (N,) unique keys of the rows of a block."""
    return (np.uint64(block) << np.uint64(_BLOCK)) + np.arange(rows, dtype=np.uint64)


def fractions(row_keys: np.ndarray[Any, Any], seed: int) -> np.ndarray[Any, Any]:
    """Return (N,) numbers in [0, 1) determined by the row keys and the seed.

    Source: G. L. Steele, D. Lea, C. H. Flood, Fast splittable pseudorandom number generators,
    OOPSLA 2014.
    """
    with np.errstate(over="ignore"):
        mixed = _splitmix64(row_keys + _splitmix64(np.array([seed + 1], dtype=np.uint64)))
    return (mixed >> np.uint64(11)) * 2.0**-53


def _splitmix64(bits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the SplitMix64 hash of bits; the overflow is intended."""
    with np.errstate(over="ignore"):
        bits = bits * np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(bits ^ (bits >> np.uint64(31)))
