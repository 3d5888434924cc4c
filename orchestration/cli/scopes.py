"""Tenants and experiments that a person names: nothing spent is another answer than nobody there."""

from orchestration.platform import Platform
from orchestration.submission import tenants
from sweeps.errors import PermanentError


class ExperimentNotFound(PermanentError):
    """No sweep is of an experiment of that name."""


def require_scope(platform: Platform, *, tenant: str | None, experiment: str | None = None) -> None:
    """Refuse what there is none of.

    Raises:
        UnknownTenant: No tenant file declares it, and it has no sweep from when one did.
        ExperimentNotFound: No sweep is of that experiment, or none of the tenant's.
    """
    if tenant is not None and not platform.catalog.list(tenant_id=tenant, limit=1):
        tenants().require(tenant)
    if experiment is None:
        return
    if not platform.catalog.list(tenant_id=tenant, experiment=experiment, limit=1):
        whose = "" if tenant is None else f" of tenant {tenant!r}"
        raise ExperimentNotFound(
            f"there is no sweep of an experiment {experiment!r}{whose}; `sweepworks list` shows them"
        )
