"""Tenants' places in the cluster, from the tenant file and the settings."""

import ipaddress
from dataclasses import dataclass
from typing import Any

from compute.kubernetes.tenants.known_peers import peer_of
from compute.kubernetes.tenants.rendering import shared_objects, tenant_objects
from compute.kubernetes.tenants.site import Site
from governance.cluster.policies import Egress
from governance.tenants import TenantDirectory
from orchestration.cluster.settings import ClusterSettings
from orchestration.cluster.tenant_policies import TenantPolicies
from orchestration.settings import Settings
from sweeps.errors import PermanentError

_GATEWAY_PORT = 8787  # of its pods, whatever that of its service is
_METADATA = "169.254.169.254"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """The objects of tenants, and what there is to say about them."""

    shared: list[dict[str, Any]]  #: that belong to no tenant
    tenants: dict[str, list[dict[str, Any]]]  #: by tenant; the first is its namespace
    notes: list[str]

    @property
    def objects(self) -> list[dict[str, Any]]:
        """All, in the order in which they have to be made."""
        return [*self.shared, *(one for objects in self.tenants.values() for one in objects)]


def render(
    settings: Settings, cluster: ClusterSettings, directory: TenantDirectory, *, only: str | None
) -> Rendering:
    """What the cluster has to have.

    Args:
        only: One tenant's name; None: all of them.

    Raises:
        UnknownTenant: No file declares it.
        PermanentError: Two tenants would share a namespace.
    """
    sites = _sites(cluster, directory)
    chosen = [site for site in sites if only in {None, site.tenant}]
    if not chosen:  # without a file there is the one that needs none
        chosen = [_site(cluster, directory, directory.require(only or "").name)]
    known, notes = _known_peers(settings)
    egress = [*known, *directory.cluster.egress]
    subjects = directory.cluster.subjects
    if not subjects:
        notes.append(
            "no rights are given to the platform: name its accounts in the tenant file, such as "
            "cluster: {subjects: [{name: sweepworks-controllers, namespace: sweepworks}]}"
        )
    notes += [
        f"the queue {site.queue} of tenant {site.tenant} is not rendered: its quota has to name "
        "cpu and memory"
        for site in chosen
        if site.queue and not site.counts_in_queue
    ]
    if any(_has_metadata(one) for site in chosen for one in (*egress, *site.policy.egress)):
        notes.append(
            f"pods may reach {_METADATA}, where clouds hand out the credentials of a node: "
            f"write except: [{_METADATA}/32]"
        )
    return Rendering(
        shared=shared_objects(
            cluster.installation, chosen, directory.cluster.flavors, subjects=subjects
        ),
        tenants={
            site.tenant: tenant_objects(site, subjects=subjects, egress=egress) for site in chosen
        },
        notes=notes,
    )


def _sites(cluster: ClusterSettings, directory: TenantDirectory) -> list[Site]:
    by_namespace: dict[str, Site] = {}
    for tenant in directory.all():
        site = _site(cluster, directory, tenant.name)
        other = by_namespace.setdefault(site.namespace, site)
        if other is not site:
            raise PermanentError(
                f"tenants {other.tenant!r} and {site.tenant!r} would share namespace "
                f"{site.namespace!r}: give each a `namespace:` of its own in the tenant file, or "
                "write {tenant} in SWEEPWORKS_K8S_NAMESPACE"
            )
    return list(by_namespace.values())


def _site(cluster: ClusterSettings, directory: TenantDirectory, name: str) -> Site:
    policies = TenantPolicies(cluster, lambda: directory)
    return Site(
        tenant=name,
        namespace=policies.namespace_of(name),
        queue=policies.queue_of(name),
        installation=cluster.installation,
        policy=directory.require(name).cluster,
    )


def _known_peers(settings: Settings) -> tuple[list[Egress], list[str]]:
    """The gateway and the object store, as far as their addresses say who that is."""
    wanted: list[tuple[str, str | None, tuple[int, ...]]] = [
        ("the gateway", settings.gateway_url, (_GATEWAY_PORT,))
    ]
    if settings.artifacts.startswith("s3://"):
        wanted.append(("the object store", settings.s3_endpoint, ()))
    peers: list[Egress] = []
    notes: list[str] = []
    for what, url, pod_ports in wanted:
        peer = None if url is None else peer_of(url, pod_ports=pod_ports)
        if peer is not None:
            peers.append(peer)
            continue
        where = "no address is set" if url is None else f"{url} is no address within the cluster"
        notes.append(
            f"trials cannot reach {what}: {where}, and network policies know no names. Allow its "
            "addresses in the tenant file, such as "
            "cluster: {egress: [{cidr: 10.20.3.4/32, ports: [443]}]}"
        )
    return peers, notes


def _has_metadata(egress: Egress) -> bool:
    if egress.cidr is None:
        return False
    address = ipaddress.ip_address(_METADATA)
    left_out = any(address in ipaddress.ip_network(one) for one in egress.except_cidrs)
    return address in ipaddress.ip_network(egress.cidr) and not left_out
