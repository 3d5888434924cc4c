"""Peers that every trial needs, from the addresses that the platform is set to."""

import ipaddress
from urllib.parse import urlsplit

from governance.cluster.policies import Egress, Port

_SERVICE_PARTS = 3  # name, namespace, svc
_PORTS = {"http": 80, "https": 443}


def peer_of(url: str, *, pod_ports: tuple[int, ...] = ()) -> Egress | None:
    """Whom an address leads to; None for a name that only a resolver knows.

    Policies are about addresses and pods. Of a service in the cluster the namespace is known, and
    its pods' ports are others than its own.

    Args:
        pod_ports: Of the pods behind a service; none: all of them.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        if len(labels) < _SERVICE_PARTS or labels[2] != "svc":
            return None
        ports = tuple(Port(number=number) for number in pod_ports)
        return Egress(namespace=labels[1], ports=ports)
    if address.is_loopback:
        return None
    port = parts.port or _PORTS.get(parts.scheme, 443)
    return Egress(cidr=str(ipaddress.ip_network(address)), ports=(Port(number=port),))
