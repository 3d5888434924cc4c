"""What quotas have against a sweep before it is written down: what could never start. Pure."""

from collections.abc import Mapping

from governance.gpu_types import is_gpu_type
from governance.quotas.quota import Amounts, Quotas
from sweeps.errors import Problem
from sweeps.specs import SweepSpec


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
        limits = quotas.of_tenant(spec.tenant).limits
        found += _too_much(spec, limits, f"tenant {spec.tenant} may hold")
        found += _too_much(spec, quotas.capacity, "this installation has")
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


def _too_much(spec: SweepSpec, amounts: Amounts, whose: str) -> list[tuple[str, str, str]]:
    resources, nodes = spec.trial.resources, spec.trial.pods.nodes
    gpu_bounds = [] if amounts.gpu is None else [amounts.gpu]
    if resources.gpu_type:
        gpu_bounds += [
            count
            for kind, count in amounts.gpu_types.items()
            if is_gpu_type(kind, resources.gpu_type)
        ]
    asked: list[tuple[str, float, float | None]] = [
        ("cpu", resources.cpu * nodes, amounts.cpu),
        ("memory", resources.memory_bytes * nodes, amounts.memory_bytes),
        ("gpu", resources.gpu * nodes, min(gpu_bounds, default=None)),
    ]
    on_nodes = f"are asked for on {nodes} {'node' if nodes == 1 else 'nodes'}"
    found = [
        (
            f"trial.resources.{key}",
            f"{needed:g} {on_nodes}, and {whose} {bound:g}",
            "ask for less; `sweepworks quotas` shows the limits",
        )
        for key, needed, bound in asked
        if bound is not None and needed > bound
    ]
    if amounts.trials == 0:
        found.append(("tenant", f"{whose} 0 trials", "ask who applies the policy"))
    return found


def _no_such_type(spec: SweepSpec, capacity: Amounts) -> list[tuple[str, str, str]]:
    asked = spec.trial.resources.gpu_type
    if not asked or not capacity.gpu_types:
        return []
    if any(is_gpu_type(k, asked) or is_gpu_type(asked, k) for k in capacity.gpu_types):
        return []
    hint = f"write one of {', '.join(sorted(capacity.gpu_types))}"
    return [("trial.resources.gpu_type", f"there are no {asked} GPUs here", hint)]
