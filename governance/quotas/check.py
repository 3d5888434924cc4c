"""What quotas have against a sweep before it is written down: what could never start. Pure."""

import datetime as dt
from collections.abc import Mapping

from governance.gpu_types import is_gpu_type
from governance.quotas.quota import Amounts, Quotas
from governance.scheduling.dimensions import CPU, MEMORY, TRIALS, UNDECLARED, Dimensions
from governance.scheduling.queue import Demand, Waiting, WaitKind
from governance.scheduling.room import Rooms, Scope
from sweeps.errors import Problem
from sweeps.ids import AttemptId
from sweeps.specs import SweepSpec

_EVER = dt.datetime.min.replace(tzinfo=dt.UTC)
_PATHS = {CPU: "trial.resources.cpu", MEMORY: "trial.resources.memory"}  #: others: of GPUs
_OF_CLASSES = frozenset({WaitKind.CLASS, WaitKind.RESERVED})


def quota_problems(
    quotas: Quotas,
    spec: SweepSpec,
    *,
    lines: Mapping[str, int] | None = None,
    is_elsewhere: bool = False,
) -> list[Problem]:
    """Everything for which no trial of a sweep could ever start.

    Args:
        lines: Of the keys of the file, from 1, where there is one.
        is_elsewhere: Somebody else, such as Kueue, admits its trials: only its class is looked at.
    """
    found = _of_class(quotas, spec)
    if not is_elsewhere:
        found += _too_much(quotas, spec)
        found += _no_such_type(spec, quotas.capacity)
    known = lines or {}
    return [
        Problem(path=path, message=message, hint=hint, line=known.get(path))
        for path, message, hint in found
    ]


def _of_class(quotas: Quotas, spec: SweepSpec) -> list[tuple[str, str, str]]:
    name = spec.priority
    if name is not None and name not in quotas.classes:
        known = ", ".join(quotas.classes)
        return [("priority", f"there is no class {name!r}", f"write one of {known}")]
    refusal = quotas.of_class(name).refusal(tenant=spec.tenant, user=spec.owner)
    if refusal is None:
        return []
    allowed = [
        one.name
        for one in quotas.classes.values()
        if one.refusal(tenant=spec.tenant, user=spec.owner) is None
    ]
    hint = f"write one of {', '.join(allowed)}" if allowed else "ask who applies the policy"
    return [("priority", refusal, hint)]


def _too_much(quotas: Quotas, spec: SweepSpec) -> list[tuple[str, str, str]]:
    """By the bounds that the scheduler holds trials to, so that it never says otherwise."""
    nodes, trial = spec.trial.pods.nodes, _waiting(spec)
    dimensions = Dimensions(quotas, quotas.capacity, [trial.demand.gpu_type])
    on_nodes = f"are asked for on {nodes} {'node' if nodes == 1 else 'nodes'}"
    found: dict[tuple[Scope, str], tuple[float, str]] = {}  # the least bound, and the sentence
    for scope in Rooms(dimensions, quotas).of(trial).all:
        if scope.kind in _OF_CLASSES and spec.priority not in {None, *quotas.classes}:
            continue  # a class that there is not bounds nobody
        whose = _whose(scope, spec, quotas)
        for index, amount in dimensions.needs(trial.demand):
            bound = scope.limit[index]
            if amount <= bound or index == UNDECLARED:
                continue
            path = _path(index, scope)
            unit = 1000 if index == CPU else 1
            words = f"{amount / unit:g} {on_nodes}, and {whose} {bound / unit:g}"
            if index == TRIALS:
                words = f"{whose} {bound:g} trials"
            least = found.get((scope, path))
            if least is None or bound < least[0]:
                found[scope, path] = (bound, words)
    return [(path, words, _hint(path)) for (_, path), (_, words) in found.items()]


def _waiting(spec: SweepSpec) -> Waiting:
    """A trial of the sweep as the scheduler sees it."""
    resources, nodes = spec.trial.resources, spec.trial.pods.nodes
    return Waiting(
        attempt_id=AttemptId(""),
        sweep_id="",
        tenant=spec.tenant,
        experiment=spec.experiment,
        owner=spec.owner,
        priority=spec.priority,
        demand=Demand(
            cpu_millis=round(resources.cpu * 1000) * nodes,
            memory_bytes=resources.memory_bytes * nodes,
            gpu=resources.gpu * nodes,
            gpu_type=resources.gpu_type if resources.gpu else "",
        ),
        queued_at=_EVER,
    )


def _whose(scope: Scope, spec: SweepSpec, quotas: Quotas) -> str:
    of_class = quotas.of_class(spec.priority).name
    match scope.kind:
        case WaitKind.TENANT:
            return f"tenant {spec.tenant} may hold"
        case WaitKind.CLASS:
            return f"priority {of_class} may hold"
        case WaitKind.RESERVED:
            whom = ", ".join(quotas.reserved_for) or "nobody"
            return f"without what is kept for priority {whom} this installation has"
        case _:
            return "this installation has"


def _path(index: int, scope: Scope) -> str:
    if index == TRIALS:
        return "priority" if scope.kind in _OF_CLASSES else "tenant"
    return _PATHS.get(index, "trial.resources.gpu")


def _hint(path: str) -> str:
    if path.startswith("trial."):
        return "ask for less; `sweepworks quotas` shows the limits"
    return "ask who applies the policy"


def _no_such_type(spec: SweepSpec, capacity: Amounts) -> list[tuple[str, str, str]]:
    asked = spec.trial.resources.gpu_type
    if not asked or not capacity.gpu_types:
        return []
    if any(is_gpu_type(k, asked) or is_gpu_type(asked, k) for k in capacity.gpu_types):
        return []
    hint = f"write one of {', '.join(sorted(capacity.gpu_types))}"
    return [("trial.resources.gpu_type", f"there are no {asked} GPUs here", hint)]
