"""How long an attempt will take and what it will cost, from what earlier ones did. Pure.

What is reserved is an upper quantile: nine attempts in ten take no longer. With few earlier ones it
lies above all of them, by half with one and by a twentieth with ten.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from sweeps.schedulers.rungs import rung_levels
from sweeps.specs import SchedulerSpec

_QUANTILE = 0.9
_TAIL = 0.05  # on each side, taken as what lies next to it when a mean is made
ENOUGH = 3  #: earlier attempts of the sweep itself, for the experiment's to be left out


class Basis(StrEnum):
    """What a prediction comes from."""

    SWEEP = "sweep"  #: earlier attempts of the sweep
    EXPERIMENT = "experiment"  #: and of other sweeps of its experiment
    RUN = "run"  #: the run that a rerun repeats, and earlier reruns of it
    TIMEOUT = "trial_timeout"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """An attempt that ended as it was meant to, or was stopped early."""

    seconds: float
    levels: int = 0  #: resource levels that it went through; 0: nobody knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """What is known of earlier attempts."""

    sweep: Sequence[Finished] = ()  #: of the sweep itself
    experiment: Sequence[Finished] = ()  #: of other sweeps of its experiment
    longest_live: float = 0.0  #: seconds that one of the sweep's goes on for already


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What an attempt will take. None: nobody can tell."""

    basis: Basis
    observed: int = 0  #: earlier attempts that it comes from
    seconds: float | None = None  #: on average
    upper_seconds: float | None = None  #: what is reserved
    usd: Decimal | None = None
    upper_usd: Decimal | None = None
    gpu_hours: float | None = None
    upper_gpu_hours: float | None = None

    @property
    def sentence(self) -> str:
        """Where it comes from, for people."""
        match self.basis:
            case Basis.SWEEP:
                return f"from {self.observed} earlier trials of the sweep"
            case Basis.EXPERIMENT:
                return f"from {self.observed} earlier trials of the experiment"
            case Basis.RUN:
                return "from the run that it repeats"
            case Basis.TIMEOUT:
                return "from trial_timeout, the longest that a trial may take"
            case Basis.NOTHING:
                return "no earlier trial of the experiment has ended, and there is no trial_timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What an hour of an attempt is charged."""

    usd: Decimal | None  #: None: nothing that it asks for has a price, or its GPUs have none
    gpus: int  #: held, on all of its nodes


def predict(
    experience: Experience, *, rates: Rates, levels: int | None, timeout: float | None
) -> Prediction:
    """What the next attempt of a sweep will take.

    Args:
        levels: Resource levels that it may go through at most; None: no scheduler stops it early.
        timeout: Seconds after which it is ended; None: it is not.
    """
    basis, finished = Basis.SWEEP, list(experience.sweep)
    if len(finished) < ENOUGH and experience.experiment:
        basis, finished = Basis.EXPERIMENT, [*finished, *experience.experiment]
    if finished:
        upper = max(_upper(finished, levels), experience.longest_live)
        average = _average([one.seconds for one in finished])
    elif timeout is not None:
        basis, upper, average = Basis.TIMEOUT, timeout, timeout
    else:
        free_of_gpus = 0.0 if rates.gpus == 0 else None
        return Prediction(basis=Basis.NOTHING, gpu_hours=free_of_gpus, upper_gpu_hours=free_of_gpus)
    upper = min(max(upper, average), timeout if timeout is not None else math.inf)
    average = min(average, upper)
    return Prediction(
        basis=basis,
        observed=len(finished),
        seconds=average,
        upper_seconds=upper,
        usd=_cost(rates, average),
        upper_usd=_cost(rates, upper),
        gpu_hours=rates.gpus * average / 3600,
        upper_gpu_hours=rates.gpus * upper / 3600,
    )


def levels_ahead(scheduler: SchedulerSpec, *, reached: int) -> int | None:
    """Resource levels that an attempt may go through at most; None: nobody stops it early.

    Args:
        reached: Where its trial was paused; 0: it is new.
    """
    top = scheduler.max_resource
    if scheduler.name == "none" or top is None:
        return None
    pauses = scheduler.name == "hyperband" or scheduler.variant == "promotion"
    if scheduler.name in {"asha", "hyperband"} and pauses:
        rungs = rung_levels(
            min_resource=scheduler.min_resource,
            max_resource=top,
            reduction_factor=scheduler.reduction_factor,
            grace=scheduler.grace,
        )
        # A new trial of a later bracket begins at a higher rung, up to the highest.
        if reached > 0 or (scheduler.name == "asha" and scheduler.brackets == 1):
            return next((rung for rung in rungs if rung > reached), top) - min(reached, top)
    return max(top - reached, 0)


def _upper(finished: Sequence[Finished], levels: int | None) -> float:
    """Seconds that nine in ten attempts do not exceed.

    Where a scheduler ends most of them early, what the next one takes follows from what a level
    takes: it may be the one that goes on to the end.
    """
    paces = [one.seconds / one.levels for one in finished if one.levels > 0]
    if levels is not None and paces:
        return _quantile(paces) * levels
    return _quantile([one.seconds for one in finished])


def _quantile(values: Sequence[float]) -> float:
    count = len(values)
    if count <= 1 / (1 - _QUANTILE):
        return max(values) * (1 + 0.5 / count)
    ordered = sorted(values)
    place = _QUANTILE * (count - 1)
    low = math.floor(place)
    return ordered[low] + (ordered[low + 1] - ordered[low]) * (place - low)


def _average(values: Sequence[float]) -> float:
    """A mean that a few strange ones do not move."""
    ordered = sorted(values)
    cut = math.floor(len(ordered) * _TAIL)
    low, high = ordered[cut], ordered[-1 - cut]
    return statistics.fmean(min(max(value, low), high) for value in ordered)


def _cost(rates: Rates, seconds: float) -> Decimal | None:
    if rates.usd is None:
        return None
    return rates.usd * Decimal(repr(seconds)) / 3600
