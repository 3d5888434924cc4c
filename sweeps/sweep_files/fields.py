"""The keys of a sweep file: what they hold, what they default to, and what they are for."""

from sweeps.specs import SPEC_VERSION
from sweeps.sweep_files.after_section import After
from sweeps.sweep_files.commands import Command, Environment
from sweeps.sweep_files.data_section import Data
from sweeps.sweep_files.kinds import GPU_TYPE, IMAGE, SLUG, Boolean, Integer, OneOf, Text
from sweeps.sweep_files.metrics_section import Metrics
from sweeps.sweep_files.pod_section import KUBERNETES
from sweeps.sweep_files.quantities import Cpu, Dollars, Duration, GpuHours, Memory
from sweeps.sweep_files.said_section import SweepLink, SweepTag
from sweeps.sweep_files.sections import Field, Section, Several
from sweeps.sweep_files.space_section import Space
from sweeps.sweep_files.strategy_section import STRATEGY, Strategy
from sweeps.sweep_files.whole_configurations import ConstraintText, SomeValues

OBJECTIVE = Section(
    doc="What is optimised.",
    fields={
        "metric": Field(
            kind=Text("val_accuracy", 256, is_one_line=True),
            doc="Name under which trials report it.",
        ),
        "direction": Field(kind=OneOf(("minimize", "maximize")), doc="Which way is better."),
    },
)

LIMITS = Section(
    doc="When to stop, and how much at once.",
    fields={
        "max_trials": Field(
            kind=Integer(1, 1_000_000),
            doc="Trials in all; grid may leave it out and runs them all.",
            default=None,
        ),
        "max_parallel": Field(kind=Integer(1, 100_000), doc="Trials at a time.", default=1),
        "deadline": Field(
            kind=Duration(), doc="Of the whole sweep, counted from its start.", default=None
        ),
        "trial_timeout": Field(kind=Duration(), doc="Of one attempt of a trial.", default=None),
        "stalled_after": Field(
            kind=Duration(), doc="Silence after which an attempt is ended.", default=None
        ),
        "max_failures": Field(
            kind=Integer(1, 1_000_000),
            doc="First trials that may all die of the same error before the sweep gives up.",
            default=3,
        ),
        "max_attempts": Field(
            kind=Integer(1, 100),
            doc="Executions of one trial when the machine is to blame.",
            default=3,
        ),
        "max_preemptions": Field(
            kind=Integer(0, 10_000),
            doc="Executions that one trial may lose besides, because a queue or the scheduler gave "
            "its place away, or because a spot node was taken back.",
            default=20,
        ),
        "max_cost_usd": Field(
            kind=Dollars(),
            doc="What its trials may cost together; then it ends with what it has.",
            default=None,
        ),
        "max_gpu_hours": Field(
            kind=GpuHours(),
            doc="How long its trials may hold GPUs, each counted, together; likewise.",
            default=None,
        ),
    },
)

RESOURCES = Section(
    doc="What one trial asks for.",
    fields={
        "cpu": Field(kind=Cpu(), doc="Cores.", default=1),
        "memory": Field(kind=Memory(), doc="Memory; 0 is not counted.", default=0),
        "gpu": Field(kind=Integer(0, 1024), doc="Whole GPUs.", default=0),
        "gpu_type": Field(kind=GPU_TYPE, doc="Of the GPUs; by default any.", default=None),
    },
)

TRIAL = Section(
    doc="What one trial executes.",
    fields={
        "command": Field(
            kind=Command(),
            doc="Program and arguments; {name} stands for a parameter, {seed}, {trial} and {run} "
            "for the trial's own, {{ and }} for braces.",
        ),
        "resources": Field(kind=RESOURCES, doc=RESOURCES.doc, default={}),
        "environment": Field(kind=Environment(), doc="Variables of its process.", default={}),
        "metrics": Field(
            kind=Metrics(),
            doc="Where the metrics of a script are found that does not report them itself.",
            default=None,
        ),
        "data": Field(
            kind=Data(),
            doc="Datasets that trials use; without a number, the newest version at submission.",
            default=[],
        ),
        "image": Field(
            kind=Text("registry.example.org/team/trainer:1.4", 500, pattern=IMAGE),
            doc="Container image in which it runs on a cluster; elsewhere it says nothing.",
            default=None,
        ),
        "kubernetes": Field(kind=KUBERNETES, doc=KUBERNETES.doc, default={}),
    },
)

