"""The inventory of tenants: as JSON, and as pages. A tenant sees its own entry.

All are for tokens that were made to see everybody's.
"""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from gateway.alone import is_only_tenant
from gateway.authentication import GivenOwner
from gateway.documents import answer
from gateway.html import page
from gateway.services import GivenServices, Services
from governance.access import Sees
from governance.budgets.bars import bars
from governance.budgets.report import outlook
from governance.scheduling.report import bytes_words, usage_words
from governance.tenant_inventory import (
    TenantEntry,
    TenantNotFound,
    class_words,
    cluster_words,
    document,
    kept_words,
    own_part,
)
from storage.token_store import TokenOwner

router = APIRouter()


@router.get("/api/v1/tenants")
def list_tenants(owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """Tenants with contacts, members, limits, use, budgets, retention, sweeps and escalations."""
    return answer({"tenants": [document(one) for one in _entries(owner, services)]})


@router.get("/api/v1/tenants/{name}")
def get_tenant(name: str, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """One of them."""
    return answer(document(_entry(name, owner, services)))


@router.get("/tenants", include_in_schema=False)
def show_tenants(owner: GivenOwner, services: GivenServices) -> Response:
    """All that may be seen, a line each."""
    entries = _entries(owner, services)
    stored = {one.name: bytes_words(one.use.storage_bytes) for one in entries}
    return page("tenants.html", owner=owner, entries=entries, stored=stored)


@router.get("/tenants/{name}", include_in_schema=False)
def show_tenant(name: str, owner: GivenOwner, services: GivenServices) -> Response:
    """One of them."""
    entry = _entry(name, owner, services)
    return page(
        "tenant.html",
        owner=owner,
        entry=entry,
        used=usage_words(entry.use.used),
        stored=bytes_words(entry.use.storage_bytes),
        classes=[class_words(one) for one in entry.classes],
        budgets=[(one, bars(one), outlook(one)) for one in entry.budgets],
        kept=kept_words(entry),
        place=None if entry.cluster is None else cluster_words(entry.cluster),
    )


def _entries(owner: TokenOwner, services: Services) -> list[TenantEntry]:
    if owner.sees is Sees.ALL:
        return services.inventory.all(now=services.clock.now())
    return [_entry(owner.tenant_id, owner, services)]


def _entry(name: str, owner: TokenOwner, services: Services) -> TenantEntry:
    if owner.sees is not Sees.ALL and name != owner.tenant_id:
        raise TenantNotFound(f"no tenant {name[:80]!r}; this token sees {owner.tenant_id}")
    entry = services.inventory.one(name, now=services.clock.now())
    if owner.sees is Sees.ALL or is_only_tenant(owner, services):
        return entry
    return own_part(entry, reader=owner.name)
