"""Policies as they hold, for everybody who goes by them: pages, and the same as JSON.

Where several tenants share an installation, each reads its own part and what holds for everybody;
files with their comments are for who has the command line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Query
from fastapi.responses import Response

from gateway.alone import is_only_tenant
from gateway.authentication import GivenOwner
from gateway.html import page
from gateway.services import GivenServices, Services
from governance.policy_parts import part_of
from storage.policy_catalog import KINDS
from storage.token_store import TokenOwner
from sweeps.policies import AppliedPolicy, PolicyKind, require_kind
from sweeps.sweep_files.yaml_documents import read_yaml

router = APIRouter()
_Version = Annotated[int | None, Query(ge=0, le=2**31 - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """A policy as somebody may read it."""

    kind: str
    version: int
    applied_at: Any
    applied_by: str
    comment: str  #: empty where it may name others
    text: str
    is_whole: bool  #: the file itself
    left_out: tuple[str, ...]  #: of it, as `AppliedPolicy.left_out`; nothing where it is a part


@router.get("/policies", include_in_schema=False)
def show_policies(owner: GivenOwner, services: GivenServices) -> Response:
    """Every kind, and since when which version holds."""
    return page("policies.html", owner=owner, policies=_current(owner, services))


@router.get("/policies/{kind}", include_in_schema=False)
def show_policy(
    kind: str, owner: GivenOwner, services: GivenServices, version: _Version = None
) -> Response:
    """One kind: what it says, and its history."""
    known = require_kind(kind, kinds=KINDS)
    is_alone = is_only_tenant(owner, services)
    return page(
        "policy.html",
        owner=owner,
        policy=_told(known, owner, services, is_alone=is_alone, version=version),
        newest=services.policies.current(known).version,
        versions=services.policies.history(known),
        is_alone=is_alone,
    )


@router.get("/api/v1/policies", tags=["policies"])
def list_policies(owner: GivenOwner, services: GivenServices) -> dict[str, Any]:
    """Which version of each kind of policy holds; 0: the default that ships."""
    return {"policies": [_document(policy) for policy in _current(owner, services)]}


@router.get("/api/v1/policies/{kind}", tags=["policies"])
def get_policy(
    kind: str, owner: GivenOwner, services: GivenServices, version: _Version = None
) -> dict[str, Any]:
    """What a kind says to the tenant now, or what a version of it said; and its history."""
    known = require_kind(kind, kinds=KINDS)
    is_alone = is_only_tenant(owner, services)
    policy = _told(known, owner, services, is_alone=is_alone, version=version)
    return {
        **_document(policy),
        "text": policy.text,
        "is_whole": policy.is_whole,
        "left_out": policy.left_out,
        "history": [
            {
                "version": row.version,
                "applied_at": row.applied_at,
                "applied_by": row.applied_by,
                "comment": row.comment if is_alone else "",
            }
            for row in services.policies.history(known)
        ],
    }


def _current(owner: TokenOwner, services: Services) -> list[_Told]:
    is_alone = is_only_tenant(owner, services)
    return [_told(kind, owner, services, is_alone=is_alone) for kind in KINDS.values()]


def _told(
    kind: PolicyKind[Any],
    owner: TokenOwner,
    services: Services,
    *,
    is_alone: bool,
    version: int | None = None,
) -> _Told:
    store = services.policies
    policy: AppliedPolicy[Any]
    policy = store.current(kind) if version is None else store.at(kind, version)
    text = policy.text
    is_whole = is_alone or not policy.version  # what ships names nobody
    if not is_whole:
        document = read_yaml(policy.text, source=kind.name).value
        tenant = services.tenants.read().tenants.get(owner.tenant_id)
        members = () if tenant is None else tenant.members
        part = part_of(
            document, kind=kind.name, tenant=owner.tenant_id, users={owner.name, *members}
        )
        text = yaml.safe_dump(part, sort_keys=False, allow_unicode=True)
    return _Told(
        kind=kind.name,
        version=policy.version,
        applied_at=policy.applied_at,
        applied_by=policy.applied_by,
        comment=policy.comment if is_alone else "",
        text=text,
        is_whole=is_whole,
        left_out=policy.left_out if is_whole else (),
    )


def _document(policy: _Told) -> Mapping[str, Any]:
    return {
        "kind": policy.kind,
        "version": policy.version,
        "applied_at": policy.applied_at,
        "applied_by": policy.applied_by or None,
        "comment": policy.comment,
    }
