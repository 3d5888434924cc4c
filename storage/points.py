"""Points of one run in columns, and how a curve gets its identifier."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]


def fingerprint(run_id: str, key: str) -> bytes:
    """16 bytes that stand for a curve; the first 8 make its identifier, all of them tell it apart.

    3 bytes are of the run alone, so that the curves of a run are neighbours in every index: a flush
    touches one page of it instead of one for each of its curves, which is what limits the ingest.
    """
    of_run = hashlib.blake2b(run_id.encode(), digest_size=3).digest()
    return of_run + hashlib.blake2b(f"{run_id}\0{key}".encode(), digest_size=13).digest()


def series_id(fingerprint: bytes) -> int:
    """Identifier of a curve: 63 bits that every process computes alike, 24 of them of its run."""
    return int.from_bytes(fingerprint[:8], "big") >> 1


def digest(run_id: str, keys: Sequence[str]) -> bytes:
    """What stands for these curves together, in this order. Keys have no NUL."""
    return hashlib.blake2b("\0".join((run_id, *keys)).encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """The curves of one flush: a script mostly brings the same ones again and again."""

    run_id: str
    keys: Sequence[str]
    digest: bytes
    series_ids: Int64s  #: shape `(n,)`
    #: What stands for each; empty when all of them are known to have their rows.
    fingerprints: Sequence[bytes] = ()

    @classmethod
    def of(cls, run_id: str, keys: Sequence[str]) -> Self:
        """Curves of which nothing is known yet."""
        marks = [fingerprint(run_id, key) for key in keys]
        return cls(
            run_id=run_id,
            keys=keys,
            digest=digest(run_id, keys),
            series_ids=np.array([series_id(mark) for mark in marks], dtype=np.int64),
            fingerprints=marks,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPoints:
    """Points of one run, series after series.

    Attributes:
        counts: How many points each curve has; they add up to n.
        steps: shape `(n,)`.
        times: shape `(n,)`, microseconds since 1970 UTC.
        values: shape `(n,)`.
    """

    curves: Curves
    counts: Int64s
    steps: Int64s
    times: Int64s
    values: Float64s
