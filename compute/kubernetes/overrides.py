"""What a sweep lays over the manifest of its Jobs, as dagster-k8s does it.

Fields may be written as Python or as Kubernetes names them. Mappings are merged, lists are joined,
and anything else is replaced.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Any, cast

from sweeps.errors import LaunchRejected

#: The parts of dagster-k8s/config: the model of each, and where it is in a Job.
_PARTS = {
    "container_config": ("V1Container", ("spec", "template", "spec", "containers", 0)),
    "pod_spec_config": ("V1PodSpec", ("spec", "template", "spec")),
    "pod_template_spec_metadata": ("V1ObjectMeta", ("spec", "template", "metadata")),
    "job_metadata": ("V1ObjectMeta", ("metadata",)),
    "job_spec_config": ("V1JobSpec", ("spec",)),
}
_LIST = re.compile(r"list\[(.+)\]")
_MAPPING = re.compile(r"dict\(str, (.+)\)")


def with_overrides(
    job: Mapping[str, Any], overrides: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The Job with everything laid over it.

    Raises:
        LaunchRejected: There is no such field.
    """
    changed = cast("dict[str, Any]", _copy(job))
    for name, (model, where) in _PARTS.items():
        given = overrides.get(name)
        if not given:
            continue
        part: Any = changed
        for step in where:
            part = part[step]
        merged = merge(part, as_kubernetes_names(given, model, path=name))
        part.clear()
        part.update(merged)
    return changed


def merge(below: Any, above: Any) -> Any:
    """Deep: mappings by key, lists one after the other, else what is above."""
    if isinstance(below, dict) and isinstance(above, dict):
        left, right = cast("dict[str, Any]", below), cast("dict[str, Any]", above)
        joint = {key: merge(left[key], right[key]) for key in left.keys() & right.keys()}
        return {**left, **right, **joint}
    if isinstance(below, list) and isinstance(above, list):
        return [*cast("list[Any]", below), *cast("list[Any]", above)]
    return above


def as_kubernetes_names(given: Any, kind: str, *, path: str) -> Any:
    """`given` with its fields named as the API names them.

    Args:
        kind: Of the OpenAPI definition, such as ``V1PodSpec`` or ``list[V1Volume]``.
        path: Of the field, for people.

    Raises:
        LaunchRejected: The kind has no such field.
    """
    if (inner := _LIST.fullmatch(kind)) is not None and isinstance(given, list):
        values = cast("list[Any]", given)
        return [as_kubernetes_names(v, inner[1], path=f"{path}[{i}]") for i, v in enumerate(values)]
    if (inner := _MAPPING.fullmatch(kind)) is not None and isinstance(given, dict):
        entries = cast("dict[str, Any]", given)
        return {k: as_kubernetes_names(v, inner[1], path=f"{path}.{k}") for k, v in entries.items()}
    model = _model(kind)
    if model is None or not isinstance(given, dict):
        return given
    to_api: dict[str, str] = model.attribute_map
    types: dict[str, str] = model.openapi_types
    to_python = {api: python for python, api in to_api.items()}
    named: dict[str, Any] = {}
    for key, value in cast("dict[str, Any]", given).items():
        python = key if key in to_api else to_python.get(key)
        if python is None:
            close = difflib.get_close_matches(key, [*to_api, *to_python], n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise LaunchRejected(f"{path} has no field {key!r}{hint}")
        named[to_api[python]] = as_kubernetes_names(value, types[python], path=f"{path}.{key}")
    return named


def _model(kind: str) -> Any:
    import kubernetes  # pyright: ignore[reportMissingTypeStubs]  it has none

    found: Any = getattr(cast("Any", kubernetes.client), kind, None)
    return found if hasattr(found, "attribute_map") else None


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_copy(item) for item in cast("list[Any]", value)]
    return value
