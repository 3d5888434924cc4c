"""Schedulers by the name that a sweep file gives them."""

from sweeps.schedulers.asha import Asha
from sweeps.schedulers.hyperband import Hyperband
from sweeps.schedulers.median_stopping import MedianStopping
from sweeps.schedulers.run_to_completion import RunToCompletion
from sweeps.schedulers.rungs import rung_levels
from sweeps.specs import SchedulerSpec
from sweeps.strategies import TrialScheduler


def make_scheduler(spec: SchedulerSpec) -> TrialScheduler:
    """A fresh scheduler that has been told nothing."""
    match spec.name:
        case "none":
            return RunToCompletion(max_resource=spec.max_resource)
        case "asha":
            return Asha(
                _levels(spec),
                reduction_factor=spec.reduction_factor,
                pauses=spec.variant == "promotion",
                brackets=spec.brackets,
            )
        case "hyperband":
            return Hyperband(_levels(spec), reduction_factor=spec.reduction_factor)
        case "median_stopping":
            return MedianStopping(
                grace=spec.grace, min_trials=spec.min_trials, max_resource=spec.max_resource
            )
        case other:  # a spec is checked when it is parsed
            raise ValueError(f"no scheduler {other!r}")


def _levels(spec: SchedulerSpec) -> tuple[int, ...]:
    assert spec.max_resource is not None  # the sweep file must say it
    return rung_levels(
        min_resource=spec.min_resource,
        max_resource=spec.max_resource,
        reduction_factor=spec.reduction_factor,
        grace=spec.grace,
    )
