"""Sections of a sweep file: which keys there are, what they hold, and what they are for.

One declaration serves the parser and the JSON Schema that editors complete from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweeps.sweep_files import kinds
from sweeps.sweep_files.reading import Reader, as_mapping, shown
from sweeps.sweep_files.yaml_documents import Path

REQUIRED = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key."""

    kind: kinds.Kind
    doc: str
    default: object = REQUIRED  #: None: absent


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A mapping with known keys."""

    doc: str
    fields: Mapping[str, Field]
    later: tuple[str, ...] = ()  #: keys of later versions, refused by name

    def read(self, reader: Reader, path: Path, value: object) -> dict[str, Any]:
        """Every key's value; None where it is absent or wrong, which has been noted."""
        out: dict[str, Any] = dict.fromkeys(self.fields)
        given = as_mapping(value)
        if given is None:
            reader.problem(
                path, f"{shown(value)} is no mapping", f"write {', '.join(self.fields)} below it"
            )
            return out
        for key in given:
            if key in self.later:
                reader.unsupported_key((*path, key))
            elif key not in self.fields:
                reader.unknown_key((*path, key), self.fields)
        for key, field in self.fields.items():
            if given.get(key) is None and field.default is not REQUIRED:
                out[key] = field.default
            elif key not in given:
                example = field.kind.schema().get("examples", [""])[0]
                reader.problem(
                    (*path, key),
                    f"{key!r} is missing",
                    f"add {key}: {example}".rstrip() + f" ({field.doc})",
                )
            else:
                out[key] = field.kind.read(reader, (*path, key), given[key])
        return out

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        properties: dict[str, Any] = {}
        for key, field in self.fields.items():
            properties[key] = {"description": field.doc, **field.kind.schema()}
            if field.default not in (REQUIRED, None):
                properties[key]["default"] = field.default
        required = [key for key, field in self.fields.items() if field.default is REQUIRED]
        return {
            "type": "object",
            "description": self.doc,
            "properties": properties,
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }


OBJECTIVE = Section(
    doc="What is optimised.",
    fields={
        "metric": Field(
            kind=kinds.Text("val_accuracy", 256), doc="Name under which trials report it."
        ),
        "direction": Field(kind=kinds.OneOf(("minimize", "maximize")), doc="Which way is better."),
    },
)

STRATEGY = Section(
    doc="How to search.",
    fields={
        "name": Field(
            kind=kinds.OneOf(
                ("bayes", "random", "grid"),
                ("asha", "hyperband", "bohb", "median_stopping", "sobol", "lhs", "optuna"),
            ),
            doc="bayes models the objective, random draws, grid tries every combination.",
        ),
        "initial_points": Field(
            kind=kinds.Integer(1, 10_000),
            doc="bayes: random configurations before the model is trusted.",
            default=8,
        ),
        "points_per_parameter": Field(
            kind=kinds.Integer(1, 1000),
            doc="grid: values of a float, or of a wide range of integers.",
            default=5,
        ),
    },
    later=("searcher", "scheduler", "reduction_factor", "min_resource", "max_resource", "variant"),
)

LIMITS = Section(
    doc="When to stop, and how much at once.",
    fields={
        "max_trials": Field(
            kind=kinds.Integer(1, 1_000_000),
            doc="Trials in all; grid may leave it out and runs them all.",
            default=None,
        ),
        "max_parallel": Field(kind=kinds.Integer(1, 100_000), doc="Trials at a time.", default=1),
        "deadline": Field(kind=kinds.Duration(), doc="Of the whole sweep.", default=None),
        "trial_timeout": Field(kind=kinds.Duration(), doc="Of one trial.", default=None),
        "stalled_after": Field(
            kind=kinds.Duration(), doc="Silence after which a trial is ended.", default=None
        ),
        "max_failures": Field(
            kind=kinds.Integer(1, 1_000_000),
            doc="First trials that may all die of the same error before the sweep gives up.",
            default=3,
        ),
        "max_attempts": Field(
            kind=kinds.Integer(1, 100),
            doc="Executions of one trial when the machine is to blame.",
            default=3,
        ),
    },
    later=("max_cost_usd",),
)

RESOURCES = Section(
    doc="What one trial asks for.",
    fields={
        "cpu": Field(kind=kinds.Cpu(), doc="Cores.", default=1.0),
        "memory": Field(kind=kinds.Memory(), doc="Memory; 0 is not counted.", default=0),
        "gpu": Field(kind=kinds.Integer(0, 1024), doc="Whole GPUs.", default=0),
    },
)

TRIAL = Section(
    doc="What one trial executes.",
    fields={
        "command": Field(
            kind=kinds.Command(),
            doc="Program and arguments; {name} stands for a parameter, {seed} for the trial's seed.",
        ),
        "resources": Field(kind=RESOURCES, doc=RESOURCES.doc, default=None),
        "environment": Field(
            kind=kinds.Environment(), doc="Variables of its process.", default=None
        ),
    },
    later=("image", "data"),
)
