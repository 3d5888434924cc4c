"""What the API server refuses: names and labels that are none, and what is beyond a quota."""

import re
from collections.abc import Iterator

from tests.fake_cluster.applied import amount_of
from tests.fake_cluster.store import Object, Store

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_MOST_BYTES = 63  # of a label, and of a Job's name, which becomes one


def invalid(kind: str, obj: Object) -> str | None:
    """In the server's words; None for nothing."""
    name = obj["metadata"].get("name", "x")
    if not _NAME.fullmatch(name) or len(name) > _MOST_BYTES:
        return f'{kind} "{name}" is invalid: metadata.name: Invalid value: "{name}"'
    for path, label in _labels(obj):
        if not _LABEL.fullmatch(label) or len(label) > _MOST_BYTES:
            return f'{kind} "{name}" is invalid: {path}: Invalid value: "{label}"'
    return None


def _labels(obj: Object) -> Iterator[tuple[str, str]]:
    template = (obj.get("spec") or {}).get("template") or {}
    for path, meta in (
        ("metadata.labels", obj["metadata"]),
        ("spec.template.labels", template.get("metadata") or {}),
    ):
        for value in (meta.get("labels") or {}).values():
            yield path, value


def exceeded(store: Store, namespace: str, resource: str, *, used: int) -> str | None:
    """How one more of a resource is beyond a quota of the namespace; None when it is not."""
    for quota in store.select("resourcequotas", namespace, {}):
        spec = quota.get("spec") or {}
        hard = None if "scopeSelector" in spec else (spec.get("hard") or {}).get(resource)
        if hard is not None and used * 1000 >= amount_of(str(hard)):
            name = quota["metadata"]["name"]
            return (
                f"exceeded quota: {name}, requested: {resource}=1, used: {resource}={used}, "
                f"limited: {resource}={hard}"
            )
    return None
