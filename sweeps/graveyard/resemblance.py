"""How much of a new sweep an earlier one has searched already. Pure."""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sweeps.ids import SweepId
from sweeps.spaces import Float, Int, Parameter, SearchSpace
from sweeps.spaces.parameters import is_among
from sweeps.specs import SweepSpec

LEAST_OVERLAP = 0.3  #: of a space, below which two sweeps are different things
_LONGEST_TAKEAWAY = 300
_MOST_VALUES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A sweep that has ended."""

    sweep_id: SweepId
    spec: SweepSpec
    datasets: tuple[str, ...]  #: ``digits@3``
    best: float | None
    takeaway: str
    is_confirmed: bool  #: by a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Resemblance:
    """How much an earlier sweep has in common with a new one."""

    sweep_id: SweepId
    overlap: float  #: share of the new space that the earlier one searched, 0 to 1
    same_experiment: bool
    same_data: bool
    same_command: bool
    metric: str
    best: float | None
    takeaway: str
    is_confirmed: bool

    def sentence(self) -> str:
        """What a person is told who submits the new one."""
        what = [f"sweep {self.sweep_id} searched {self.overlap:.0%} of this space"]
        if self.same_data:
            what.append("on the same data")
        if self.same_command:
            what.append("with the same command")
        best = "no result" if self.best is None else f"best {self.metric} {self.best:.5g}"
        said = self.takeaway[:_LONGEST_TAKEAWAY] + ("…" * (len(self.takeaway) > _LONGEST_TAKEAWAY))
        takeaway = "takeaway" if self.is_confirmed else "takeaway, to be confirmed"
        return f"{' '.join(what)}: {best}" + (f"; {takeaway}: {said}" if said else "")


def resemblances(
    spec: SweepSpec,
    datasets: Iterable[str],
    earlier: Sequence[Earlier],
    *,
    most: int = 3,
) -> list[Resemblance]:
    """Earlier sweeps for the same objective whose space overlaps, the closest first.

    They are of the same experiment, or run the same command, or use the same data.

    Args:
        datasets: Of the new one, as ``digits@3``.
    """
    ours = sorted(datasets)
    found: list[Resemblance] = []
    for one in earlier:
        if one.spec.objective != spec.objective:
            continue
        same = Resemblance(
            sweep_id=one.sweep_id,
            overlap=overlap(spec.space, one.spec.space),
            same_experiment=one.spec.experiment == spec.experiment,
            same_data=sorted(one.datasets) == ours,
            same_command=_command(one.spec) == _command(spec),
            metric=spec.objective.metric,
            best=one.best,
            takeaway=one.takeaway,
            is_confirmed=one.is_confirmed,
        )
        is_kin = same.same_experiment or same.same_command or (same.same_data and bool(ours))
        if is_kin and same.overlap >= LEAST_OVERLAP:
            found.append(same)
    found.sort(
        key=lambda one: (-(one.same_data + one.same_command + one.overlap), one.sweep_id),
    )
    return found[:most]


def overlap(new: SearchSpace, old: SearchSpace) -> float:
    """Share of the volume of `new`, as its priors measure it, that `old` searched; 0 to 1.

    Conditions and constraints are left out of it. A parameter that `old` lacks had a value that
    nobody knows: where `new` varies it, nothing of that was searched.
    """
    share = 1.0
    for name, parameter in new.parameters.items():
        share *= _covered(parameter, old.parameters.get(name))
    return share


def _covered(new: Parameter, old: Parameter | None) -> float:
    if old is None:
        return 1.0 if new.count() == 1 else 0.0
    if isinstance(new, (Float, Int)) and isinstance(old, (Float, Int)) and new.count() != 1:
        low, high = max(new.low, old.low), min(new.high, old.high)
        if low > high:
            return 0.0
        if isinstance(new, Int):
            first = math.ceil((low - new.low) / new.step)
            last = math.floor((high - new.low) / new.step)
            return max(0, last - first + 1) / new.count()
        scale = new.scale
        return min(1.0, max(0.0, scale.unit_of(high) - scale.unit_of(low)))
    count = new.count()
    if count is None or count > _MOST_VALUES:  # of which single values are no part
        return 0.0
    values = new.values() or ()
    shared = sum(old.contains(value) or is_among(value, old.values() or ()) for value in values)
    return shared / len(values)


def _command(spec: SweepSpec) -> str:
    text = json.dumps([list(spec.trial.command), spec.trial.image])
    return hashlib.sha256(text.encode()).hexdigest()
