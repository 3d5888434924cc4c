"""What of a policy one tenant may read: its own part, and what holds for everybody. Pure."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from sweeps.sweep_files.reading import as_list, as_mapping

_TENANT, _TENANTS, _NAME = "tenant", "tenants", "name"
#: Sections that may hold what only who wrote them should read.
_SECRET = frozenset({"environment"})
#: Of these lists, entries of nobody's are about everybody's sums, which one tenant does not see.
_OF_SOMEBODY = frozenset({("budgets", "budgets")})


def part_of(document: object, *, kind: str, tenant: str) -> object:
    """The document without what names other tenants.

    Args:
        document: Of a policy file, as it was parsed.
        kind: Of the policy.
    """
    return _part(document, kind=kind, tenant=tenant)


def _part(value: object, *, kind: str, tenant: str) -> Any:
    if (items := as_list(value)) is not None:
        return [_part(item, kind=kind, tenant=tenant) for item in items if _is_mine(item, tenant)]
    if (mapping := as_mapping(value)) is None:
        return value
    return {key: _section(key, item, kind=kind, tenant=tenant) for key, item in mapping.items()}


def _section(key: str, value: object, *, kind: str, tenant: str) -> Any:
    if key in _SECRET:
        return dict.fromkeys(as_mapping(value) or {}, "…")
    if key == _TENANTS:
        value = _own(value, tenant)
    elif (kind, key) in _OF_SOMEBODY:
        value = [item for item in as_list(value) or () if _TENANT in (as_mapping(item) or {})]
    return _part(value, kind=kind, tenant=tenant)


def _own(value: object, tenant: str) -> object:
    """The tenant's own of all tenants: by name, or with a name in each."""
    if (by_name := as_mapping(value)) is not None:
        return {name: item for name, item in by_name.items() if name == tenant}
    return [item for item in as_list(value) or () if (as_mapping(item) or {}).get(_NAME) == tenant]


def _is_mine(item: object, tenant: str) -> bool:
    mapping: Mapping[str, object] = as_mapping(item) or {}
    named = mapping.get(_TENANT)
    return named is None or (isinstance(named, str) and fnmatchcase(tenant, named))
