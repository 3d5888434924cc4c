"""The promotion policy as a file: what its keys hold, and all that is wrong with one at once. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from governance.promotion.evaluations import Subjects, evaluation_sweep
from governance.promotion.policy import (
    Approvals,
    Comparison,
    Deployment,
    EvaluationPlan,
    Gates,
    PromotionPolicy,
    PromotionRule,
    Reproducible,
    Statistic,
    Threshold,
    TrainingCeiling,
)
from sweeps.datasets import REFERENCE, DatasetReference, InvalidDataset
from sweeps.errors import InvalidSweepFile, PermanentError
from sweeps.objectives import Direction
from sweeps.policies import PolicyKind
from sweeps.specs import Resources, as_document
from sweeps.sweep_files import parse_document
from sweeps.sweep_files.commands import Command, Environment
from sweeps.sweep_files.data_section import Data
from sweeps.sweep_files.documents import Document, Path, check_storable
from sweeps.sweep_files.fields import RESOURCES
from sweeps.sweep_files.kinds import IMAGE, Boolean, Integer, Number, OneOf, Text
from sweeps.sweep_files.quantities import Duration
from sweeps.sweep_files.reading import Reader, as_list, as_mapping, shown
from sweeps.sweep_files.sections import Field, Section, Several
from sweeps.sweep_files.yaml_documents import read_yaml

_MODEL_EXAMPLE, _ALIAS_EXAMPLE = "digits", "production"
MODEL_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"  #: also part of ``model:NAME@N`` and of an address
ALIAS = r"[a-z][a-z0-9-]{0,39}"
_METRIC = Text("val_accuracy", 256, is_one_line=True)
_PATTERN = Text("digits-*", 200, is_one_line=True)
_PERSON = Text("ana", 100, is_one_line=True)
_LINE = Text("/home/me/digits", 1000, is_one_line=True)
_MOST_SEEDS = 100


@dataclass(frozen=True, slots=True)
class _Anything:
    """A mapping that is the serving side's business."""

    example: str

    def read(self, reader: Reader, path: Path, value: object) -> Mapping[str, object] | None:
        given = as_mapping(value)
        if given is None:
            reader.problem(
                path, f"{shown(value)} is no mapping", f"write for example {self.example}"
            )
        return given

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "examples": [self.example]}


@dataclass(frozen=True, slots=True)
class _Version:
    """A dataset with the number of its version: a holdout never changes by itself."""

    def read(self, reader: Reader, path: Path, value: object) -> DatasetReference | None:
        hint = "write for example digits-holdout@1"
        try:
            reference = DatasetReference.parse(value if isinstance(value, str) else "")
        except InvalidDataset:
            reader.problem(path, f"{shown(value)} names no dataset", hint)
            return None
        if reference.number is None:
            reader.problem(path, f"{shown(value)} has no number", hint)
            return None
        return reference

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^(?:{REFERENCE})$", "examples": ["holdout@1"]}


