"""Points of one run in columns, and how a curve gets its identifier."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]


USER, SYSTEM = "user", "system"  #: families: what a script logs, and what is measured beside it


def fingerprint(run_id: str, key: str, family: str = USER) -> bytes:
    """16 bytes that stand for a curve; the first 8 make its identifier, all of them tell it apart.

    3 bytes are of the run alone, so that the curves of a run are neighbours in every index: a flush
    touches one page of it instead of one for each of its curves, which is what limits the ingest.
    """
    of_run = hashlib.blake2b(run_id.encode(), digest_size=3).digest()
    name = f"{run_id}\0{key}" if family == USER else f"{run_id}\0{key}\0{family}"
    return of_run + hashlib.blake2b(name.encode(), digest_size=13).digest()


def series_id(fingerprint: bytes) -> int:
    """Identifier of a curve: 63 bits that every process computes alike, 24 of them of its run."""
    return int.from_bytes(fingerprint[:8], "big") >> 1


def digest(run_id: str, keys: Sequence[str], system_keys: Sequence[str] = ()) -> bytes:
    """What stands for these curves together, in this order. Keys have no NUL, and are not empty."""
    names = (run_id, *keys, "", *system_keys) if system_keys else (run_id, *keys)
    return hashlib.blake2b("\0".join(names).encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """The curves of one flush: a script mostly brings the same ones again and again."""

    run_id: str
    keys: Sequence[str]  #: of the family `user`
    system_keys: Sequence[str] = ()  #: of the family `system`: these curves come last
    digest: bytes
    series_ids: Int64s  #: shape `(n,)`
    #: What stands for each; empty when all of them are known to have their rows.
    fingerprints: Sequence[bytes] = ()

    @classmethod
    def of(cls, run_id: str, keys: Sequence[str], system_keys: Sequence[str] = ()) -> Self:
        """Curves of which nothing is known yet."""
        marks = [
            *(fingerprint(run_id, key) for key in keys),
            *(fingerprint(run_id, key, SYSTEM) for key in system_keys),
        ]
        return cls(
            run_id=run_id,
            keys=keys,
            system_keys=system_keys,
            digest=digest(run_id, keys, system_keys),
            series_ids=np.array([series_id(mark) for mark in marks], dtype=np.int64),
            fingerprints=marks,
        )

    @property
    def names(self) -> Iterator[tuple[str, str]]:
        """Family and key of each, in the order of `series_ids`."""
        yield from ((USER, key) for key in self.keys)
        yield from ((SYSTEM, key) for key in self.system_keys)


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
