"""Whether a tenant shares the installation."""

from gateway.services import Services
from storage.token_store import TokenOwner


def is_only_tenant(owner: TokenOwner, services: Services) -> bool:
    """Whether the tenant file names no other one who could be told about."""
    return {tenant.name for tenant in services.tenants.read().all()} <= {owner.tenant_id}