_ON = Field(
    kind=OneOf(tuple(Statistic)),
    doc="What of the values of all seeds counts: their mean, the worst of them, or the bound of "
    "the mean that holds with `confidence`.",
    default="mean",
)
_CONFIDENCE = Field(
    kind=Number(is_whole=False, example=0.95), doc="Of that bound, one-sided.", default=0.95
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
            kind=Number(is_whole=False, example=10), doc="All its attempts, failed ones included.",
            default=None,
        ),
        "max_gpu_hours": Field(
            kind=Number(is_whole=False, example=4), doc="Of all its attempts.", default=None
        ),
    },
)  # fmt: skip
_REPRODUCIBLE = Section(
    doc="What is asked of its reproducibility: code, data, environment and seeds are recorded.",
    fields={
        "rerun_within": Field(
            kind=Number(is_whole=False, example=0.01),
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
_GATES = Section(
    doc="What is asked of a candidate.",
    fields={
        "thresholds": Field(
            kind=Several(_THRESHOLD, [{"metric": "accuracy", "at_least": 0.95}]),
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
            kind=Several(_THRESHOLD, [{"metric": "latency_ms", "at_most": 20, "on": "worst"}]),
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
        "approvals": Field(kind=_APPROVALS, doc=_APPROVALS.doc, default=None),
    },
)  # fmt: skip
_EVALUATION = Section(
    doc="How a candidate is measured.",
    fields={
        "command": Field(
            kind=Command(),
            doc="Program and arguments; {model} stands for the artifact, {evaluation_seed} for the seed.",
            example="[python, evaluate.py]",
        ),
        "holdout": Field(kind=_Version(), doc="Data that no trial has learnt from, NAME@N."),
        "seeds": Field(
            kind=Several(Integer(0, 2**31 - 1), [1, 2, 3], _MOST_SEEDS),
            doc="One run each.",
            default=[1, 2, 3],
        ),
        "data": Field(
            kind=Data(),
            doc="Other datasets that it reads; no other version of the holdout.",
            default=[],
        ),
        "source": Field(
            kind=_LINE,
            doc="Folder of the command's code, an absolute path; without it, that of the candidate's "
            "sweep, which a commit then has to have as it is.",
            default=None,
        ),
        "image": Field(
            kind=Text("registry.example.org/team/evaluate:1.4", 500, pattern=IMAGE),
            doc="Container image, on a cluster; without it, that of the candidate's sweep.",
            default=None,
        ),
        "resources": Field(kind=RESOURCES, doc=RESOURCES.doc, default={}),
        "environment": Field(kind=Environment(), doc="Variables of its process.", default={}),
        "timeout": Field(kind=Duration(), doc="Of one run.", default=None),
        "max_parallel": Field(kind=Integer(1, 1000), doc="Runs at a time.", default=1),
    },
)
_INFERENCE = "{batch_size: 32, dtype: float16}"
_ROLLOUT = "{strategy: canary, steps: [5, 25, 100], flag: new-digits}"
_DEPLOYMENT = Section(
    doc="What it takes to serve the model; it is written down with each version.",
    fields={
        "image": Field(
            kind=Text(
                "registry.example.org/team/serve@sha256:" + "0" * 64, 500,
                pattern=r"[a-z0-9][a-zA-Z0-9._:/-]*@sha256:[0-9a-f]{64}",
            ),
            doc="Container image that serves it, with its digest: a tag means another one tomorrow.",
        ),
        "inference": Field(
            kind=_Anything(_INFERENCE), doc="How it is served: whatever the serving side reads.",
            example=_INFERENCE,
        ),
        "rollout": Field(
            kind=_Anything(_ROLLOUT),
            doc="Hints for who brings it out: steps, a feature flag, what it is tested against.",
            default={},
        ),
    },
)  # fmt: skip
_RULE = Section(
    doc="What is asked of the candidates of some experiments.",
    fields={
        "tenant": Field(kind=_PATTERN, doc="Whose; * is anybody's.", default="*"),
        "experiment": Field(kind=_PATTERN, doc="Of which experiments; * and ? stand for others."),
        "model": Field(
            kind=Text(_MODEL_EXAMPLE, 100, pattern=MODEL_NAME), doc="Name that its versions get."
        ),
        "artifact": Field(
            kind=Text("model.pt", 256, is_one_line=True), doc="The candidate's artifact that is it."
        ),
        "alias": Field(
            kind=Text(_ALIAS_EXAMPLE, 40, pattern=ALIAS),
            doc="What moves to a version that has passed.",
            default="production",
        ),
        "evaluation": Field(
            kind=_EVALUATION,
            doc=_EVALUATION.doc,
            example="{command: [python, evaluate.py], holdout: digits-holdout@1}",
        ),
        "gates": Field(
            kind=_GATES,
            doc=_GATES.doc,
            example="{thresholds: [{metric: accuracy, at_least: 0.95}]}",
        ),
        "deployment": Field(
            kind=_DEPLOYMENT,
            doc=_DEPLOYMENT.doc,
            example="{image: 'registry.example/serve@sha256:…', inference: {batch_size: 32}}",
        ),
    },
)
_FILE = Section(
    doc="Which runs become models in production.",
    fields={
        "rules": Field(
            kind=Several(_RULE, [{"experiment": "digits-*", "model": "digits"}], 1000),
            doc="The first one that fits a candidate counts.",
            default=[],
        ),
    },
)


class InvalidModelName(PermanentError):
    """A name that no model, or no alias, can have."""


def check_model_name(name: str) -> str:
    """`name`, if a model can be called so. `InvalidModelName`."""
    return _checked_name(name, MODEL_NAME, f"of a model; write for example {_MODEL_EXAMPLE}")


def check_alias(alias: str) -> str:
    """`alias`, if an alias can be called so. `InvalidModelName`."""
    return _checked_name(alias, ALIAS, f"of an alias; write for example {_ALIAS_EXAMPLE}")


def _checked_name(name: str, pattern: str, what: str) -> str:
    if re.fullmatch(pattern, name) is None:
        raise InvalidModelName(f"{name[:80]!r} cannot be the name {what}")
    return name


def parse_promotion(text: str, *, source: str) -> PromotionPolicy:
    """The policy in a file: ``rules: [{experiment, model, artifact, evaluation, gates, …}, …]``.

    Raises:
        InvalidSweepFile: Everything that is wrong, each with its line.
    """
    document = read_yaml(text, source=source)
    if document.value is None:  # a file of comments
        return PromotionPolicy()
    check_storable(document, source=source)
    reader = Reader(document)
    file = _FILE.read(reader, (), document.value) or {}
    written = as_list((as_mapping(document.value) or {}).get("rules")) or []
    read = file.get("rules") or ()
    rules = [
        _checked(reader, ("rules", index), rule, as_mapping(entry) or {})
        for index, (rule, entry) in enumerate(zip(read, written, strict=False))
    ]
    reader.raise_problems(source)
    return PromotionPolicy(rules=tuple(rule for rule in rules if rule is not None))


def parse_rule(document: Mapping[str, object], *, source: str) -> PromotionRule:
    """One rule from what was kept of it: `PromotionRule.document`.

    Raises:
        InvalidSweepFile: A later version would not have it any more.
    """
    reader = Reader(Document(value=document))
    read = _RULE.read(reader, (), document)
    rule = None if read is None else _checked(reader, (), read, document)
    reader.raise_problems(source)
    assert rule is not None  # or there was a problem
    return rule


def _checked(
    reader: Reader, path: Path, read: Mapping[str, Any], written: Mapping[str, object]
) -> PromotionRule | None:
    """A rule, after what sections alone cannot see."""
    if reader.is_noted_within(path):
        return None
    evaluation, gates = read["evaluation"], read["gates"]
    seeds = evaluation["seeds"]
    at: Path = (*path, "evaluation", "seeds")
    if not seeds or len(set(seeds)) != len(seeds):
        reader.problem(at, f"{shown(list(seeds))} are not seeds, each once", "write [1, 2, 3]")
    _check_whereabouts(reader, (*path, "evaluation"), evaluation)
    for key in ("thresholds", "serving"):
        for index, bound in enumerate(gates[key]):
            _check_bound(reader, (*path, "gates", key, index), bound, n_seeds=len(seeds))
    for index, compared in enumerate(gates["not_worse_than_production"]):
        _check_statistic(
            reader,
            (*path, "gates", "not_worse_than_production", index),
            compared,
            n_seeds=len(seeds),
        )
    if not (gates["thresholds"] or gates["not_worse_than_production"] or gates["serving"]):
        message = "no metric is asked for: an evaluation would prove nothing"
        hint = "add for example thresholds: [{metric: accuracy, at_least: 0.95}]"
        reader.problem((*path, "gates"), message, hint)
    approvals = gates["approvals"]
    if approvals and approvals["by"] and approvals["count"] > len(set(approvals["by"])):
        message = f"{approvals['count']} approvals are more than the people who may give one"
        reader.problem((*path, "gates", "approvals", "count"), message, "name more people in by")
    training: Mapping[str, float | None] = gates["training"] or {}
    for key in ("max_cost_usd", "max_gpu_hours"):
        most = training.get(key)
        if most is not None and most < 0:
            reader.problem(
                (*path, "gates", "training", key), f"{most} is below nothing", "write 0 or more"
            )
    reproducible: Mapping[str, float | None] = gates["reproducible"] or {}
    within = reproducible.get("rerun_within")
    if within is not None and not 0 <= within < 1:
        reader.problem(
            (*path, "gates", "reproducible", "rerun_within"),
            f"{within} is no share", "write a number from 0 to 1, such as 0.01",
        )  # fmt: skip
    if reader.is_noted_within(path):
        return None
    rule = _rule(read, written)
    _check_sweep(reader, path, rule)
    return rule


def _check_whereabouts(reader: Reader, path: Path, evaluation: Mapping[str, Any]) -> None:
    """Whether it measures on the holdout alone, with code from one place."""
    holdout: DatasetReference = evaluation["holdout"]
    for index, given in enumerate(evaluation["data"]):
        if DatasetReference.parse(given).name == holdout.name and given != str(holdout):
            message = f"{given} is the holdout in another version than {holdout}"
            hint = "leave it out: the holdout is among the data by itself"
            reader.problem((*path, "data", index), message, hint)
    source = evaluation["source"]
    if source is not None and not source.startswith("/"):
        message = f"{shown(source)} is another folder wherever it is read"
        reader.problem((*path, "source"), message, "write an absolute path")


def _check_sweep(reader: Reader, path: Path, rule: PromotionRule) -> None:
    """Whether the sweep that will measure candidates is a good one: its command, its data."""
    spec = evaluation_sweep(
        rule,
        tenant="default",
        experiment="any",
        owner="any",
        subjects=Subjects(candidate="candidate/file", production="production/file"),
        image=None,
    )
    try:
        parse_document(as_document(spec), source="evaluation")
    except InvalidSweepFile as exc:
        for problem in exc.problems:
            at = problem.path.removeprefix("trial.").partition("[")[0].partition(".")[0]
            reader.problem((*path, "evaluation", at), problem.message, problem.hint)


def _check_bound(reader: Reader, path: Path, bound: Mapping[str, Any], *, n_seeds: int) -> None:
    if (bound["at_least"] is None) == (bound["at_most"] is None):
        message = f"{bound['metric']!r} needs one bound"
        reader.problem(path, message, "write at_least: or at_most:, and not both")
    _check_statistic(reader, path, bound, n_seeds=n_seeds)


def _check_statistic(reader: Reader, path: Path, read: Mapping[str, Any], *, n_seeds: int) -> None:
    if not 0.5 <= read["confidence"] < 1:
        message = f"{read['confidence']} is no confidence"
        reader.problem((*path, "confidence"), message, "write a number from 0.5 to 1, such as 0.95")
    if read["on"] == Statistic.CONFIDENCE and n_seeds < 2:
        reader.problem((*path, "on"), "one seed has no confidence", "give evaluation.seeds two")


def _rule(read: Mapping[str, Any], written: Mapping[str, object]) -> PromotionRule:
    evaluation, gates, deployment = read["evaluation"], read["gates"], read["deployment"]
    resources = evaluation["resources"]
    return PromotionRule(
        tenant=read["tenant"],
        experiment=read["experiment"],
        model=read["model"],
        artifact=read["artifact"],
        alias=read["alias"],
        evaluation=EvaluationPlan(
            command=evaluation["command"],
            holdout=evaluation["holdout"],
            seeds=evaluation["seeds"],
            data=evaluation["data"],
            source=evaluation["source"],
            image=evaluation["image"],
            resources=Resources(
                cpu=resources["cpu"], memory_bytes=resources["memory"], gpu=resources["gpu"]
            ),
            environment=evaluation["environment"],
            timeout=evaluation["timeout"],
            max_parallel=evaluation["max_parallel"],
        ),
        gates=Gates(
            thresholds=tuple(map(_threshold, gates["thresholds"])),
            comparisons=tuple(map(_comparison, gates["not_worse_than_production"])),
            training=_training(gates["training"]),
            serving=tuple(map(_threshold, gates["serving"])),
            lineage=gates["lineage"],
            reproducible=None
            if gates["reproducible"] is None
            else Reproducible(rerun_within=gates["reproducible"]["rerun_within"]),
            data_checks=gates["data_checks"],
            approvals=None
            if gates["approvals"] is None
            else Approvals(count=gates["approvals"]["count"], by=gates["approvals"]["by"]),
        ),
        deployment=Deployment(
            image=deployment["image"],
            inference=deployment["inference"],
            rollout=deployment["rollout"],
        ),
        document=dict(written),
    )


def _threshold(read: Mapping[str, Any]) -> Threshold:
    is_least = read["at_least"] is not None
    return Threshold(
        metric=read["metric"],
        bound=read["at_least"] if is_least else read["at_most"],
        direction=Direction.MAXIMIZE if is_least else Direction.MINIMIZE,
        on=Statistic(read["on"]),
        confidence=read["confidence"],
    )


def _comparison(read: Mapping[str, Any]) -> Comparison:
    return Comparison(
        metric=read["metric"],
        direction=Direction(read["direction"]),
        margin=read["margin"],
        is_relative=read["relative"],
        on=Statistic(read["on"]),
        confidence=read["confidence"],
    )


def _training(read: Mapping[str, Any] | None) -> TrainingCeiling | None:
    if read is None:
        return None
    usd = read["max_cost_usd"]
    return TrainingCeiling(
        usd=None if usd is None else Decimal(str(usd)), gpu_hours=read["max_gpu_hours"]
    )


PROMOTION: PolicyKind[PromotionPolicy] = PolicyKind(
    "promotion", "governance.policies", parse_promotion
)
