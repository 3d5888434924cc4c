"""What a cluster would refuse of a sweep when its first trial is launched, told before.

Wherever sweeps are submitted, this is imported; what makes Jobs and asks registries, when needed.
"""

from dataclasses import replace

from compute.kubernetes.image_policy import ImagePolicy
from compute.kubernetes.trial_images import TrialImages
from governance.cluster.policies import PodPolicy
from governance.tenants import TenantDirectory
from sweeps.datasets import DatasetReference
from sweeps.errors import InvalidSweepFile, LaunchRejected, Problem
from sweeps.ids import AttemptId, RunId, SweepId
from sweeps.specs import SweepSpec
from sweeps.trials import LaunchRequest

_ATTEMPT = AttemptId("trial")
_NO_IMAGE = "none.invalid/none"


def check_pods(
    spec: SweepSpec, images: TrialImages | None, *, tenants: TenantDirectory, source: str
) -> None:
    """Make the Job of a trial, and throw it away.

    Args:
        images: Of trials in a cluster; None: they run on this machine, where only the sweep's own
            words about pods are looked at.
        tenants: What the sweep's tenant allows.
        source: What a problem is said to be in.

    Raises:
        InvalidSweepFile: It lacks an image or names one that may not run, or asks for a field that
            there is not, or that it may not set.
    """
    if images is None and not spec.trial.pods.overrides:
        return
    of_tenant = tenants.require(spec.tenant).cluster
    policy = of_tenant.pods
    if images is not None:
        policy = tenants.cluster.pods_of(of_tenant)
    else:  # what is said for a cluster says nothing of types here
        spec = replace(
            spec,
            trial=replace(spec.trial, resources=replace(spec.trial.resources, gpu_type="")),
        )
    try:
        _make_job(spec, images, policy)
    except LaunchRejected as exc:
        message = str(exc).removeprefix(f"{_ATTEMPT}: ")
        hint = "docs/kubernetes.md says what pods may be given"
        raise InvalidSweepFile(source, [Problem(path="trial", message=message, hint=hint)]) from exc


def _make_job(spec: SweepSpec, images: TrialImages | None, policy: PodPolicy) -> None:
    from compute.kubernetes.image_pinning import check_images
    from compute.kubernetes.trial_job import PodDefaults, trial_job

    request = LaunchRequest(
        attempt_id=_ATTEMPT,
        run_id=RunId("trial"),
        sweep_id=SweepId("sweep"),
        command=spec.trial.command,
        environment={},
        resources=spec.trial.resources,
        source_dir="",
        image=spec.trial.image or (images.default if images is not None else _NO_IMAGE),
        pods=spec.trial.pods,
        datasets=tuple(DatasetReference.parse(one).name for one in spec.trial.data),
    )
    job = trial_job(request, defaults=PodDefaults(), installation="", policy=policy)
    if images is not None and images.policy is ImagePolicy.REQUIRE_DIGEST:
        check_images(job)


def image_of(spec: SweepSpec, images: TrialImages | None) -> str | None:
    """The image of the sweep's trials by its digest, if it is to be looked up when it is submitted.

    Raises:
        LaunchRejected: There is no such image, or it may not be read.
        LauncherUnavailable: Its registry does not answer.
    """
    if images is None or images.policy is not ImagePolicy.RESOLVE:
        return None
    image = spec.trial.image or images.default
    if not image:
        return None
    from compute.kubernetes.image_pinning import pinned
    from compute.kubernetes.image_registry import ImageRegistry

    return pinned(images.policy, ImageRegistry(images.registry_config), image)
