"""The space of a sweep file: parameters in long form, and the short forms people write."""

import math
import re
from dataclasses import dataclass
from typing import Any

from sweeps.spaces import Categorical, Constant, Float, Int, Parameter, Scalar, SearchSpace
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import Boolean, Number, OneOf, SingleValue
from sweeps.sweep_files.reading import Reader, as_list, as_mapping, shown
from sweeps.sweep_files.sections import Field, Section

_NAME = "[A-Za-z_][A-Za-z0-9_.-]{0,63}"
_MAX_PARAMETERS = 200  # more than any model of an objective can make sense of
_LATER = ("when", "prior", "quantise", "quantize", "q", "step")
_EXAMPLE = "{type: float, low: 1e-4, high: 0.1, log: true}"


@dataclass(frozen=True, slots=True)
class Choices:
    """A list of different values."""

    def read(self, reader: Reader, path: Path, value: object) -> tuple[Scalar, ...] | None:
        """The values in their order. `1`, `1.0`, `true` and `"1"` are four different ones."""
        given = as_list(value)
        if not given:
            message = f"{shown(value)} is no list of choices"
            reader.problem(path, message, "write for example [relu, tanh]")
            return None
        choices: dict[tuple[str, Scalar], Scalar] = {}
        for index, item in enumerate(given):
            choice = SingleValue().read(reader, (*path, index), item)
            if choice is None:
                continue
            if (type(choice).__name__, choice) in choices:
                message = f"{shown(choice)} appears twice"
                reader.problem((*path, index), message, "keep one of them")
            choices[type(choice).__name__, choice] = choice
        return tuple(choices.values()) if len(choices) == len(given) else None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        items = SingleValue().schema()
        return {"type": "array", "minItems": 1, "items": items, "examples": [["relu", "tanh"]]}


def _section(kind: str, doc: str, **fields: Field) -> Section:
    word = Field(kind=OneOf((kind,)), doc=doc)
    return Section(doc=doc, fields={"type": word, **fields}, later=_LATER)


def _range(kind: str, doc: str, end: Number) -> Section:
    return _section(
        kind,
        doc,
        low=Field(kind=end, doc="Least value, included.", example=str(end.example)),
        high=Field(kind=end, doc="Greatest value, included.", example=str(end.example)),
        log=Field(kind=Boolean(), doc="Search the logarithm evenly.", default=False),
    )


_SECTIONS = {
    "float": _range("float", "A real number.", Number(is_whole=False, example=0.1)),
    "int": _range("int", "A whole number.", Number(is_whole=True, example=64)),
    "categorical": _section(
        "categorical",
        "One of a few values, without order.",
        choices=Field(kind=Choices(), doc="The values.", example="[relu, tanh]"),
    ),
    "constant": _section(
        "constant",
        "Always the same value, on record.",
        value=Field(kind=SingleValue(), doc="The value.", example="10"),
    ),
}


class Space:
    """Named parameters: a mapping, or, to keep their order in the database, a list."""

    def read(self, reader: Reader, path: Path, value: object) -> SearchSpace | None:
        """The space, or None after noting what is wrong with it."""
        entries = _entries(value)
        if not entries or len(entries) > _MAX_PARAMETERS:
            many = f"{len(entries)} parameters are too many" if entries else None
            hint = (
                f"at most {_MAX_PARAMETERS} fit" if entries else f"add for example lr: {_EXAMPLE}"
            )
            reader.problem(path, many or f"{shown(value)} is no space", hint)
            return None
        parameters: dict[str, Parameter] = {}
        names: dict[str, str] = {}  # by environment variable
        for name, key, content in entries:
            at = (*path, key)
            other = names.setdefault(variable(name), name)
            if not re.fullmatch(_NAME, name):
                hint = "start with a letter or _, go on with letters, digits, _ . and -, at most 64"
                reader.problem(at, f"{shown(name)} is no name of a parameter", hint)
            elif other != name or name in parameters:
                what = f"{other!r} and {name!r} are both SWEEPWORKS_PARAM_{variable(name)}"
                reader.problem(at, what, "rename one of them")
            parameter = _read_parameter(reader, at, content)
            if parameter is not None:
                parameters[name] = parameter
        return SearchSpace(parameters=parameters) if len(parameters) == len(entries) else None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        long = [section.schema() for section in _SECTIONS.values()]
        named = [_named(schema) for schema in long]
        short = [Choices().schema(), SingleValue().schema()]
        mapping = {
            "type": "object",
            "description": "Parameters by name. A list is a choice, a plain value a constant.",
            "minProperties": 1,
            "maxProperties": _MAX_PARAMETERS,
            "propertyNames": {"pattern": f"^{_NAME}$"},
            "additionalProperties": {"anyOf": [*long, *short]},
        }
        stored = {
            "type": "array",
            "description": "The same as a list, as it is stored.",
            "minItems": 1,
            "maxItems": _MAX_PARAMETERS,
            "items": {"anyOf": named},
        }
        return {"anyOf": [mapping, stored]}


def parameter_names(value: object) -> list[str]:
    """Names in the space as it was written, whether or not the parameters are good."""
    return [name for name, _, _ in _entries(value)]


def variable(name: str) -> str:
    """What follows ``SWEEPWORKS_PARAM_`` in the variable of a parameter."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def _entries(value: object) -> list[tuple[str, str | int, object]]:
    """Name, key in the document, and content of every parameter."""
    listed = as_list(value)
    if listed is None:
        return [(name, name, content) for name, content in (as_mapping(value) or {}).items()]
    entries: list[tuple[str, str | int, object]] = []
    for index, item in enumerate(listed):
        content = as_mapping(item) or {}
        name = content.pop("name", None)
        entries.append((name if isinstance(name, str) else "", index, content))
    return entries


def _named(schema: dict[str, Any]) -> dict[str, Any]:
    name = {"type": "string", "pattern": f"^{_NAME}$", "description": "Its name."}
    return {
        **schema,
        "properties": {"name": name, **schema["properties"]},
        "required": ["name", *schema["required"]],
    }


def _read_parameter(reader: Reader, path: Path, value: object) -> Parameter | None:
    if as_list(value) is not None:
        choices = Choices().read(reader, path, value)
        return None if choices is None else Categorical(choices=choices)
    given = as_mapping(value)
    if given is None:
        constant = SingleValue().read(reader, path, value)
        return None if constant is None else Constant(value=constant)
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in _SECTIONS:
        at = path if kind is None else (*path, "type")
        what = "the type is missing" if kind is None else f"{shown(kind)} is no type"
        hint = f"write one of {', '.join(_SECTIONS)}, for example {_EXAMPLE}"
        reader.problem(at, what, hint)
        return None
    read = _SECTIONS[kind].read(reader, path, given)
    if read is None or any(item is None for item in read.values()):
        return None
    match kind:
        case "categorical":
            return Categorical(choices=read["choices"])
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
        return (Int if kind == "int" else Float)(low=low, high=high, log=log)
    return None
