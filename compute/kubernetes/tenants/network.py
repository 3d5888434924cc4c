"""Whom pods of a tenant may talk to: nobody comes in, and out only what is named."""

from collections.abc import Sequence
from typing import Any

from compute.kubernetes.tenants.site import Site
from governance.cluster.policies import Egress, Port

#: The cluster's resolver, and the address of the one that some nodes have of their own.
_DNS_PORTS = (Port(number=53, protocol="UDP"), Port(number=53))
_DNS = (
    Egress(namespace="kube-system", ports=_DNS_PORTS),
    Egress(cidr="169.254.20.10/32", ports=_DNS_PORTS),
)
_INSIDE: dict[str, Any] = {"podSelector": {}}


def network_policy(site: Site, shared: Sequence[Egress]) -> dict[str, Any]:
    """The one policy of a namespace.

    Args:
        shared: What pods of every tenant may reach.
    """
    egress = [_rule(one) for one in (*_DNS, *shared, *site.policy.egress)]
    spec: dict[str, Any] = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    if site.policy.is_open_inside:
        spec["ingress"] = [{"from": [_INSIDE]}]
        egress.append({"to": [_INSIDE]})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": site.metadata(),
        "spec": {**spec, "egress": egress},
    }


def _rule(egress: Egress) -> dict[str, Any]:
    ports = [{"port": port.number, "protocol": port.protocol} for port in egress.ports]
    return {"to": [_peer(egress)], **({"ports": ports} if ports else {})}


def _peer(egress: Egress) -> dict[str, Any]:
    if egress.cidr is not None:
        left_out = list(egress.except_cidrs)
        return {"ipBlock": {"cidr": egress.cidr, **({"except": left_out} if left_out else {})}}
    namespace = {"matchLabels": {"kubernetes.io/metadata.name": egress.namespace}}
    pods = {"podSelector": {"matchLabels": dict(egress.pods)}} if egress.pods else {}
    return {"namespaceSelector": namespace, **pods}
