"""Storage pools: nodes that are near data, and how many trials may read it from afar. Pure.

A trial that uses data of a pool would rather run on the pool's nodes. In the pool's peak hours only a
few live attempts may have been launched without having to: all others have to run there.
"""

import datetime as dt
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from governance.name_patterns import NamePattern
from sweeps.errors import HeldBack
from sweeps.specs import VolumeMount

_LOOK_SECONDS = 30.0  # between looks whether there is room: peaks last for hours
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Nearness(StrEnum):
    """What was decided at the launch of an attempt about a pool that it reads from."""

    PREFERRED = "preferred"  #: the pool's nodes first, others when there is no room
    REQUIRED = "required"  #: the pool's nodes alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """Hours of the week, by the clock on the wall, and how many may read from afar in them."""

    days: tuple[int, ...]  #: that they begin on; 0 is Monday
    begins: int  #: minutes after midnight
    ends: int  #: likewise, up to 1440; before `begins`: on the day after
    zone: str = "UTC"  #: whose clock
    max_outside: int = 0  #: live attempts that were launched without having to be near

    def covers(self, at: dt.datetime) -> bool:
        """Whether it is peak then.

        An hour that the clock goes through twice counts both times, one that it leaves out not at all.
        """
        local = at.astimezone(zoneinfo.ZoneInfo(self.zone))
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.begins < self.ends:
            return day in self.days and self.begins <= minute < self.ends
        if minute >= self.begins:
            return day in self.days
        return minute < self.ends and (day - 1) % len(WEEKDAYS) in self.days

    def __str__(self) -> str:
        """For people: ``mon-fri 08:00-18:00 Europe/Zurich``."""
        return f"{_days(self.days)} {_clock(self.begins)}-{_clock(self.ends)} {self.zone}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoragePool:
    """A place of data, the nodes near it, and when it is busy."""

    name: str
    nodes: Mapping[str, str]  #: labels of the nodes near it, all of which they have
    datasets: tuple[NamePattern, ...]  #: which ones it has
    volume: VolumeMount | None = None  #: claim of each tenant's namespace, read-only
    peak: Peak | None = None  #: None: nobody is held back

    def has(self, dataset: str) -> bool:
        """Whether data of that name are in it."""
        return any(pattern.fits(dataset) for pattern in self.datasets)

    def is_full_outside(self, outside: int, *, now: dt.datetime) -> bool:
        """Whether nobody else may be launched without having to be near.

        Args:
            outside: Live attempts that were launched so.
        """
        peak = self.peak
        return peak is not None and peak.covers(now) and outside >= peak.max_outside

    def is_counted(self, *, now: dt.datetime) -> bool:
        """Whether it matters how many were launched without having to be near."""
        return self.peak is not None and self.peak.max_outside > 0 and self.peak.covers(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearPool:
    """A pool that a trial reads from."""

    pool: StoragePool
    datasets: tuple[str, ...] = field(default=())  #: names of those that it has of the trial


def pools_near(datasets: Sequence[str], pools: Sequence[StoragePool]) -> tuple[NearPool, ...]:
    """The pools of datasets, in the order of the datasets. One that several have is in the first."""
    found: dict[str, tuple[StoragePool, list[str]]] = {}
    for name in datasets:
        pool = next((pool for pool in pools if pool.has(name)), None)
        if pool is not None:
            found.setdefault(pool.name, (pool, []))[1].append(name)
    return tuple(NearPool(pool=pool, datasets=tuple(names)) for pool, names in found.values())


def place(
    pools: Sequence[StoragePool],
    *,
    outside: Mapping[str, int],
    bound: Mapping[str, str],
    now: dt.datetime,
) -> Mapping[str, Nearness]:
    """Whether an attempt has to run near each of its pools, or would only rather.

    It has to be near those that are full outside. Where no node can be near all of these, it waits
    until there is room outside of one of them, or the peak is over: never are more outside.

    Args:
        pools: That it reads from.
        outside: Other live attempts that were launched without having to be near, by pool; of those that
            are counted.
        bound: Labels that its nodes have in any case, as its sweep asks for them.

    Raises:
        HeldBack: It has to wait; the message says for what.
    """
    full = [pool for pool in pools if pool.is_full_outside(outside.get(pool.name, 0), now=now)]
    labels = dict(bound)
    for pool in full:
        if not agree(labels, pool.nodes):
            others = [other.name for other in full if other is not pool]
            besides = (
                f"storage pool {' and '.join(others)}" if others else "what its sweep asks for"
            )
            assert pool.peak is not None  # it would not be full
            places = pool.peak.max_outside
            outside_of = f", or for one of {places} places outside" if places else ""
            raise HeldBack(
                f"waits for the peak of storage pool {pool.name} to be over ({pool.peak}){outside_of}: "
                f"no node is near it and fits {besides}",
                retry_after_seconds=_LOOK_SECONDS,
            )
        labels |= pool.nodes
    return {pool.name: Nearness.REQUIRED if pool in full else Nearness.PREFERRED for pool in pools}


def agree(labels: Mapping[str, str], others: Mapping[str, str]) -> bool:
    """Whether a node can have all of them."""
    return all(labels.get(name, value) == value for name, value in others.items())


def _days(days: Sequence[int]) -> str:
    first, last = min(days), max(days)
    if len(days) > 1 and len(days) == last - first + 1:
        return f"{WEEKDAYS[first]}-{WEEKDAYS[last]}"
    return ",".join(WEEKDAYS[day] for day in sorted(days))


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
