"""The file of quotas, read and checked: `governance/policies/quotas.yaml`."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from governance.gpu_types import gpu_type
from governance.quotas.escalation import Audience, EscalationStep
from governance.quotas.quota import Amounts, PriorityClass, Quotas, TenantQuota, UsageRule
from governance.quotas.sections import QUOTA_FILE
from sweeps.policies import PolicyKind
from sweeps.sweep_files.documents import Path, check_storable
from sweeps.sweep_files.reading import Reader
from sweeps.sweep_files.yaml_documents import read_yaml

_MOST_WEIGHT = 1e6
_LEAST_WEIGHT = 1e-3
_LEAST_HALF_LIFE = dt.timedelta(minutes=1)


def parse_quotas(text: str, *, source: str) -> Quotas:
    """The quotas of a file.

    Raises:
        InvalidSweepFile: Everything that is wrong, each with its line.
    """
    document = read_yaml(text, source=source, what="file of the policy quotas")
    check_storable(document, source=source)
    reader = Reader(document)
    empty: dict[str, object] = {}
    read = QUOTA_FILE.read(reader, (), empty if document.value is None else document.value)
    if read is not None:
        _check(reader, read)
    reader.raise_problems(source)
    assert read is not None  # or there was a problem
    return _quotas(read)


def _check(reader: Reader, read: Mapping[str, Any]) -> None:
    """Rules that no single value can break."""
    classes = _of(read, "classes")
    if read["classes"] is not None:
        _check_class(reader, ("default_class",), read["default_class"], classes)
        for name, given in classes.items():
            _between(reader, ("classes", name, "max_share"), given["max_share"], 0, 1)
    reserved = read["reserved"]
    if reserved is not None:
        _between(reader, ("reserved", "share"), reserved["share"], 0, 1)
        for index, name in enumerate(reserved["classes"] or ()):
            _check_class(reader, ("reserved", "classes", index), name, classes)
        if reserved["share"] and not reserved["classes"]:
            hint = "add for example classes: [urgent], or remove share"
            reader.problem(("reserved", "share"), "it is kept for nobody", hint)
    usage = read["usage"]
    if usage is not None:
        _between(reader, ("usage", "influence"), usage["influence"], 0, _MOST_WEIGHT)
        if usage["half_life"] is not None and usage["half_life"] < _LEAST_HALF_LIFE:
            message = "it is shorter than a minute"
            reader.problem(("usage", "half_life"), message, "write for example 7d")
    _check_steps(reader, ("escalation",), read["escalation"] or ())
    _check_types(reader, ("capacity",), read["capacity"])
    for name, tenant in _of(read, "tenants").items():
        _check_tenant(reader, ("tenants", name), tenant)
    _check_tenant(reader, ("other_tenants",), read["other_tenants"])


def _check_class(
    reader: Reader, path: Path, name: str | None, classes: Mapping[str, object]
) -> None:
    if name is not None and classes and name not in classes:
        reader.problem(path, f"no class {name!r}", f"known: {', '.join(sorted(classes))}")


def _check_steps(reader: Reader, path: Path, steps: Sequence[Mapping[str, Any]]) -> None:
    """Each tells later than the one before it."""
    before: dt.timedelta | None = None
    for index, step in enumerate(steps):
        after = step["after"]
        if before is not None and after is not None and after <= before:
            message = f"it is not later than the step before it, {before}"
            reader.problem((*path, index, "after"), message, "write the steps by their time")
        before = after or before


def _check_tenant(reader: Reader, path: Path, tenant: Mapping[str, Any] | None) -> None:
    if tenant is None:
        return
    _weight(reader, (*path, "weight"), tenant["weight"])
    for key in ("users", "experiments"):
        for name, weight in _of(tenant, key).items():
            _weight(reader, (*path, key, name), weight)
    _check_types(reader, (*path, "limits"), tenant["limits"])


def _check_types(reader: Reader, path: Path, amounts: Mapping[str, Any] | None) -> None:
    """Two names of one type would be two bounds."""
    seen: dict[str, str] = {}
    for name in _of(amounts or {}, "gpu_types"):
        other = seen.setdefault(gpu_type(name), name)
        if other != name:
            message = f"{name!r} is the same type as {other!r}"
            reader.problem((*path, "gpu_types", name), message, "keep one of them")


def _of(read: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A mapping of the file; an empty one when it is wrong, which has been noted."""
    return read[key] or {} if key in read else {}


def _weight(reader: Reader, path: Path, value: float | None) -> None:
    _between(reader, path, value, _LEAST_WEIGHT, _MOST_WEIGHT)


def _between(reader: Reader, path: Path, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        message = f"{value:g} is out of range"
        reader.problem(path, message, f"write a number from {low:g} to {high:g}")


def _quotas(read: Mapping[str, Any]) -> Quotas:
    reserved, usage = read["reserved"], read["usage"]
    return Quotas(
        classes={
            name: PriorityClass(name=name, **given) for name, given in read["classes"].items()
        },
        usual_class=read["default_class"],
        capacity=_amounts(read["capacity"]),
        reserved_share=reserved["share"],
        reserved_for=tuple(reserved["classes"]),
        usage=UsageRule(half_life=usage["half_life"], influence=usage["influence"]),
        backfills=read["backfill"],
        tenants={name: _tenant(given) for name, given in read["tenants"].items()},
        others=_tenant(read["other_tenants"]),
        escalation=tuple(
            EscalationStep(after=step["after"], to=Audience(step["to"]))
            for step in read["escalation"]
        ),
    )


def _tenant(read: Mapping[str, Any]) -> TenantQuota:
    return TenantQuota(
        weight=read["weight"],
        limits=_amounts(read["limits"]),
        storage_bytes=read["limits"]["storage"],
        users=read["users"],
        experiments=read["experiments"],
    )


def _amounts(read: Mapping[str, Any]) -> Amounts:
    return Amounts(
        cpu=read["cpu"],
        memory_bytes=read["memory"],
        gpu=read["gpu"],
        gpu_types=read["gpu_types"],
        trials=read["trials"],
    )


QUOTAS = PolicyKind(
    name="quotas", package="governance.policies", parse=parse_quotas, least="tenants: {}"
)
