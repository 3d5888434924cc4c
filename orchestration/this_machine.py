"""Trials as processes of this machine: what executes them, and whether they fit it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orchestration.settings import Settings
from sweeps.errors import LaunchRejected
from sweeps.specs import SweepSpec

if TYPE_CHECKING:
    from compute.local_launcher import LocalLauncher


def local_launcher(settings: Settings, environment: Mapping[str, str]) -> "LocalLauncher":
    """Executes here what inherits an environment."""
    return _launcher(settings, environment, _devices(settings))


def misfit(spec: SweepSpec, settings: Settings) -> str | None:
    """Why no trial of a sweep could be launched on this machine, in a sentence; None: it could.

    Trials in a cluster are no matter of this machine. Looks at GPUs only for those that ask for some,
    which may take seconds.
    """
    if settings.cluster is not None:
        return None
    resources = spec.trial.resources
    launcher = _launcher(settings, {}, _devices(settings) if resources.gpu else ())
    try:
        launcher.check(resources)
    except LaunchRejected as exc:
        return f"trials would be refused when they are launched on this machine: {exc}"
    return None


def _launcher(
    settings: Settings, environment: Mapping[str, str], devices: Sequence[str]
) -> "LocalLauncher":
    from compute.capacity import Machine
    from compute.gpu_slots import GpuSlots
    from compute.local_launcher import LocalLauncher

    home = settings.home
    return LocalLauncher(
        root=home.runs,
        slots=GpuSlots(home.gpus, devices),
        machine=Machine.this(),
        environment=environment,
        hold_file=home.clients_lock,
    )


def _devices(settings: Settings) -> Sequence[str]:
    from compute.gpu_slots import local_devices

    if settings.gpus is None:
        return local_devices()
    return tuple(device for device in settings.gpus.split(",") if device)
