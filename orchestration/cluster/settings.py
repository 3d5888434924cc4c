"""The cluster that trials run on, as the environment says."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from compute.kubernetes.image_policy import ImagePolicy
from compute.kubernetes.trial_images import TrialImages

_PREFIX = "SWEEPWORKS_K8S_"
QUEUE = "sweepworks"  #: a LocalQueue, as `sweepworks tenants` makes it
_LONGEST = 63  # that a namespace's name may be
_DIGEST = 8
_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """How trials get into a cluster. Nothing here is a secret: tokens are in files."""

    namespace: str = "sweepworks-{tenant}"  #: of a tenant's trials
    url: str | None = None  #: of the API server; None: as the kubeconfig, or the pod, says
    token_file: Path | None = None
    ca_file: Path | None = None
    kubeconfig: Path | None = None
    context: str | None = None
    is_inside: bool = False  #: this process is in a pod
    image: str = ""  #: of trials whose sweep names none
    gpu_resource: str = "nvidia.com/gpu"
    installation: str = "default"  #: tells our objects from those of others in the cluster
    launches_per_second: float = 20.0
    image_policy: ImagePolicy = ImagePolicy.ANY  #: of images that are named by tags
    queue: str = ""  #: Kueue's local queue that admits Jobs; empty: they start at once
    registry_config: Path | None = None  #: credentials of registries, as `docker login` writes them

    @classmethod
    def from_environment(cls, env: Mapping[str, str], *, base: Path) -> Self:
        """Settings from variables that begin with SWEEPWORKS_K8S_, and Kubernetes' own.

        Args:
            base: What relative paths are relative to.

        Raises:
            ValueError: The text of the one that is wrong, and what to write.
        """

        def path(name: str) -> Path | None:
            text = env.get(name)
            return base / Path(text).expanduser() if text else None

        defaults = cls()
        namespace = env.get(_PREFIX + "NAMESPACE") or defaults.namespace
        if not _NAMESPACE.fullmatch(namespace.replace("{tenant}", "t")):
            raise ValueError(
                f"{_PREFIX}NAMESPACE is {namespace!r}; write lower-case letters, digits and "
                "dashes; {tenant} stands for the tenant"
            )
        images = TrialImages.from_environment(env, base=base)
        # Of several files only the client's own rules know the order.
        kubeconfig = env.get("KUBECONFIG", "")
        return cls(
            namespace=namespace,
            url=env.get(_PREFIX + "URL") or None,
            token_file=path(_PREFIX + "TOKEN_FILE"),
            ca_file=path(_PREFIX + "CA_FILE"),
            kubeconfig=path("KUBECONFIG") if ":" not in kubeconfig else None,
            context=env.get(_PREFIX + "CONTEXT") or None,
            is_inside=bool(env.get("KUBERNETES_SERVICE_HOST")),
            image=images.default,
            gpu_resource=env.get(_PREFIX + "GPU_RESOURCE") or defaults.gpu_resource,
            installation=env.get(_PREFIX + "INSTALLATION") or defaults.installation,
            launches_per_second=_rate(env.get(_PREFIX + "LAUNCHES_PER_SECOND")),
            image_policy=images.policy,
            queue=_queue(env.get(_PREFIX + "ADMISSION"), env.get(_PREFIX + "QUEUE")),
            registry_config=images.registry_config,
        )

    @property
    def images(self) -> TrialImages:
        """Which images its trials run, and which they may."""
        return TrialImages(
            default=self.image, policy=self.image_policy, registry_config=self.registry_config
        )

    def exported(self) -> dict[str, str]:
        """Variables from which `from_environment` makes the same of another process."""
        given = {
            _PREFIX + "NAMESPACE": self.namespace,
            _PREFIX + "URL": self.url,
            _PREFIX + "TOKEN_FILE": self.token_file,
            _PREFIX + "CA_FILE": self.ca_file,
            "KUBECONFIG": self.kubeconfig,
            _PREFIX + "CONTEXT": self.context,
            _PREFIX + "IMAGE": self.image,
            _PREFIX + "GPU_RESOURCE": self.gpu_resource,
            _PREFIX + "INSTALLATION": self.installation,
            _PREFIX + "LAUNCHES_PER_SECOND": self.launches_per_second,
            _PREFIX + "IMAGE_POLICY": self.image_policy,
            _PREFIX + "REGISTRY_CONFIG": self.registry_config,
            _PREFIX + "ADMISSION": "kueue" if self.queue else "",
            _PREFIX + "QUEUE": self.queue,
        }
        return {name: str(value) for name, value in given.items() if value}

    def namespace_of(self, tenant_id: str) -> str:
        """Where that tenant's trials run; a name that is too long ends in a digest of itself."""
        name = self.namespace.replace("{tenant}", tenant_id)
        if len(name) <= _LONGEST:
            return name
        digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
        return f"{name[: _LONGEST - _DIGEST - 1].rstrip('-')}-{digest}"


def _queue(admission: str | None, queue: str | None) -> str:
    if admission not in {None, "", "none", "kueue"}:
        raise ValueError(f"{_PREFIX}ADMISSION is {admission!r}; write none or kueue")
    if admission != "kueue":
        return ""
    queue = queue or QUEUE
    if not _NAMESPACE.fullmatch(queue):
        raise ValueError(
            f"{_PREFIX}QUEUE is {queue!r}; write the name of a LocalQueue, such as {QUEUE}"
        )
    return queue


def _rate(text: str | None) -> float:
    try:
        rate = float(text or 20.0)
    except ValueError:
        rate = 0.0
    if not 0.01 <= rate <= 10_000:
        raise ValueError(
            f"{_PREFIX}LAUNCHES_PER_SECOND is {text!r}; write a number from 0.01 to 10000"
        )
    return rate
