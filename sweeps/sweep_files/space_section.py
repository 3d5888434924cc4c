"""The space of a sweep file: parameters in long form, and the short forms people write."""

import re
from collections.abc import Mapping
from typing import Any

from sweeps.spaces import Categorical, Constant, Float, Int, Parameter, Scalar, SearchSpace
from sweeps.sweep_files.kinds import is_finite_number
from sweeps.sweep_files.reading import Reader, as_list, as_mapping, shown
from sweeps.sweep_files.yaml_documents import Path

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_LATER = {"when", "prior", "quantise", "quantize", "q", "step"}
_KEYS = {
    "float": ("low", "high", "log"),
    "int": ("low", "high", "log"),
    "categorical": ("choices",),
    "constant": ("value",),
}
_EXAMPLES = {
    "float": "{type: float, low: 0.0001, high: 0.1, log: true}",
    "int": "{type: int, low: 16, high: 256}",
    "categorical": "{type: categorical, choices: [relu, tanh]}",
    "constant": "{type: constant, value: 10}",
}
_SCALAR = (str, int, float, bool)


def read_space(reader: Reader, path: Path, value: object) -> SearchSpace | None:
    """The space, or None after noting what is wrong with it."""
    given = as_mapping(value)
    if not given:
        reader.problem(
            path, f"{shown(value)} is no space", f"add for example lr: {_EXAMPLES['float']}"
        )
        return None
    parameters: dict[str, Parameter] = {}
    variables: dict[str, str] = {}
    for name, content in given.items():
        at = (*path, name)
        if not _NAME.fullmatch(name):
            reader.problem(
                at, f"{shown(name)} is no name", "use letters, digits, _ . and -, at most 64"
            )
            continue
        variable = re.sub(r"[^A-Z0-9]", "_", name.upper())
        if variable in variables:
            reader.problem(
                at,
                f"{name!r} and {variables[variable]!r} are both SWEEPWORKS_PARAM_{variable}",
                "rename one of them",
            )
            continue
        variables[variable] = name
        parameter = _read_parameter(reader, at, content)
        if parameter is not None:
            parameters[name] = parameter
    return SearchSpace(parameters=parameters) if len(parameters) == len(given) else None


def _read_parameter(reader: Reader, path: Path, value: object) -> Parameter | None:
    if as_list(value) is not None:
        return _categorical(reader, path, value)
    if isinstance(value, _SCALAR):
        return _constant(reader, path, value)
    given = as_mapping(value)
    if given is None:
        reader.problem(path, f"{shown(value)} is no parameter", f"write {_EXAMPLES['float']}")
        return None
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in _KEYS:
        what = "the type is missing" if kind is None else f"{shown(kind)} is no type"
        at = path if kind is None else (*path, "type")
        reader.problem(
            at, what, f"write one of {', '.join(_KEYS)}, for example {_EXAMPLES['float']}"
        )
        return None
    keys = ("type", *_KEYS[kind])
    for key in given:
        if key in _LATER:
            reader.unsupported_key((*path, key))
        elif key not in keys:
            reader.unknown_key((*path, key), keys)
    missing = [key for key in _KEYS[kind] if key != "log" and key not in given]
    for key in missing:
        reader.problem((*path, key), f"{key!r} is missing", f"write for example {_EXAMPLES[kind]}")
    if missing:
        return None
    match kind:
        case "categorical":
            return _categorical(reader, (*path, "choices"), given["choices"])
        case "constant":
            return _constant(reader, (*path, "value"), given["value"])
        case _:
            return _range(reader, path, given, whole=kind == "int")


def _range(
    reader: Reader, path: Path, given: Mapping[str, object], *, whole: bool
) -> Float | Int | None:
    ends: dict[str, float] = {}
    for key in ("low", "high"):
        value = given[key]
        if not is_finite_number(value):
            reader.problem(
                (*path, key),
                f"{shown(value)} is no number",
                f"write a number such as {1 if whole else 0.001}",
            )
            continue
        assert isinstance(value, (int, float))
        if whole and (value != int(value) or abs(value) > 2**53):
            reader.problem(
                (*path, key), f"{value} is no whole number", "write one, or use type: float"
            )
            continue
        ends[key] = value
    log = given.get("log", False)
    if not isinstance(log, bool):
        reader.problem(
            (*path, "log"), f"{shown(log)} is neither true nor false", "write true or false"
        )
        return None
    if len(ends) < 2:
        return None
    low, high = ends["low"], ends["high"]
    if low > high:
        reader.problem((*path, "low"), f"low {low} is above high {high}", "swap them")
        return None
    if log and low <= 0:
        smallest = 1 if whole else 1e-6
        reader.problem(
            (*path, "low"),
            f"low {low} has no logarithm",
            f"write {smallest} or more, or log: false",
        )
        return None
    if whole:
        return Int(low=int(low), high=int(high), log=log)
    return Float(low=float(low), high=float(high), log=log)


def _categorical(reader: Reader, path: Path, value: object) -> Categorical | None:
    given = as_list(value)
    if not given:
        reader.problem(path, f"{shown(value)} are no choices", "write for example [relu, tanh]")
        return None
    choices: list[Scalar] = []
    seen: set[tuple[str, Scalar]] = set()
    good = True
    for index, choice in enumerate(given):
        at = (*path, index)
        if not isinstance(choice, _SCALAR) or (
            isinstance(choice, float) and not is_finite_number(choice)
        ):
            reader.problem(
                at, f"{shown(choice)} is no choice", "write words, numbers, true or false"
            )
            good = False
        elif (type(choice).__name__, choice) in seen:
            reader.problem(at, f"{shown(choice)} appears twice", "keep one of them")
            good = False
        else:
            seen.add((type(choice).__name__, choice))
            choices.append(choice)
    return Categorical(choices=tuple(choices)) if good else None


def _constant(reader: Reader, path: Path, value: object) -> Constant | None:
    if not isinstance(value, _SCALAR) or (isinstance(value, float) and not is_finite_number(value)):
        reader.problem(
            path, f"{shown(value)} is no constant", "write a word, a number, true or false"
        )
        return None
    return Constant(value=value)


def space_schema() -> dict[str, Any]:
    """JSON Schema of the whole section."""
    scalar = {"type": ["string", "number", "boolean"]}

    def ranged(kind: str, number: str) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {
                "type": {"const": kind},
                "low": {"type": number, "description": "Least value, included."},
                "high": {"type": number, "description": "Greatest value, included."},
                "log": {
                    "type": "boolean",
                    "default": False,
                    "description": "Search the logarithm.",
                },
            },
            "required": ["type", "low", "high"],
            "additionalProperties": False,
        }

    def valued(kind: str, key: str, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {"type": {"const": kind}, key: schema},
            "required": ["type", key],
            "additionalProperties": False,
        }

    choices = {"type": "array", "minItems": 1, "items": scalar}
    return {
        "type": "object",
        "description": "What to vary. A list is a choice, a plain value a constant.",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{_NAME.pattern}$"},
        "additionalProperties": {
            "anyOf": [
                ranged("float", "number"),
                ranged("int", "integer"),
                valued("categorical", "choices", choices),
                valued("constant", "value", scalar),
                choices,
                scalar,
            ]
        },
    }
