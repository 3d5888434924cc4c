"""Which images trials may run, and by which digest they run them."""

from collections.abc import Iterator

from compute.kubernetes.image_name import ImageName
from compute.kubernetes.image_policy import ImagePolicy
from compute.kubernetes.image_registry import ImageRegistry
from compute.kubernetes.objects import KubeObject, items, part
from sweeps.errors import LaunchRejected
from sweeps.ids import SweepId
from sweeps.ports import ImagePins


class ImagePinning:
    """Applies the policy.

    Args:
        pins: Remembers what was looked up; None: only this process does.
    """

    def __init__(
        self, policy: ImagePolicy, registry: ImageRegistry, pins: ImagePins | None = None
    ) -> None:
        self.policy = policy
        self._registry = registry
        self._pins = pins
        self._known: dict[SweepId, str] = {}

    def for_sweep(self, sweep_id: SweepId, image: str) -> str:
        """The image that all trials of the sweep run.

        Raises:
            LaunchRejected: It may not be run, or there is none.
            LauncherUnavailable: Its registry does not answer.
        """
        if self.policy is not ImagePolicy.RESOLVE:
            return pinned(self.policy, self._registry, image)
        if sweep_id not in self._known:
            found = self._pins.pinned_image(sweep_id) if self._pins is not None else None
            if found is None:
                found = pinned(self.policy, self._registry, image)
                if self._pins is not None:
                    found = self._pins.pin_image(sweep_id, found)  # somebody may have been faster
            self._known[sweep_id] = found
        return self._known[sweep_id]

    def check(self, job: KubeObject) -> None:
        """Refuse a Job with images, such as an init container's, that are named by tags.

        Raises:
            LaunchRejected: It has one.
        """
        if self.policy is not ImagePolicy.ANY:
            check_images(job)


def check_images(job: KubeObject) -> None:
    """Refuse a Job with an image that is not named by its digest.

    Raises:
        LaunchRejected: It has one.
    """
    for image in _images(job):
        if not ImageName.parse(image).is_pinned:
            raise LaunchRejected(_refusal(image))


def pinned(policy: ImagePolicy, registry: ImageRegistry, image: str) -> str:
    """The image as it may be run.

    Raises:
        LaunchRejected: It may not be run, or there is none.
        LauncherUnavailable: Its registry does not answer.
    """
    name = ImageName.parse(image)
    if policy is ImagePolicy.ANY or name.is_pinned:
        return image
    if policy is ImagePolicy.REQUIRE_DIGEST:
        raise LaunchRejected(_refusal(image))
    return name.pinned(registry.digest_of(name))


def _refusal(image: str) -> str:
    return (
        f"the image {image!r} is named by a tag, which may mean another image tomorrow; name it by "
        f"its digest, {image.partition('@')[0]}@sha256:…, which `docker buildx imagetools inspect "
        f"{image.partition('@')[0]}` tells"
    )


def _images(job: KubeObject) -> Iterator[str]:
    pod = part(part(part(job, "spec"), "template"), "spec")
    for kind in ("containers", "initContainers"):
        for container in items(pod, kind):
            yield str(container.get("image") or "")
