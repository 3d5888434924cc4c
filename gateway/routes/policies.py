"""Policies as they hold, for everybody who goes by them: pages, and the same as JSON."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from gateway.authentication import GivenOwner
from gateway.html import page
from gateway.services import GivenServices, Services
from storage.policy_catalog import KINDS
from sweeps.policies import DEFAULT_VERSION, AppliedPolicy, require_kind

router = APIRouter()
_Version = Annotated[int | None, Query(ge=0, le=2**31 - 1)]


@router.get("/policies", include_in_schema=False)
def show_policies(owner: GivenOwner, services: GivenServices) -> Response:
    """Every kind, and since when which version holds."""
    return page("policies.html", owner=owner, policies=_current(services))


@router.get("/policies/{kind}", include_in_schema=False)
def show_policy(
    kind: str, owner: GivenOwner, services: GivenServices, version: _Version = None
) -> Response:
    """One kind: its file, and its history."""
    known = require_kind(kind, kinds=KINDS)
    newest = services.policies.current(known)
    shown = newest if version is None else services.policies.at(known, version)
    return page(
        "policy.html",
        owner=owner,
        kind=kind,
        policy=shown,
        newest=newest,
        versions=services.policies.history(known),
        default=DEFAULT_VERSION,
    )


@router.get("/api/v1/policies", tags=["policies"])
def list_policies(owner: GivenOwner, services: GivenServices) -> dict[str, Any]:  # noqa: ARG001 - only the signed-in may ask
    """Which version of each kind of policy holds; 0: the default that ships."""
    return {
        "policies": [_document(kind, policy) for kind, policy in _current(services).items()],
    }


@router.get("/api/v1/policies/{kind}", tags=["policies"])
def get_policy(
    kind: str,
    owner: GivenOwner,  # noqa: ARG001 - as above
    services: GivenServices,
    version: _Version = None,
) -> dict[str, Any]:
    """The file of a kind as it holds, or as a version of it was; and its history."""
    known = require_kind(kind, kinds=KINDS)
    store = services.policies
    policy = store.current(known) if version is None else store.at(known, version)
    return {
        **_document(kind, policy),
        "text": policy.text,
        "history": [
            {
                "version": row.version,
                "applied_at": row.applied_at,
                "applied_by": row.applied_by,
                "comment": row.comment,
                "sha256": row.sha256,
            }
            for row in store.history(known)
        ],
    }


def _current(services: Services) -> Mapping[str, AppliedPolicy[Any]]:
    return {name: services.policies.current(kind) for name, kind in KINDS.items()}


def _document(kind: str, policy: AppliedPolicy[Any]) -> dict[str, Any]:
    return {
        "kind": kind,
        "version": policy.version,
        "applied_at": policy.applied_at,
        "applied_by": policy.applied_by or None,
        "comment": policy.comment,
    }
