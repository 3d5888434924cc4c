"""Points of one run in columns, and how a curve gets its identifier."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]


def fingerprint(run_id: str, key: str) -> bytes:
    """16 bytes that stand for a curve; the first 8 make its identifier, all of them tell it apart."""
    return hashlib.blake2b(f"{run_id}\0{key}".encode(), digest_size=16).digest()


def series_id(fingerprint: bytes) -> int:
    """Identifier of a curve: 63 bits that every process computes alike."""
    return int.from_bytes(fingerprint[:8], "big") & 0x7FFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPoints:
    """Points of one run, series after series.

    Attributes:
        keys: Names of the series.
        fingerprints: What stands for each.
        counts: How many points each has; they add up to n.
        steps: shape `(n,)`.
        times: shape `(n,)`, microseconds since 1970 UTC.
        values: shape `(n,)`.
    """

    run_id: str
    keys: Sequence[str]
    fingerprints: Sequence[bytes]
    counts: Int64s
    steps: Int64s
    times: Int64s
    values: Float64s

    @property
    def series_ids(self) -> Int64s:
        """Identifiers of the series."""
        return np.array([series_id(mark) for mark in self.fingerprints], dtype=np.int64)
