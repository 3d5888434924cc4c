"""What to do next, as far as the results of a sweep say it; the most pressing first. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sweeps.graveyard.importance import Importance
from sweeps.graveyard.results import Failure, ranked
from sweeps.spaces import Categorical, Float, Int, Ordinal, Scalar
from sweeps.states import RunState
from sweeps.trials import SweepSnapshot, Trial

_EDGE = 0.05  # of a range, in the parameter's own scale, in which the best has to be
_NEAR_EDGE = 4  # times as much, in which the next two have to be
_MATTERS_LITTLE = 0.05
_MATTERS_MOST = 0.4
_MANY_FAILURES = 0.2
_FEWEST_FOR_PACE = 20


class AdviceKind(StrEnum):
    """What is proposed."""

    MEND = "mend"  #: what makes trials fail
    WIDEN = "widen"  #: a range whose edge is best
    REFINE = "refine"  #: a range around the best
    FIX = "fix"  #: a parameter that hardly matters
    STOP = "stop"  #: earlier, since the end brought nothing
    GO_ON = "go_on"  #: since the end still brought something


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing to do next, and why."""

    kind: AdviceKind
    parameter: str | None = None
    sentence: str


def advice(snapshot: SweepSnapshot, found: Importance, failed: Sequence[Failure]) -> list[Advice]:
    """All that can be said; nothing where there are no results."""
    order = ranked(snapshot)
    return [
        *_mend(snapshot, failed),
        *(_widen(snapshot, order) if len(order) >= 3 else ()),
        *(_refine(snapshot, order, found) if order else ()),
        *(_fix(order, found) if order else ()),
        *_pace(snapshot, order),
    ]


def _mend(snapshot: SweepSnapshot, failed: Sequence[Failure]) -> Iterator[Advice]:
    n_failed = sum(len(failure.numbers) for failure in failed)
    n = len(snapshot.trials)
    if n and n_failed / n >= _MANY_FAILURES:
        yield Advice(
            kind=AdviceKind.MEND,
            sentence=f"{n_failed} of {n} trials failed, most of them so: {failed[0].cause}. "
            "Mend that first: what is searched is else what survives",
        )


def _widen(snapshot: SweepSnapshot, order: Sequence[Trial]) -> Iterator[Advice]:
    space = snapshot.sweep.spec.space
    for name, parameter in space.parameters.items():
        if not isinstance(parameter, (Float, Int, Ordinal)) or parameter.count() == 1:
            continue
        top = [trial for trial in order[:3] if name in trial.configuration]
        if len(top) < 3:
            continue
        values = [trial.configuration[name] for trial in top]
        side = _edge_of(parameter, values)
        if side is None:
            continue
        edge = "upper" if side > 0 else "lower"
        yield Advice(
            kind=AdviceKind.WIDEN,
            parameter=name,
            sentence=f"the best lie at the {edge} edge of {name} ({_shown(values[0])} of "
            f"{_range(parameter)}): widen it {'upwards' if side > 0 else 'downwards'}",
        )


def _edge_of(parameter: Float | Int | Ordinal, values: Sequence[Scalar]) -> int | None:
    """1 when the best values, the very best first, are at the upper edge, -1 at the lower one."""
    if isinstance(parameter, Ordinal):
        if len(parameter.choices) < 3:
            return None
        places = [parameter.position(value) for value in values]
        if all(place == len(parameter.choices) - 1 for place in places):
            return 1
        return -1 if all(place == 0 for place in places) else None
    units = [parameter.to_unit(value) for value in values]
    # An integer range of a few values has no value within 5 % of its edge but the last one.
    count = parameter.count()
    width = _EDGE if count is None else max(_EDGE, 0.5 / count + 1e-9)
    near = _NEAR_EDGE * width
    if units[0] >= 1 - width and min(units) >= 1 - near:
        return 1
    return -1 if units[0] <= width and max(units) <= near else None


def _refine(snapshot: SweepSnapshot, order: Sequence[Trial], found: Importance) -> Iterator[Advice]:
    space = snapshot.sweep.spec.space
    top = order[: max(3, len(order) // 10)]
    for name, share in found.shares.items():
        parameter = space.parameters[name]
        if share < _MATTERS_MOST:
            continue
        values = [t.configuration[name] for t in top if name in t.configuration]
        if not values:
            continue
        if isinstance(parameter, (Float, Int)):
            units = [parameter.to_unit(value) for value in values]
            if max(units) - min(units) > 0.5:
                continue
            low, high = (parameter.from_unit(unit) for unit in (min(units), max(units)))
            if low == high:
                continue
            where = f"between {_shown(low)} and {_shown(high)}"
            verb = "search it more finely there"
        elif isinstance(parameter, (Categorical, Ordinal)) and len(set(map(str, values))) == 1:
            where, verb = f"at {_shown(values[0])}", "keep it there"
        else:
            continue
        yield Advice(
            kind=AdviceKind.REFINE,
            parameter=name,
            sentence=f"{name} matters most ({share:.0%}), and the best are {where}: {verb}",
        )


def _fix(order: Sequence[Trial], found: Importance) -> Iterator[Advice]:
    if len(found.shares) < 2:
        return
    for name, share in found.shares.items():
        if share < _MATTERS_LITTLE and name in order[0].configuration:
            value = _shown(order[0].configuration[name])
            yield Advice(
                kind=AdviceKind.FIX,
                parameter=name,
                sentence=f"{name} hardly matters ({share:.0%}): fix it, at {value} for instance",
            )


def _pace(snapshot: SweepSnapshot, order: Sequence[Trial]) -> Iterator[Advice]:
    ended = [t for t in snapshot.trials if t.state in {RunState.COMPLETED, RunState.STOPPED}]
    if len(ended) < _FEWEST_FOR_PACE or not order:
        return
    best, n = order[0].number, len(snapshot.trials)
    if best <= n // 2:
        yield Advice(
            kind=AdviceKind.STOP,
            sentence=f"trial {best} of {n} was the best: the second half brought nothing, "
            "so that fewer trials, or another space, are enough",
        )
    elif best > 0.9 * n:
        yield Advice(
            kind=AdviceKind.GO_ON,
            sentence=f"trial {best} of {n} was the best: it was still getting better when it "
            "ended, and a sweep with `warm_start` goes on from here",
        )


def _range(parameter: Float | Int | Ordinal) -> str:
    if isinstance(parameter, Ordinal):
        return f"{_shown(parameter.choices[0])} to {_shown(parameter.choices[-1])}"
    return f"{_shown(parameter.low)} to {_shown(parameter.high)}"


def _shown(value: Scalar) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
