"""The file ``retention.yaml``: read, and everything that is wrong with it told at once."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from retention.policy import (
    Approval,
    Assignment,
    ByteBudget,
    CheckpointRules,
    Export,
    MetricRules,
    RetentionClass,
    RetentionPolicy,
    RunRules,
    Scope,
)
from sweeps.blobs import COLD_CLASSES, StorageClass
from sweeps.policies import PolicyKind
from sweeps.sweep_files.documents import Path, check_storable
from sweeps.sweep_files.kinds import SLUG, Integer, Kind, OneOf, Text
from sweeps.sweep_files.quantities import Duration, Memory
from sweeps.sweep_files.reading import Reader, as_mapping, shown
from sweeps.sweep_files.sections import Field, Section, Several
from sweeps.sweep_files.yaml_documents import read_yaml

_NEVER = "never"
#: Less, and the rollups could not be sure to have what is dropped; see `storage.points.rollups`.
LEAST_RAW = dt.timedelta(days=15)
_PATTERN = r"[a-zA-Z0-9_.*?-]+"
_MOST_KEPT = 1_000
_NEEDS_RESTORE = ("GLACIER", "DEEP_ARCHIVE")


@dataclass(frozen=True, slots=True)
class _OrNever:
    """A length of time, or `never`."""

    kind: Duration

    def read(self, reader: Reader, path: Path, value: object) -> dt.timedelta | str | None:
        return _NEVER if value == _NEVER else self.kind.read(reader, path, value)

    def schema(self) -> dict[str, Any]:
        schema = self.kind.schema()
        return {**schema, "anyOf": [*schema["anyOf"], {"const": _NEVER}]}


@dataclass(frozen=True, slots=True)
class _ColdClass:
    """A class of a bucket whose bytes can be read at once, by the name that S3 gives it."""

    def read(self, reader: Reader, path: Path, value: object) -> StorageClass | None:
        if isinstance(value, str) and value.lower() in COLD_CLASSES:
            return StorageClass(value.lower())
        hint = f"write one of {', '.join(one.upper() for one in COLD_CLASSES)}"
        if value in _NEEDS_RESTORE:
            message = f"what is in {value} has to be restored for hours before anybody can read it"
            reader.problem(path, message, hint)
        else:
            reader.problem(path, f"{shown(value)} is no colder class", hint)
        return None

    def schema(self) -> dict[str, Any]:
        return {"enum": [one.upper() for one in COLD_CLASSES]}


@dataclass(frozen=True, slots=True)
class _Named:
    """A mapping from names to sections."""

    section: Section

    def read(self, reader: Reader, path: Path, value: object) -> dict[str, Any] | None:
        given = as_mapping(value)
        if not given:
            reader.problem(path, f"{shown(value)} names no class", "write for example standard: {}")
            return None
        name_kind = Text("standard", 63, SLUG)
        for name in given:
            name_kind.read(reader, (*path, name), name)
        return {
            name: self.section.read(reader, (*path, name), {} if inner is None else inner)
            for name, inner in given.items()
        }

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.section.schema()}


_AFTER = _OrNever(Duration())


def _after(doc: str, default: dt.timedelta | None) -> Field:
    return Field(kind=_AFTER, doc=doc, default=_written(default))


def _written(value: dt.timedelta | None) -> str:
    return _NEVER if value is None else f"{value // dt.timedelta(days=1)}d"


_CHECKPOINTS, _RUNS, _METRICS = CheckpointRules(), RunRules(), MetricRules()
_COUNT = Integer(0, _MOST_KEPT)

_CHECKPOINT_SECTION = Section(
    doc="Which checkpoints stay.",
    fields={
        "thin_after": _after(
            "After a run's end: only the best and the latest stay.", _CHECKPOINTS.thin_after
        ),
        "best_of_trial": Field(
            kind=_COUNT, doc="So many of the best.", default=_CHECKPOINTS.best_of_trial
        ),
        "latest_of_trial": Field(
            kind=_COUNT, doc="So many of the latest.", default=_CHECKPOINTS.latest_of_trial
        ),
        "expire_after": _after("After a run's end: none stays.", _CHECKPOINTS.expire_after),
        "best_of_sweep": Field(
            kind=_COUNT,
            doc="Trials of each sweep, best first, that are thinned and no more.",
            default=_CHECKPOINTS.best_of_sweep,
        ),
    },
)
_RUN_SECTION = Section(
    doc="When all that a run has stored goes, after its end.",
    fields={
        "scratch_after": _after("Outside sweeps, or tagged test_run.", _RUNS.scratch_after),
        "failed_after": _after("Failed or cancelled.", _RUNS.failed_after),
        "below_baseline_after": _after(
            "Worse than the run of its experiment that is tagged baseline.",
            _RUNS.below_baseline_after,
        ),
        "unpromoted_after": _after("Every other one.", _RUNS.unpromoted_after),
    },
)
_METRIC_SECTION = Section(
    doc="For how long points are kept after their run's end.",
    fields={
        "raw": Field(kind=Duration(), doc="As they came.", default=_written(_METRICS.raw)),
        "minutes": _after("Rollups of a minute.", _METRICS.minutes),
        "hours": _after("Rollups of an hour.", _METRICS.hours),
        "export": Field(
            kind=OneOf(tuple(Export)),
            doc="Whose points become a Parquet file before they go.",
            default=_METRICS.export.value,
        ),
    },
)
_COLD = Field(
    kind=_ColdClass(), doc="Which; of the policy: for all that name none themselves.", default=None
)
_CLASS = Section(
    doc="A class.",
    fields={
        "checkpoints": Field(kind=_CHECKPOINT_SECTION, doc=_CHECKPOINT_SECTION.doc, default={}),
        "logs_after": _after(
            "After a run's end: its logs go, unless it is kept.", RetentionClass(name="").logs_after
        ),
        "runs": Field(kind=_RUN_SECTION, doc=_RUN_SECTION.doc, default={}),
        "metrics": Field(kind=_METRIC_SECTION, doc=_METRIC_SECTION.doc, default={}),
        "cold_after": _after(
            "After a run's end: files that stay go to a colder class of the bucket.",
            RetentionClass(name="").cold_after,
        ),
        "cold_class": _COLD,
    },
)
_TENANT = Field(kind=Text("vision", 63, _PATTERN), doc="A tenant, or a pattern.", default="*")
_EXPERIMENT = Field(
    kind=Text("digits-*", 128, is_one_line=True), doc="An experiment, or a pattern.", default="*"
)
_CLASS_NAME: Kind = Text("standard", 63, SLUG)
_ASSIGNMENT = Section(
    doc="Who gets a class.",
    fields={
        "tenant": _TENANT,
        "experiment": _EXPERIMENT,
        "class": Field(kind=_CLASS_NAME, doc="Which."),
    },
)
_BUDGET = Section(
    doc="How much may be there.",
    fields={
        "tenant": _TENANT,
        "experiment": _EXPERIMENT,
        "max_bytes": Field(kind=Memory(), doc="Of its artifacts."),
    },
)
_POLICY = RetentionPolicy(classes={}, default_class="")
_FILE = Section(
    doc="What is kept for how long.",
    fields={
        "apply": Field(
            kind=OneOf(tuple(Approval)),
            doc="Whether the weekly plan is applied, or waits for a person.",
            default=_POLICY.apply.value,
        ),
        "min_age": Field(
            kind=Duration(), doc="What is younger stays.", default=_written(_POLICY.min_age)
        ),
        "grace": Field(
            kind=Duration(),
            doc="Between the day that something is marked and the day that it goes.",
            default=_written(_POLICY.grace),
        ),
        "system_metrics": _after(
            "After a run was sealed: what was measured beside its training goes.",
            _POLICY.system_metrics,
        ),
        "cold_class": _COLD,
        "classes": Field(kind=_Named(_CLASS), doc="Rules by name.", example="{standard: {}}"),
        "default_class": Field(kind=_CLASS_NAME, doc="For whom no other is meant."),
        "assignments": Field(
            kind=Several(_ASSIGNMENT, {"experiment": "digits-*", "class": "standard"}),
            doc="The first that fits counts; a sweep file's own `retention:` before all of them.",
            default=[],
        ),
        "budgets": Field(
            kind=Several(_BUDGET, {"tenant": "vision", "max_bytes": "2Ti"}),
            doc="Where there is more, what is worth least goes first.",
            default=[],
        ),
    },
)


def parse_retention(text: str, *, source: str) -> RetentionPolicy:
    """The policy that a file describes.

    Raises:
        InvalidSweepFile: Everything that is wrong, each with its line.
    """
    document = read_yaml(text, source=source, what="file of the policy retention")
    check_storable(document, source=source)
    reader = Reader(document)
    read = _FILE.read(reader, (), document.value) or {}
    classes: dict[str, Any] = read.get("classes") or {}
    for name, one in classes.items():
        if one is not None:
            _check_metrics(reader, ("classes", name, "metrics"), one["metrics"])
            if one["cold_after"] not in {None, _NEVER} and not (
                one["cold_class"] or read.get("cold_class")
                or reader.is_noted_within(("classes", name, "cold_class"))
                or reader.is_noted_within(("cold_class",))
            ):  # fmt: skip
                reader.problem(
                    ("classes", name, "cold_after"),
                    "nothing says to which class files go",
                    "add `cold_class: STANDARD_IA`, here or for all classes",
                )
    _check_class(reader, ("default_class",), read.get("default_class"), classes)
    for index, one in enumerate(read.get("assignments") or ()):
        _check_class(reader, ("assignments", index, "class"), one["class"], classes)
    reader.raise_problems(source)
    return RetentionPolicy(
        apply=Approval(read["apply"]),
        min_age=read["min_age"],
        grace=read["grace"],
        cold_class=read["cold_class"],
        system_metrics=_without_never(read)["system_metrics"],
        classes={name: _class(name, one) for name, one in classes.items()},
        default_class=read["default_class"],
        assignments=tuple(
            Assignment(scope=_scope(one), class_name=one["class"]) for one in read["assignments"]
        ),
        budgets=tuple(
            ByteBudget(scope=_scope(one), max_bytes=one["max_bytes"]) for one in read["budgets"]
        ),
    )


def _check_class(reader: Reader, path: Path, name: str | None, classes: dict[str, Any]) -> None:
    if name is not None and classes and name not in classes:
        reader.problem(
            path, f"{name!r} is none of the classes", f"write one of {', '.join(classes)}"
        )


def _check_metrics(reader: Reader, path: Path, read: dict[str, Any] | None) -> None:
    """Each coarser tier outlives the finer one: in it lives on what is dropped there."""
    if not read:
        return
    if read["raw"] is not None and read["raw"] < LEAST_RAW:
        least = LEAST_RAW // dt.timedelta(days=1)
        reader.problem(
            (*path, "raw"),
            "points would go while runs that were lost may still be heard of",
            f"write {least}d or more",
        )
    finer, name = dt.timedelta(0), ""
    for key in ("raw", "minutes", "hours"):
        if read[key] is None:
            continue  # it was noted
        length = dt.timedelta.max if read[key] == _NEVER else read[key]
        if length < finer:
            reader.problem(
                (*path, key), f"shorter than {name!r}", f"coarser points outlive {name!r}"
            )
        finer, name = length, key


def _class(name: str, read: dict[str, Any]) -> RetentionClass:
    return RetentionClass(
        name=name,
        checkpoints=CheckpointRules(**_without_never(read["checkpoints"])),
        logs_after=_without_never(read)["logs_after"],
        runs=RunRules(**_without_never(read["runs"])),
        metrics=_metrics(_without_never(read["metrics"])),
        cold_after=_without_never(read)["cold_after"],
        cold_class=read["cold_class"],
    )


def _metrics(read: dict[str, Any]) -> MetricRules:
    return MetricRules(
        raw=read["raw"],
        minutes=read["minutes"],
        hours=read["hours"],
        export=Export(read["export"]),
    )


def _without_never(read: dict[str, Any]) -> dict[str, Any]:
    return {key: None if value == _NEVER else value for key, value in read.items()}


def _scope(read: dict[str, Any]) -> Scope:
    return Scope(tenant=read["tenant"], experiment=read["experiment"])


RETENTION = PolicyKind(
    "retention",
    "retention.policies",
    parse_retention,
    least="{default_class: standard, classes: {standard: {}}}",
)
