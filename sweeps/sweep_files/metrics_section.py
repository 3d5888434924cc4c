"""How the metrics of a script are read that knows nothing of this platform."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweepworks.foreign.rules import compile_pattern

from sweeps.specs import MetricsSpec
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import OneOf, Text
from sweeps.sweep_files.reading import Reader, as_mapping, shown
from sweeps.sweep_files.sections import Field, Section

_LONGEST_PATTERN = 2000
_MOST_PATTERNS = 100
_FILE = r"(?!/)(?!(?:.*/)?\.\.?(?:/|$))[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f/]"
_EXAMPLE = r"(?P<name>\w+)=(?P<value>\S+)"


@dataclass(frozen=True, slots=True)
class Source:
    """The script's output, or a file that it writes."""

    def read(self, reader: Reader, path: Path, value: object) -> Mapping[str, str] | None:
        """`{"stdout": ""}`, `{"file": path}` or `{"tensorboard": path}`."""
        if value == "stdout":
            return {"stdout": ""}
        given = as_mapping(value)
        hint = "write stdout, or for example {file: metrics.jsonl} or {tensorboard: logs}"
        if given is None or len(given) != 1 or not set(given) <= {"file", "tensorboard"}:
            reader.problem(path, f"{shown(value)} is no source of metrics", hint)
            return None
        ((kind, name),) = given.items()
        if not isinstance(name, str) or len(name) > 256 or not re.fullmatch(_FILE, name):
            message = f"{shown(name)} is no place in the trial's working directory"
            reader.problem((*path, kind), message, hint)
            return None
        return {kind: name}

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        name = {"type": "string", "pattern": f"^{_FILE}$", "maxLength": 256}
        places = [
            {
                "type": "object",
                "properties": {kind: {**name, "description": "In the trial's working directory."}},
                "additionalProperties": False,
                "required": [kind],
            }
            for kind in ("file", "tensorboard")
        ]
        return {"anyOf": [{"enum": ["stdout"]}, *places], "examples": ["stdout"]}


@dataclass(frozen=True, slots=True)
class Pattern:
    """One regular expression with the groups name and value, or one for each metric."""

    def read(self, reader: Reader, path: Path, value: object) -> str | Mapping[str, str] | None:
        """The text, or texts by metric."""
        if isinstance(value, str):
            return self._compiled(reader, path, value, is_named=False)
        given = as_mapping(value)
        if not given or len(given) > _MOST_PATTERNS:
            reader.problem(path, f"{shown(value)} is no pattern", f"write for example '{_EXAMPLE}'")
            return None
        read = {
            name: self._compiled(reader, (*path, name), text, is_named=True)
            for name, text in given.items()
            if Text("loss", 256, is_one_line=True).read(reader, (*path, name), name) is not None
        }
        found = {name: text for name, text in read.items() if text is not None}
        return found if len(found) == len(given) else None

    def _compiled(self, reader: Reader, path: Path, text: object, *, is_named: bool) -> str | None:
        hint = (
            r"write for example 'loss: (?P<value>\S+)'"
            if is_named
            else f"write for example '{_EXAMPLE}'"
        )
        if not isinstance(text, str) or len(text) > _LONGEST_PATTERN:
            reader.problem(path, f"{shown(text)} is no pattern", hint)
            return None
        try:
            compile_pattern(text, is_named=is_named)
        except ValueError as exc:
            reader.problem(path, f"{shown(text)} {exc}", hint)
            return None
        return text

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema; whether it is a regular expression, it cannot say."""
        text = {"type": "string", "maxLength": _LONGEST_PATTERN}
        by_name = {
            "type": "object",
            "minProperties": 1,
            "maxProperties": _MOST_PATTERNS,
            "additionalProperties": text,
        }
        return {"anyOf": [text, by_name], "examples": [_EXAMPLE]}


_METRICS = Section(
    doc="Where the metrics of a script are found that does not report them itself.",
    fields={
        "source": Field(kind=Source(), doc="What it prints, or a file that it writes."),
        "pattern": Field(
            kind=Pattern(),
            doc="A regular expression with the groups name and value, or one for each metric.",
            default=None,
        ),
        "format": Field(
            kind=OneOf(("jsonl",)), doc="A JSON object a line, with numbers.", default=None
        ),
        "step": Field(
            kind=Text("epoch", 256, is_one_line=True),
            doc="Name of the metric that is the step of the others, and the resource level.",
            default="step",
        ),
    },
)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The section, with either a pattern or a format."""

    def read(self, reader: Reader, path: Path, value: object) -> MetricsSpec | None:
        """The section."""
        read = _METRICS.read(reader, path, value)
        if read is None or reader.is_noted_within(path):
            return None
        source = read["source"]
        if "tensorboard" in source:
            for key in ("pattern", "format"):
                if read[key] is not None:
                    message = f"event files need no {key}"
                    reader.problem((*path, key), message, "remove it")
                    return None
        elif (read["pattern"] is None) == (read["format"] is None):
            which = "neither" if read["pattern"] is None else "both"
            message = (
                f"there is {which} a pattern {'nor' if which == 'neither' else 'and'} a format"
            )
            reader.problem(path, message, f"write one: pattern: '{_EXAMPLE}', or format: jsonl")
            return None
        return MetricsSpec(
            file=source.get("file"),
            tensorboard=source.get("tensorboard"),
            pattern=read["pattern"],
            format=read["format"],
            step=read["step"],
        )

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        # Not beside the rest: there, anything but a mapping would have to be among them.
        events = {"properties": {"source": {"type": "object", "required": ["tensorboard"]}}}
        ways = [{"required": ["pattern"]}, {"required": ["format"]}, events]
        one_of_both = {"allOf": [{"anyOf": ways}]}
        example = {"source": "stdout", "pattern": _EXAMPLE}
        return {**_METRICS.schema(), **one_of_both, "examples": [example]}


def check_objective(reader: Reader, metrics: MetricsSpec, objective: str | None) -> None:
    """Note an objective that the section will never find."""
    if objective is None:  # which is wrong itself
        return
    path: Path = ("trial", "metrics", "pattern")
    if isinstance(metrics.pattern, Mapping) and objective not in metrics.pattern:
        message = f"the objective {objective!r} is none of the metrics"
        reader.problem(path, message, f"add a pattern for it: {objective}: …")
    if metrics.step == objective and metrics.tensorboard is None:
        message = f"{objective!r} is the objective, and cannot be the step as well"
        reader.problem(("trial", "metrics", "step"), message, "write the name of another one")
