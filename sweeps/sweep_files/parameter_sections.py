"""One parameter of a sweep file: its types, their keys, and the short forms people write."""

import math
from typing import Any

from sweeps.spaces import (
    Categorical,
    Condition,
    Constant,
    Float,
    Int,
    LogNormal,
    Normal,
    Ordinal,
    Parameter,
    Prior,
)
from sweeps.sweep_files.choices import Choices, When
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import Boolean, Integer, Number, OneOf, SingleValue
from sweeps.sweep_files.reading import Reader, as_list, as_mapping, shown
from sweeps.sweep_files.sections import Field, Section

EXAMPLE = "{type: float, low: 1e-4, high: 0.1, log: true}"
_MAX_STEPS = 1_000_000  # values of a float with a step; more are as good as endlessly many
_FARTHEST = 5  # standard deviations of a prior from the range; beyond, one of them is a slip


_WHEN = Field(kind=When(), doc="Only there when other parameters have these values.", default={})
_PRIOR = Section(
    doc="Which values are likely, cut off at low and high.",
    fields={
        "type": Field(kind=OneOf(("normal", "lognormal")), doc="Which distribution."),
        "mean": Field(
            kind=Number(is_whole=False, example=0.5),
            doc="Its mean; lognormal: of the natural logarithm.",
        ),
        "std": Field(
            kind=Number(is_whole=False, example=0.2),
            doc="Its standard deviation; lognormal: of the natural logarithm.",
        ),
    },
)


def _section(kind: str, doc: str, **fields: Field) -> Section:
    word = Field(kind=OneOf((kind,)), doc=doc)
    return Section(doc=doc, fields={"type": word, **fields, "when": _WHEN})


def _range(kind: str, doc: str, end: Number, step: Field) -> Section:
    return _section(
        kind,
        doc,
        low=Field(kind=end, doc="Least value, included.", example=str(end.example)),
        high=Field(kind=end, doc="Greatest value, included.", example=str(end.example)),
        log=Field(kind=Boolean(), doc="Search the logarithm evenly.", default=False),
        step=step,
        prior=Field(kind=_PRIOR, doc=_PRIOR.doc, default=None),
    )


SECTIONS = {
    "float": _range(
        "float",
        "A real number.",
        Number(is_whole=False, example=0.1),
        Field(
            kind=Number(is_whole=False, example=0.05), doc="Only low, low + step, …", default=None
        ),
    ),
    "int": _range(
        "int",
        "A whole number.",
        Number(is_whole=True, example=64),
        Field(kind=Integer(1), doc="Only low, low + step, …", default=1),
    ),
    "categorical": _section(
        "categorical",
        "One of a few values, without order.",
        choices=Field(kind=Choices(), doc="The values.", example="[relu, tanh]"),
    ),
    "ordinal": _section(
        "ordinal",
        "One of a few values, in order: neighbours are alike.",
        choices=Field(kind=Choices(), doc="The values.", example="[small, medium, large]"),
    ),
    "constant": _section(
        "constant",
        "Always the same value, on record.",
        value=Field(kind=SingleValue(), doc="The value.", example="10"),
    ),
}  #: keys of every type of parameter


def read_parameter(reader: Reader, path: Path, value: object) -> tuple[Parameter, Condition] | None:
    """A parameter and when it is there, or None after noting what is wrong."""
    if as_list(value) is not None:
        choices = Choices().read(reader, path, value)
        return None if choices is None else (Categorical(choices=choices), {})
    given = as_mapping(value)
    if given is None:
        constant = SingleValue().read(reader, path, value)
        return None if constant is None else (Constant(value=constant), {})
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in SECTIONS:
        at = path if kind is None else (*path, "type")
        what = "the type is missing" if kind is None else f"{shown(kind)} is no type"
        hint = f"write one of {', '.join(SECTIONS)}, for example {EXAMPLE}"
        reader.problem(at, what, hint)
        return None
    read = SECTIONS[kind].read(reader, path, given)
    if read is None or reader.is_noted_within(path):
        return None
    parameter = _parameter(reader, path, kind, read)
    return None if parameter is None else (parameter, read["when"])


def _parameter(reader: Reader, path: Path, kind: str, read: dict[str, Any]) -> Parameter | None:
    match kind:
        case "categorical":
            return Categorical(choices=read["choices"])
        case "ordinal":
            return Ordinal(choices=read["choices"])
        case "constant":
            return Constant(value=read["value"])
        case _:
            return _numeric(reader, path, kind, read)


def _numeric(reader: Reader, path: Path, kind: str, read: dict[str, Any]) -> Float | Int | None:
    low, high, log = read["low"], read["high"], read["log"]
    at = (*path, "low")
    if low > high:
        reader.problem(at, f"low {low} is above high {high}", "swap them")
    elif log and low <= 0:
        least = "1 or more" if kind == "int" else "a small number above 0, for example 1e-6"
        reader.problem(at, f"low {low} has no logarithm", f"write {least}, or log: false")
    elif not math.isfinite(high - low):
        reader.problem(at, f"from {low} to {high} is too far", "write a smaller range")
    else:
        _check_step(reader, (*path, "step"), kind, read)
        prior = _prior(reader, (*path, "prior"), read)
        if not reader.is_noted_within(path):
            parameter = Int if kind == "int" else Float
            return parameter(low=low, high=high, log=log, step=read["step"], prior=prior)
    return None


def _check_step(reader: Reader, path: Path, kind: str, read: dict[str, Any]) -> None:
    low, high, step = read["low"], read["high"], read["step"]
    if step is None:
        return
    if step <= 0:
        reader.problem(path, f"step {step} leads nowhere", "write for example 0.05, more than 0")
    elif low < high and step > high - low:
        what = f"step {step} is wider than the range from {low} to {high}"
        reader.problem(path, what, f"write less than {high - low}")
    elif kind == "float" and (high - low) / step > _MAX_STEPS:
        what = f"step {step} makes more than {_MAX_STEPS} values"
        reader.problem(path, what, "write a larger step, or none")


def _prior(reader: Reader, path: Path, read: dict[str, Any]) -> Prior | None:
    given, low, high = read["prior"], read["low"], read["high"]
    if given is None:
        return None
    if given["std"] <= 0:
        at = (*path, "std")
        reader.problem(at, f"std {given['std']} is no spread", "write for example 0.2, more than 0")
        return None
    if read["log"]:
        reader.problem(path, "log: true and a prior are two answers to one question", "keep one")
        return None
    if given["type"] == "lognormal" and low < 0:
        what = f"low {low} is below 0, where a lognormal prior has nothing"
        reader.problem((*path[:-1], "low"), what, "write 0 or more, or type: normal")
        return None
    if low < high and _spread_away(given, low, high) > _FARTHEST:
        of = " of the logarithm" if given["type"] == "lognormal" else ""
        what = f"the prior has next to nothing from {low} to {high}"
        hint = f"move mean{of} towards the range, or widen std"
        reader.problem(path, what, hint)
        return None
    made = Normal if given["type"] == "normal" else LogNormal
    return made(mean=given["mean"], std=given["std"])


def _spread_away(given: dict[str, Any], low: float, high: float) -> float:
    """How many standard deviations the mean is away from the range."""
    if isinstance(low, int):  # what is rounded comes from half beyond
        low, high = low - 0.5, high + 0.5
    if given["type"] == "lognormal":
        low, high = (math.log(end) if end > 0 else -math.inf for end in (low, high))
    mean = given["mean"]
    return abs(min(max(mean, low), high) - mean) / given["std"]