PROVENANCE = Section(
    doc="What is asked of the code, so that its results can be reproduced.",
    fields={
        "require_clean": Field(
            kind=Boolean(),
            doc="Refuse a work tree that differs from its commit, or has none.",
            default=False,
        ),
    },
)

SWEEP = Section(
    doc="A sweep: one search for a good configuration.",
    fields={
        "version": Field(
            kind=Integer(SPEC_VERSION, SPEC_VERSION),
            doc="Version of this format.",
            default=SPEC_VERSION,
        ),
        "experiment": Field(
            kind=Text("digits-mlp", 100, is_one_line=True),
            doc="Name of the question; groups sweeps.",
        ),
        "tenant": Field(
            kind=Text("vision", 63, SLUG), doc="Whom it belongs to.", default="default"
        ),
        "owner": Field(kind=Text("ana", 100, is_one_line=True), doc="Who answers for it."),
        "purpose": Field(
            kind=Text("Which network reaches 97 % on digits for the least compute?"),
            doc="What you will know afterwards.",
        ),
        "expected_outcome": Field(
            kind=Text("About 64 hidden units are enough, and relu wins."),
            doc="What you expect, written down before.",
            default=None,
        ),
        "objective": Field(
            kind=OBJECTIVE, doc=OBJECTIVE.doc, example="{metric: val_accuracy, direction: maximize}"
        ),
        "space": Field(
            kind=Space(),
            doc="What to vary.",
            example="{lr: {type: float, low: 1e-4, high: 0.1, log: true}}",
        ),
        "constraints": Field(
            kind=Several(ConstraintText(), ["hidden_2 <= hidden_1", "lr * batch < 10"]),
            doc="What every configuration satisfies: comparisons of parameters, numbers and words.",
            default=[],
        ),
        "initial_configurations": Field(
            kind=Several(SomeValues(), [{"lr": 0.01, "hidden": 64}, {"lr": 0.1}]),
            doc="Tried first, in this order; what one leaves out is drawn.",
            default=[],
        ),
        "warm_start": Field(
            kind=Several(Text("digits-mlp-4f2kq7ab", 63, SLUG), ["digits-mlp-4f2kq7ab"]),
            doc="Earlier sweeps of the experiment, whose results this one learns from.",
            default=[],
        ),
        "after": Field(
            kind=After(),
            doc="Sweeps that have to end before this one starts, by default with success.",
            default=[],
        ),
        "strategy": Field(kind=Strategy(), doc=STRATEGY.doc, default="bayes"),
        "limits": Field(kind=LIMITS, doc=LIMITS.doc, default={}),
        "trial": Field(kind=TRIAL, doc=TRIAL.doc, example="{command: [python, train.py]}"),
        "seed": Field(
            kind=Integer(0, 2**32 - 1), doc="Every trial's seed derives from it.", default=0
        ),
        "provenance": Field(kind=PROVENANCE, doc=PROVENANCE.doc, default={}),
        "tags": Field(
            kind=Several(SweepTag(), ["ablation_study", "team=vision"]),
            doc="Tags of the sweep: names, or name=value.",
            default=[],
        ),
        "links": Field(
            kind=Several(SweepLink(), ["VIS-123"]),
            doc="Tasks and addresses that it belongs to.",
            default=[],
        ),
        "priority": Field(
            kind=Text("high", 63, SLUG),
            doc="Priority class of its trials, one of the policy `quotas`; by default the usual one.",
            default=None,
        ),
        "retention": Field(
            kind=Text("short", 63, SLUG),
            doc="Class of the retention policy that its runs follow; else the policy says.",
            default=None,
        ),
    },
)
