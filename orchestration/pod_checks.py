"""What a cluster would refuse of a sweep when its first trial is launched, told before."""

from compute.kubernetes.image_pinning import check_images, pinned
from compute.kubernetes.image_policy import ImagePolicy
from compute.kubernetes.image_registry import ImageRegistry
from compute.kubernetes.trial_job import PodDefaults, trial_job
from governance.cluster_policies import PodPolicy
from orchestration.cluster_settings import ClusterSettings
from sweeps.errors import InvalidSweepFile, LaunchRejected, Problem
from sweeps.ids import AttemptId, RunId, SweepId
from sweeps.specs import SweepSpec
from sweeps.trials import LaunchRequest

_ATTEMPT = AttemptId("trial")
_NO_IMAGE = "none.invalid/none"


def check_pods(
    spec: SweepSpec, cluster: ClusterSettings | None, *, policy: PodPolicy, source: str
) -> None:
    """Make the Job of a trial, and throw it away.

    Args:
        cluster: Where its trials will run; None: on this machine, where only the sweep file's own
            words about pods are looked at.
        policy: What its tenant allows.
        source: What a problem is said to be in.

    Raises:
        InvalidSweepFile: It lacks an image or names one that may not run, or asks for a field that
            there is not, or that it may not set.
    """
    try:
        _make_job(spec, cluster, policy)
    except LaunchRejected as exc:
        message = str(exc).removeprefix(f"{_ATTEMPT}: ")
        hint = "docs/kubernetes.md says what pods may be given"
        raise InvalidSweepFile(source, [Problem(path="trial", message=message, hint=hint)]) from exc


def _make_job(spec: SweepSpec, cluster: ClusterSettings | None, policy: PodPolicy) -> None:
    image = spec.trial.image or (cluster.image if cluster is not None else _NO_IMAGE)
    request = LaunchRequest(
        attempt_id=_ATTEMPT,
        run_id=RunId("trial"),
        sweep_id=SweepId("sweep"),
        command=spec.trial.command,
        environment={},
        resources=spec.trial.resources,
        source_dir="",
        image=image,
        pods=spec.trial.pods,
    )
    job = trial_job(request, defaults=PodDefaults(), installation="", policy=policy)
    if cluster is not None and cluster.image_policy is ImagePolicy.REQUIRE_DIGEST:
        check_images(job)


def image_of(spec: SweepSpec, cluster: ClusterSettings | None) -> str | None:
    """The image of the sweep's trials by its digest, if it is to be looked up when it is submitted.

    Raises:
        LaunchRejected: There is no such image, or it may not be read.
        LauncherUnavailable: Its registry does not answer.
    """
    image = spec.trial.image or (cluster.image if cluster is not None else "")
    if cluster is None or cluster.image_policy is not ImagePolicy.RESOLVE or not image:
        return None
    return pinned(cluster.image_policy, ImageRegistry(cluster.registry_config), image)
