"""Every kind of policy that this version goes by."""

from typing import Any

from sweeps.policies import PolicyKind

_ALL: tuple[PolicyKind[Any], ...] = ()

KINDS: dict[str, PolicyKind[Any]] = {
    kind.name: kind for kind in sorted(_ALL, key=lambda kind: kind.name)
}  #: by name
