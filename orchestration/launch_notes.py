"""What a person should know of how a sweep's trials will be launched, before any is."""

from governance.cluster.pool_notes import pool_notes
from orchestration.settings import Settings
from orchestration.this_machine import misfit
from storage.tenant_file import TenantFile
from sweeps.specs import SweepSpec


def launch_notes(spec: SweepSpec, settings: Settings) -> list[str]:
    """Sentences: that no trial fits this machine, or which storage pools of the cluster they are near.

    Raises:
        InvalidSweepFile: The tenant file has mistakes.
        UnknownTenant: It does not declare the sweep's tenant.
    """
    if settings.cluster is None:
        note = misfit(spec, settings)
        return [] if note is None else [note]
    tenants = TenantFile(settings.tenants_file).read()
    return pool_notes(spec, tenants.cluster.pods_of(tenants.require(spec.tenant).cluster).pools)
