"""The section of gates. Pure."""

from governance.promotion.policy import Statistic
from governance.promotion.sections.kinds import EnoughPeople, OneBound, Share
from sweeps.objectives import Direction
from sweeps.sweep_files.kinds import Boolean, Integer, Number, OneOf, Text
from sweeps.sweep_files.quantities import Dollars, GpuHours
from sweeps.sweep_files.sections import Field, Section, Several

_METRIC = Text("val_accuracy", 256, is_one_line=True)
_PERSON = Text("ana", 100, is_one_line=True)
_ON = Field(
    kind=OneOf(tuple(Statistic)),
    doc="What of the values of all seeds counts: their mean, the worst of them, or the bound of "
    "the mean that holds with `confidence`.",
    default="mean",
)
_CONFIDENCE = Field(
    kind=Share("confidence", 0.5, example=0.95), doc="Of that bound, one-sided.", default=0.95
)
_BOUND = Number(is_whole=False, example=0.97)
_THRESHOLD = Section(
    doc="A bound of a metric.",
    fields={
        "metric": Field(kind=_METRIC, doc="As the evaluation reports it."),
        "at_least": Field(kind=_BOUND, doc="The least that will do.", default=None),
        "at_most": Field(kind=_BOUND, doc="The most that will do.", default=None),
        "on": _ON,
        "confidence": _CONFIDENCE,
    },
)
_COMPARISON = Section(
    doc="A metric in which a candidate is held to what is in production.",
    fields={
        "metric": Field(kind=_METRIC, doc="As the evaluation reports it."),
        "direction": Field(kind=OneOf(tuple(Direction)), doc="Which way is better."),
        "margin": Field(
            kind=Number(is_whole=False, example=0.005),
            doc="How much worse it may be; below 0, how much better it has to be.",
            default=0.0,
        ),
        "relative": Field(
            kind=Boolean(), doc="The margin is a share of production's value.", default=False
        ),
        "on": _ON,
        "confidence": _CONFIDENCE,
    },
)
_TRAINING = Section(
    doc="What the candidate's training may have cost.",
    fields={
        "max_cost_usd": Field(
            kind=Dollars(least=0), doc="All its attempts, failed ones included.", default=None
        ),
        "max_gpu_hours": Field(
            kind=GpuHours(least=0), doc="Of all its attempts.", default=None
        ),
    },
)  # fmt: skip
_REPRODUCIBLE = Section(
    doc="What is asked of its reproducibility: code, data, environment and seeds are recorded.",
    fields={
        "rerun_within": Field(
            kind=Share("share", 0, example=0.01),
            doc="A rerun's metrics are that near, as a share of the larger one.",
            default=None,
        ),
    },
)
_APPROVALS = Section(
    doc="Whose word is needed. The owner of a candidate never counts.",
    fields={
        "count": Field(kind=Integer(1, 100), doc="How many people.", default=1),
        "by": Field(
            kind=Several(_PERSON, ["ana", "ben"]), doc="Who may give it.", default=[]
        ),
    },
)  # fmt: skip
GATES = Section(
    doc="What is asked of a candidate.",
    fields={
        "thresholds": Field(
            kind=Several(OneBound(_THRESHOLD), [{"metric": "accuracy", "at_least": 0.95}]),
            doc="Bounds of metrics.",
            default=[],
        ),
        "not_worse_than_production": Field(
            kind=Several(_COMPARISON, [{"metric": "accuracy", "direction": "maximize"}]),
            doc="On the same holdout and seeds; with nothing in production it passes.",
            default=[],
        ),
        "training": Field(kind=_TRAINING, doc=_TRAINING.doc, default=None),
        "serving": Field(
            kind=Several(
                OneBound(_THRESHOLD), [{"metric": "latency_ms", "at_most": 20, "on": "worst"}]
            ),
            doc="Bounds of what serving costs, as the evaluation measures it.",
            default=[],
        ),
        "lineage": Field(
            kind=Boolean(), doc="Its code is recorded, and its data.", default=True
        ),
        "reproducible": Field(kind=_REPRODUCIBLE, doc=_REPRODUCIBLE.doc, default=None),
        "data_checks": Field(
            kind=Boolean(),
            doc="What it learnt from and the holdout meet what is expected of them.",
            default=True,
        ),
        "approvals": Field(kind=EnoughPeople(_APPROVALS), doc=_APPROVALS.doc, default=None),
    },
)  # fmt: skip
