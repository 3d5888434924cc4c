"""Server-side apply, as "Server-Side Apply" in Kubernetes' documentation has it.

Lists are atomic, as all are that tenants' objects have, and so are selectors.
"""

import copy
from collections.abc import Callable
from typing import Any

from tests.fake_cluster.store import Object, now_text

Field = tuple[str, ...]
Fields = set[Field]
_ATOMIC = {"podSelector", "namespaceSelector", "scopeSelector", "roleRef"}
_UNMANAGED = {
    ("apiVersion",),
    ("kind",),
    *(
        ("metadata", key)
        for key in ("name", "namespace", "uid", "resourceVersion", "generation",
                    "creationTimestamp", "managedFields")
    ),
}  # fmt: skip


class FieldConflict(Exception):
    """Fields that others manage, with other values."""

    def __init__(self, conflicts: dict[str, list[Field]]) -> None:
        managers = ", ".join(f'"{manager}"' for manager in sorted(conflicts))
        fields = ", ".join(f".{'.'.join(one)}" for found in conflicts.values() for one in found)
        super().__init__(f"Apply failed with conflicts with {managers}: {fields}")


def applied(live: Object | None, config: Object, *, manager: str, force: bool) -> Object:
    """The object after `manager` has applied `config`."""
    wanted = fields_of(config)
    if live is None:
        made = copy.deepcopy(config)
        made["metadata"]["managedFields"] = [_entry(made, manager, "Apply", wanted)]
        return made
    entries = copy.deepcopy(live["metadata"].get("managedFields") or [])
    mine = next((e for e in entries if (e["manager"], e["operation"]) == (manager, "Apply")), None)
    others = [entry for entry in entries if entry is not mine]
    conflicts = {
        entry["manager"]: clashing
        for entry in others
        if (clashing := [
            one for one in sorted(wanted & _owned(entry)) if value(live, one) != value(config, one)
        ])
    }  # fmt: skip
    if conflicts and not force:
        raise FieldConflict(conflicts)
    before = _owned(mine) if mine else set()
    after = _merged(live, config)
    for one in before - wanted:
        if not any(one in _owned(entry) for entry in others):
            _remove(after, one)
    for entry in others:
        lost = set(conflicts.get(entry["manager"], ()))
        if lost:
            entry["fieldsV1"] = _as_v1(_owned(entry) - lost)
    entry = mine if mine and before == wanted else _entry(after, manager, "Apply", wanted)
    after["metadata"]["managedFields"] = [
        *(other for other in others if other["fieldsV1"]), entry
    ]  # fmt: skip
    return after


def edited(live: Object, change: Callable[[Object], None], *, manager: str) -> Object:
    """The object after somebody changed it in place: what they changed is theirs."""
    after = copy.deepcopy(live)
    change(after)
    theirs = {
        one for one in fields_of(after) | fields_of(live) if value(live, one) != value(after, one)
    }
    entries = copy.deepcopy(live["metadata"].get("managedFields") or [])
    for entry in entries:
        entry["fieldsV1"] = _as_v1(_owned(entry) - theirs)
    kept = {one for one in theirs if value(after, one) is not None}
    entries.append(_entry(after, manager, "Update", kept))
    after["metadata"]["managedFields"] = [entry for entry in entries if entry["fieldsV1"]]
    return after


def fields_of(config: Object) -> Fields:
    """Paths of all leaves that somebody may manage."""
    return {
        one for one in _leaves(config, ()) if one[:2] not in _UNMANAGED and one not in _UNMANAGED
    }


def value(obj: Any, field: Field) -> Any:
    for key in field:
        if not isinstance(obj, dict) or key not in obj:
            return None
        obj = obj[key]
    return obj


def _leaves(obj: Any, path: Field) -> Fields:
    if not isinstance(obj, dict) or not obj or (path and path[-1] in _ATOMIC):
        return {path}
    return {leaf for key, item in obj.items() for leaf in _leaves(item, (*path, key))}


def _merged(live: Any, config: Any, path: Field = ()) -> Any:
    if not isinstance(live, dict) or not isinstance(config, dict):
        return copy.deepcopy(config)
    if path and path[-1] in _ATOMIC:
        return copy.deepcopy(config)
    out = copy.deepcopy(live)
    for key, item in config.items():
        out[key] = (
            _merged(live.get(key), item, (*path, key)) if key in live else copy.deepcopy(item)
        )
    return out


def _remove(obj: Object, field: Field) -> None:
    *above, last = field
    parent = value(obj, tuple(above)) if above else obj
    if isinstance(parent, dict):
        parent.pop(last, None)


def _entry(obj: Object, manager: str, operation: str, fields: Fields) -> Object:
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": obj["apiVersion"],
        "time": now_text(),
        "fieldsType": "FieldsV1",
        "fieldsV1": _as_v1(fields),
    }


def _as_v1(fields: Fields) -> Object:
    out: Object = {}
    for field in sorted(fields):
        inner = out
        for key in field:
            inner = inner.setdefault(f"f:{key}", {})
    return out


def _owned(entry: Object) -> Fields:
    return {
        tuple(part.removeprefix("f:") for part in leaf)
        for leaf in _leaves(entry["fieldsV1"], ())
        if leaf
    }
