"""Names of searchers and schedulers in a sweep file, and the options of each."""

from sweeps.specs import SchedulerSpec, SearcherSpec
from sweeps.sweep_files.kinds import Integer, OneOf
from sweeps.sweep_files.sections import Field

SEARCHERS = ("bayes", "random", "grid", "sobol", "lhs", "optuna")
SCHEDULERS = ("asha", "hyperband", "median_stopping")
WITH_RUNGS = ("asha", "hyperband")  #: schedulers that climb to a `max_resource`
_SAMPLERS = ("tpe", "gp", "cmaes", "qmc", "random")
_LEVELS = 10**12  # of any resource; its rungs are still few

_SEARCHER, _SCHEDULER = SearcherSpec(), SchedulerSpec()  # for their defaults
SEARCHER_OPTIONS = {
    "initial_points": Field(
        kind=Integer(1, 10_000),
        doc="bayes: configurations before the model is trusted.",
        default=_SEARCHER.initial_points,
    ),
    "points_per_parameter": Field(
        kind=Integer(1, 1000),
        doc="grid: values of a float, or of a wide range of integers.",
        default=_SEARCHER.points_per_parameter,
    ),
    "sampler": Field(
        kind=OneOf(_SAMPLERS),
        doc="optuna: which of its samplers.",
        default=_SEARCHER.sampler,
    ),
}
SCHEDULER_OPTIONS = {
    "variant": Field(
        kind=OneOf(("stopping", "promotion")),
        doc="asha: stopping judges on arrival; promotion pauses and resumes from a checkpoint.",
        default=_SCHEDULER.variant,
    ),
    "reduction_factor": Field(
        kind=Integer(2, 1000),
        doc="One of so many trials goes on from a rung to the next; eta in the papers.",
        default=_SCHEDULER.reduction_factor,
    ),
    "min_resource": Field(
        kind=Integer(1, _LEVELS),
        doc="Resource level of the lowest rung; r in the papers.",
        default=_SCHEDULER.min_resource,
    ),
    "max_resource": Field(
        kind=Integer(1, _LEVELS),
        doc="Resource level at which a trial is complete; R in the papers.",
        default=_SCHEDULER.max_resource,
    ),
    "grace": Field(
        kind=Integer(0, _LEVELS),
        doc="Resource levels within which nobody is judged.",
        default=_SCHEDULER.grace,
    ),
    "brackets": Field(
        kind=Integer(1, 64),
        doc="asha: ladders of rungs, each beginning one rung higher.",
        default=_SCHEDULER.brackets,
    ),
    "min_trials": Field(
        kind=Integer(1, 10_000),
        doc="median_stopping: results before anybody is judged.",
        default=_SCHEDULER.min_trials,
    ),
}

MEANT_FOR = {
    "initial_points": ("bayes",),
    "points_per_parameter": ("grid",),
    "sampler": ("optuna",),
    "variant": ("asha",),
    "reduction_factor": ("asha", "hyperband"),
    "min_resource": ("asha", "hyperband"),
    "grace": ("asha", "hyperband", "median_stopping"),
    "brackets": ("asha",),
    "min_trials": ("median_stopping",),
}  #: by option; one that is not here serves all
