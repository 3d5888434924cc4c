"""Objects of the API as it sends them: JSON, in which anything may be missing."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, cast

KubeObject = Mapping[str, Any]
_NOTHING: KubeObject = {}


def name_of(obj: KubeObject) -> str:
    """Name of an object."""
    return str(obj["metadata"]["name"])


def version_of(obj: KubeObject) -> str:
    """Its resource version: opaque, equal for equal states."""
    return str(obj["metadata"].get("resourceVersion", ""))


def is_older(obj: KubeObject, other: KubeObject | None) -> bool:
    """Whether `obj` is an earlier state of the same object than `other`.

    Versions of one resource are numbers that grow (KEP-5504); of any others nothing is said.
    """
    if other is None or obj["metadata"].get("uid") != other["metadata"].get("uid"):
        return False
    mine, theirs = version_of(obj), version_of(other)
    return mine.isdecimal() and theirs.isdecimal() and int(mine) < int(theirs)


def label(obj: KubeObject, name: str) -> str:
    """A label, empty when it has none."""
    return str(part(obj["metadata"], "labels").get(name, ""))


def annotation(obj: KubeObject, name: str) -> str:
    """An annotation, empty when it has none."""
    return str(part(obj["metadata"], "annotations").get(name, ""))


def condition(obj: KubeObject, kind: str) -> KubeObject | None:
    """The condition of that type, if it holds."""
    found = _conditions(obj, kind)
    return found if found is not None and found.get("status") == "True" else None


def refuted(obj: KubeObject, kind: str) -> KubeObject | None:
    """The condition of that type, if it is said not to hold."""
    found = _conditions(obj, kind)
    return found if found is not None and found.get("status") == "False" else None


def _conditions(obj: KubeObject, kind: str) -> KubeObject | None:
    return next((one for one in items(status(obj), "conditions") if one.get("type") == kind), None)


def part(obj: KubeObject, name: str) -> KubeObject:
    """An object within an object, empty when it is missing or null."""
    found: Any = obj.get(name)
    return cast("KubeObject", found) if isinstance(found, dict) else _NOTHING


def items(obj: KubeObject, name: str) -> Sequence[KubeObject]:
    """A list of objects within an object, empty when it is missing or null."""
    found: Any = obj.get(name)
    return cast("Sequence[KubeObject]", found) if isinstance(found, list) else ()


def status(obj: KubeObject) -> KubeObject:
    """What the cluster says of it."""
    return part(obj, "status")


def time_of(text: object) -> dt.datetime | None:
    """RFC 3339 as the API writes it, with or without fractions; None for nothing."""
    if not isinstance(text, str) or not text:
        return None
    return dt.datetime.fromisoformat(text)
