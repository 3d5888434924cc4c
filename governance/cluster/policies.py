"""What a tenant has in a cluster, and what its pods may do there. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from governance.cluster.pools import StoragePool

#: Priority classes that an installation brings along; the first is the least.
PRIORITY_CLASSES = ("sweepworks-low", "sweepworks-normal", "sweepworks-high")


class Admission(StrEnum):
    """Who decides when a Job may start."""

    NONE = "none"  #: nobody: quotas refuse pods, and the scheduler finds them nodes
    KUEUE = "kueue"  #: Kueue: Jobs wait in a queue until there is quota for all of their pods


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a tenant's pods may ask for in all; None: without limit."""

    cpu: float | None = None  #: cores
    memory_bytes: int | None = None
    gpu: Mapping[str, int] = field(default_factory=dict[str, int])  #: devices, by resource name
    #: Of those devices whose models are counted apart, by resource name and flavor.
    gpu_flavors: Mapping[str, Mapping[str, int]] = field(
        default_factory=dict[str, Mapping[str, int]]
    )
    pods: int | None = None  #: that have not ended
    storage_bytes: int | None = None  #: of all volume claims


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerLimits:
    """What one container gets when it does not say, and the most that it may ask for."""

    cpu_request: float = 1.0
    memory_request_bytes: int = 2 * 2**30
    memory_limit_bytes: int = 2 * 2**30
    max_cpu: float | None = None
    max_memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port of a peer."""

    number: int
    protocol: str = "TCP"  #: or ``UDP``


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """Peers that pods may reach: addresses, or pods of a namespace."""

    cidr: str | None = None
    except_cidrs: tuple[str, ...] = ()  #: parts of `cidr` that they may not
    namespace: str | None = None
    pods: Mapping[str, str] = field(default_factory=dict[str, str])  #: labels; none: all of them
    ports: tuple[Port, ...] = ()  #: none: all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An account that the platform has in the cluster."""

    kind: str  #: ``ServiceAccount``, ``User`` or ``Group``
    name: str
    namespace: str | None = None  #: of a service account


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPolicy:
    """What sweeps of a tenant may give their pods; None: whatever no sweep is refused."""

    overrides: tuple[str, ...] | None = None  #: sections that may be laid over the manifest
    volumes: tuple[str, ...] | None = None  #: types, such as ``emptyDir``
    node_selectors: Mapping[str, tuple[str, ...]] | None = None  #: values that a label may have
    runtime_classes: tuple[str, ...] | None = None
    priority_classes: tuple[str, ...] | None = None
    read_only_root: bool = False  #: containers cannot write to their image
    service_account: str | None = None  #: that its pods run as; None: the namespace's own
    queue: str | None = None  #: that admits its Jobs; empty: they start at once; None: as for all
    #: Kinds of nodes of the installation, by name: what a type of GPUs means.
    flavors: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    pools: tuple[StoragePool, ...] = ()  #: of the installation, that its trials may read from


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPolicy:
    """A tenant's part of the cluster."""

    namespace: str | None = None  #: None: as the platform is set
    admission: Admission | None = None  #: None: as the platform is set
    cohort: str | None = None  #: of queues that lend each other quota; None: nobody does
    pod_security: str = "restricted"  #: level of the Pod Security Standards
    quota: Quota = field(default_factory=Quota)
    limits: ContainerLimits = field(default_factory=ContainerLimits)
    egress: tuple[Egress, ...] = ()
    #: Pods of the namespace reach each other, as trials of several pods need it.
    is_open_inside: bool = False
    pools: tuple[str, ...] = ()  #: storage pools that its trials may read from; first ones first
    pods: PodPolicy = field(default_factory=PodPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallationPolicy:
    """What is the same for all tenants of an installation."""

    subjects: tuple[Subject, ...] = ()  #: that look after trials
    #: Kinds of nodes: the labels that they have, by name.
    flavors: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    egress: tuple[Egress, ...] = ()
    #: Storage pools by name.
    pools: Mapping[str, StoragePool] = field(default_factory=dict[str, StoragePool])

    def pods_of(self, tenant: ClusterPolicy) -> PodPolicy:
        """What sweeps of a tenant may give their pods, with what the installation declares for it."""
        pools = tuple(self.pools[name] for name in tenant.pools if name in self.pools)
        return replace(tenant.pods, flavors=self.flavors, pools=pools)
