"""What is counted: cores, memory, trials, devices, and devices of each type that anybody bounds."""

import math
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from governance.gpu_types import gpu_type, is_gpu_type
from governance.quotas.quota import Amounts, Quotas
from governance.scheduling.queue import Demand

CPU, MEMORY, TRIALS, GPU, UNDECLARED = range(5)
_FIRST_TYPE = 5

#: How much of which dimension, those left out of which there is none.
Needs = tuple[tuple[int, int], ...]
Limits = list[float]  #: by dimension; infinite: without limit

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


class Dimensions:
    """The dimensions of one pass.

    A type that was asked for counts for itself and for every wider one that is bounded: an
    `a100-80gb` is an `a100`. Types are nested, so there is a device for everybody when no type and
    no wider one is given away more often than it is there. A type that the capacity does not have
    is `UNDECLARED`, of which there is nothing.
    """

    def __init__(self, quotas: Quotas, capacity: Amounts, asked: Iterable[str]) -> None:
        bounded = {gpu_type(name) for name in capacity.gpu_types}
        for quota in (*quotas.tenants.values(), quotas.others):
            bounded.update(gpu_type(name) for name in quota.limits.gpu_types)
        wider = {
            gpu_type(name)
            for name in asked
            if name and any(is_gpu_type(name, declared) for declared in capacity.gpu_types)
        }
        self._capacity = capacity
        self.types = tuple(sorted(bounded | wider))
        self._needs: dict[Demand, Needs] = {}
        self._of_type: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return _FIRST_TYPE + len(self.types)

    def needs(self, demand: Demand) -> Needs:
        """A demand by dimension."""
        found = self._needs.get(demand)
        if found is None:
            found = self._needs[demand] = self._make_needs(demand)
        return found

    def _make_needs(self, demand: Demand) -> Needs:
        cpu, memory, gpu, kind = demand
        needs = [(CPU, cpu)] if cpu > 0 else []
        if memory > 0:
            needs.append((MEMORY, memory))
        needs.append((TRIALS, 1))
        if gpu > 0:
            needs.append((GPU, gpu))
            needs += [(index, gpu) for index in self._beside(kind)] if kind else ()
        return tuple(needs)

    def _beside(self, kind: str) -> list[int]:
        """The dimensions that a device of a type counts for beside that of all devices."""
        if (found := self._of_type.get(kind)) is None:
            is_declared = not self._capacity.gpu_types or any(
                is_gpu_type(declared, kind) or is_gpu_type(kind, declared)
                for declared in self._capacity.gpu_types
            )
            found = self.counted_as(kind) + ([] if is_declared else [UNDECLARED])
            self._of_type[kind] = found
        return found

    def counted_as(self, asked: str) -> list[int]:
        """The dimensions of a type of devices."""
        return [
            _FIRST_TYPE + index
            for index, bounded in enumerate(self.types)
            if is_gpu_type(bounded, asked)
        ]

    def capacity(self) -> Limits:
        """What there is."""
        amounts = self._capacity
        limits = self.limits(amounts)
        if amounts.gpu_types:
            in_all = sum(amounts.gpu_types.values())
            limits[GPU] = min(limits[GPU], in_all)
            limits[UNDECLARED] = 0
            for index, bounded in enumerate(self.types):
                limits[_FIRST_TYPE + index] = sum(
                    count for name, count in amounts.gpu_types.items() if is_gpu_type(bounded, name)
                ) or self._of_wider(bounded)
        return limits

    def _of_wider(self, bounded: str) -> float:
        """The capacity of a type of which only a wider one is declared."""
        wider = [
            count for name, count in self._capacity.gpu_types.items() if is_gpu_type(name, bounded)
        ]
        return min(wider, default=0)

    def limits(self, amounts: Amounts) -> Limits:
        """Bounds by dimension."""
        limits: Limits = [math.inf] * len(self)
        limits[CPU] = math.inf if amounts.cpu is None else round(amounts.cpu * 1000)
        limits[MEMORY] = _or_open(amounts.memory_bytes)
        limits[TRIALS] = _or_open(amounts.trials)
        limits[GPU] = _or_open(amounts.gpu)
        for name, count in amounts.gpu_types.items():
            index = _FIRST_TYPE + self.types.index(gpu_type(name))
            limits[index] = min(limits[index], count)
        return limits

    def key(self, index: int) -> str:
        """What a dimension is called in the file of quotas: ``gpu_types.a100``."""
        if index >= _FIRST_TYPE:
            return f"gpu_types.{self.types[index - _FIRST_TYPE]}"
        return ("cpu", "memory", "trials", "gpu", "gpu_types")[index]

    def written(self, index: int, amount: float) -> str:
        """An amount of a dimension as the file of quotas has it, exact; memory is rounded up."""
        if index == CPU:
            return f"{amount / 1000:.3f}".rstrip("0").rstrip(".")
        if index == MEMORY:
            return f"{math.ceil(amount / 2**20)}Mi"
        return f"{amount:.0f}"

    def words(self, index: int, amount: float) -> str:
        """An amount of a dimension, for people."""
        if index == CPU:
            return f"{amount / 1000:g} cores"
        if index == MEMORY:
            return f"{amount / 2**30:.4g} GiB of memory"
        if index == TRIALS:
            return f"{amount:g} {_plural('trial', amount)}"
        if index in {GPU, UNDECLARED}:
            return f"{amount:g} {_plural('GPU', amount)}"
        return f"{amount:g} {self.types[index - _FIRST_TYPE]} {_plural('GPU', amount)}"


def flatten(all_needs: Sequence[Needs]) -> tuple[Indices, Indices, Floats]:
    """What many need, one after another: whose it is (by position), the dimension, the amount."""
    counts = [len(needs) for needs in all_needs]
    pairs = chain.from_iterable(all_needs)
    flat = np.fromiter(chain.from_iterable(pairs), dtype=np.float64, count=2 * sum(counts))
    indices, amounts = flat.reshape(-1, 2).T
    return np.repeat(np.arange(len(counts)), counts), indices.astype(np.intp), amounts


def _or_open(bound: int | None) -> float:
    return math.inf if bound is None else bound


def _plural(noun: str, amount: float) -> str:
    return noun if amount == 1 else f"{noun}s"
