"""The keys of the file of quotas."""

from governance.cluster.kinds import MappingOf
from governance.quotas.escalation import USUAL_STEPS, Audience
from sweeps.sweep_files.kinds import GPU_TYPE, SLUG, Boolean, Integer, Kind, Number, OneOf, Text
from sweeps.sweep_files.quantities import Cpu, Duration, Memory
from sweeps.sweep_files.sections import Field, Section, Several

_MOST = 10**9
_NAME = Text("ana", 100, pattern=r"[^\x00-\x1f\x7f]+")
_SLUG = Text("vision", 63, SLUG)
#: Name of a priority class in a sweep file as well.
CLASS_NAME = Text("high", 63, SLUG)


def _optional(kind: Kind, doc: str) -> Field:
    return Field(kind=kind, doc=doc, default=None)


def _weights(key: Text, example: str) -> MappingOf:
    return MappingOf(key, Number(is_whole=False, example=2), example, most=10_000)


_GPUS = MappingOf(GPU_TYPE, Integer(0, _MOST), "{a100: 8}", most=100)
_AMOUNTS = {
    "cpu": _optional(Cpu(), "Cores."),
    "memory": _optional(Memory(), "Memory."),
    "gpu": _optional(Integer(0, _MOST), "GPUs in all."),
    "gpu_types": Field(kind=_GPUS, doc="GPUs by type.", default={}),
    "trials": _optional(Integer(0, _MOST), "Trials at a time."),
}
_LIMITS = Section(
    doc="The most that may be held at once; what is left out has no limit.",
    fields={**_AMOUNTS, "storage": _optional(Memory(), "Bytes in the artifact store.")},
)
_CAPACITY = Section(
    doc="What there is; what is left out is not known, and bounds nobody.", fields=_AMOUNTS
)
_CLASS = Section(
    doc="A priority class.",
    fields={
        "value": Field(kind=Integer(-_MOST, _MOST), doc="Classes of a higher one go first."),
        "tenants": _optional(
            Several(_SLUG, ["vision"], most=10_000), "Tenants that may use it; by default all."
        ),
        "users": _optional(
            Several(_NAME, ["ana"], most=10_000), "Owners who may use it; by default all."
        ),
        "max_trials": _optional(
            Integer(0, _MOST), "Trials of it that one tenant may have at a time."
        ),
        "max_share": Field(
            kind=Number(is_whole=False, example=0.5),
            doc="Part of the capacity that its trials may hold together.",
            default=1,
        ),
        "raised_after": _optional(
            Duration(), "After so long a wait a trial is treated like the next higher class."
        ),
    },
)
_TENANT_FIELDS = {
    "weight": Field(
        kind=Number(is_whole=False, example=2), doc="Its part, compared to others.", default=1
    ),
    "limits": Field(kind=_LIMITS, doc=_LIMITS.doc, default={}),
    "users": Field(
        kind=_weights(_NAME, "{ana: 2}"), doc="Weights of its users; others have 1.", default={}
    ),
    "experiments": Field(
        kind=_weights(_NAME, "{digits: 2}"),
        doc="Weights of its experiments; others have 1.",
        default={},
    ),
}
_TENANT = Section(doc="What one tenant may hold, and its part.", fields=_TENANT_FIELDS)
_RESERVED = Section(
    doc="Capacity that is kept for some classes.",
    fields={
        "share": Field(kind=Number(is_whole=False, example=0.1), doc="Of the capacity.", default=0),
        "classes": Field(kind=Several(CLASS_NAME, ["urgent"]), doc="That may use it.", default=[]),
    },
)
_USAGE = Section(
    doc="How earlier use counts.",
    fields={
        "half_life": Field(
            kind=Duration(), doc="Time in which an hour's use comes to count half.", default="7d"
        ),
        "influence": Field(
            kind=Number(is_whole=False, example=1),
            doc="Of earlier use, compared to what is held now; 0 forgets it.",
            default=1,
        ),
    },
)
_STEP = Section(
    doc="A step of an escalation.",
    fields={
        "after": Field(kind=Duration(), doc="Since the violation was noticed."),
        "to": Field(kind=OneOf(tuple(str(one) for one in Audience)), doc="Who is told."),
    },
)
_STEPS = [
    {"after": f"{step.after.total_seconds() / 3600:g}h", "to": str(step.to)} for step in USUAL_STEPS
]
QUOTA_FILE = Section(
    doc="Quotas, priorities and fair share.",
    fields={
        "classes": Field(
            kind=MappingOf(CLASS_NAME, _CLASS, "{normal: {value: 100}}"),
            doc="Priority classes, by name.",
            default={"normal": {"value": 100}},
        ),
        "default_class": Field(kind=CLASS_NAME, doc="Of sweeps that name none.", default="normal"),
        "capacity": Field(kind=_CAPACITY, doc=_CAPACITY.doc, default={}),
        "reserved": Field(kind=_RESERVED, doc=_RESERVED.doc, default={}),
        "usage": Field(kind=_USAGE, doc=_USAGE.doc, default={}),
        "backfill": Field(
            kind=Boolean(),
            doc="Small trials may start while the first in the queue waits, if that delays it not.",
            default=True,
        ),
        "escalation": Field(
            kind=Several(_STEP, [{"after": "4h", "to": "owner"}], most=20),
            doc="Who is told how long after a violation of quotas was noticed; [] tells nobody.",
            default=_STEPS,
        ),
        "tenants": Field(
            kind=MappingOf(_SLUG, _TENANT, "{vision: {weight: 2}}", most=10_000),
            doc="Tenants, by name.",
            default={},
        ),
        "other_tenants": Field(
            kind=_TENANT, doc="The same for each tenant that is not named.", default={}
        ),
    },
)
