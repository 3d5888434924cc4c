"""What of a trial that ran in a pod can be made again in one: code and packages are its image's. Pure."""

import re
from collections.abc import Iterator, Sequence

from sweeps.reruns import Fate, Line, few
from sweeps.specs import TrialSpec
from sweeps.trials import Attempt

#: As kubelets tell what they run: some with a scheme; without a repository it is only a local name.
_RAN = re.compile(
    r"(?:[a-z-]+://)?(?P<name>[^@\s]+?)(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?@(?P<digest>sha256:[0-9a-f]{64})"
)


def image_of(attempts: Sequence[Attempt]) -> str | None:
    """What the run's last pod has run, as the kubelet told it; None: it ran in none."""
    return next((attempt.image for attempt in reversed(attempts) if attempt.image), None)


def pinned(image: str) -> str | None:
    """`image` as ``repository@sha256:…``, which can be pulled and is never another; None: it cannot.

    A tag beside the digest is left out: who resolves both may refuse it when the tag has moved on.
    """
    found = _RAN.fullmatch(image)
    return None if found is None else f"{found['name']}@{found['digest']}"


def pod_lines(trial: TrialSpec, image: str, gpus: Sequence[str]) -> Iterator[Line]:
    """What becomes of image, command, code, packages and hardware.

    Args:
        image: What ran, see `image_of`.
        gpus: Models that it had, as far as they are known.
    """
    reference = pinned(image)
    if reference is not None:
        yield Line(part="image", fate=Fate.SAME, says=reference)
        says = "as they are in the image"
        yield Line(part="code, packages", fate=Fate.SAME, says=says)
    else:
        named = trial.image or "the image of this installation"
        says = f"{named}, by its tag, which may be another one now: it was {image}"
        yield Line(part="image", fate=Fate.OTHER, says=says)
    yield Line(part="command", fate=Fate.SAME, says=" ".join(trial.command)[:300])
    if trial.resources.gpu:
        had = f"; it had {few(sorted(gpus))}" if gpus else ""
        wanted = ", ".join(f"{k}={v}" for k, v in sorted(trial.pods.node_selector.items()))
        where = f"of a node with {wanted}" if wanted else "of whichever node has room"
        says = f"{trial.resources.gpu} {where}{had}"
        yield Line(part="gpus", fate=Fate.OTHER, says=says)
    yield Line(part="machine", fate=Fate.OTHER, says="whichever node the scheduler chooses")
