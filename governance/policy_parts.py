"""What of a policy one tenant may read: its own part, and what holds for everybody. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from governance.quotas.quota import PriorityClass
from sweeps.sweep_files.reading import as_list, as_mapping

_TENANT, _TENANTS, _USERS, _NAME = "tenant", "tenants", "users", "name"
_EXPERIMENTS = "experiments"
_HIDDEN = "…"  #: stands for what is there, and not for who asks
#: Sections that may hold what only who wrote them should read.
_SECRET = frozenset({"environment"})
#: Of these lists, entries of nobody's are about everybody's sums, which one tenant does not see.
_OF_SOMEBODY = frozenset({("budgets", "budgets")})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Who reads what."""

    kind: str
    tenant: str
    users: Collection[str]


def part_of(document: object, *, kind: str, tenant: str, users: Collection[str] = ()) -> object:
    """The document without what names other tenants, or their people.

    Args:
        document: Of a policy file, as it was parsed.
        kind: Of the policy.
        tenant: Whose part.
        users: Who is known to be of that tenant: its members, and who asks.
    """
    return _part(document, _Reader(kind=kind, tenant=tenant, users=users))


def class_part(one: PriorityClass, *, tenant: str, users: Collection[str] = ()) -> PriorityClass:
    """A class of priority as `part_of` tells of it.

    Args:
        tenant: Whose part.
        users: Who is known to be of that tenant.
    """
    return replace(
        one,
        tenants=None if one.tenants is None else tuple(_known(one.tenants, {tenant})),
        users=None if one.users is None else tuple(_known(one.users, users)),
    )


def _part(value: object, reader: _Reader) -> Any:
    if (items := as_list(value)) is not None:
        return [_part(item, reader) for item in items if _is_mine(item, reader.tenant)]
    if (mapping := as_mapping(value)) is None:
        return value
    part = {key: _section(key, item, reader) for key, item in mapping.items()}
    if part.get(_TENANTS) == [_HIDDEN] and _as_names(part.get(_EXPERIMENTS)):
        part[_EXPERIMENTS] = [_HIDDEN]  # of those others
    return part


def _section(key: str, value: object, reader: _Reader) -> Any:
    if key in _SECRET:
        return dict.fromkeys(as_mapping(value) or {}, _HIDDEN)
    if key in {_TENANTS, _USERS} and (names := _as_names(value)) is not None:
        return _known(names, {reader.tenant} if key == _TENANTS else reader.users)
    if key == _TENANTS:
        value = _own(value, reader.tenant)
    elif (reader.kind, key) in _OF_SOMEBODY:
        value = [item for item in as_list(value) or () if _TENANT in (as_mapping(item) or {})]
    return _part(value, reader)


def _as_names(value: object) -> list[str] | None:
    """A list of nothing but names, such as those who may use a class of priority."""
    items = as_list(value)
    names = [item for item in items or () if isinstance(item, str)]
    return names if items and len(names) == len(items) else None


def _known(names: Sequence[str], known: Collection[str]) -> list[str]:
    """Those that are known, and that there are others."""
    found = [name for name in names if name in known]
    return found if len(found) == len(names) else [*found, _HIDDEN]


def _own(value: object, tenant: str) -> object:
    """The tenant's own of all tenants: by name, or with a name in each."""
    if (by_name := as_mapping(value)) is not None:
        return {name: item for name, item in by_name.items() if name == tenant}
    return [item for item in as_list(value) or () if (as_mapping(item) or {}).get(_NAME) == tenant]


def _is_mine(item: object, tenant: str) -> bool:
    mapping: Mapping[str, object] = as_mapping(item) or {}
    named = mapping.get(_TENANT)
    return named is None or (isinstance(named, str) and fnmatchcase(tenant, named))
