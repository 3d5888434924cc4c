"""The space of a sweep file: parameters by name, and when each is there."""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any

from sweeps.spaces import Condition, Float, Int, Parameter, Scalar, SearchSpace
from sweeps.sweep_files.choices import NAME, Choices
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import SingleValue
from sweeps.sweep_files.parameter_sections import EXAMPLE, SECTIONS, read_parameter
from sweeps.sweep_files.reading import Reader, as_list, as_mapping, shown

_MAX_PARAMETERS = 200  # more than any model of an objective can make sense of


class Space:
    """Named parameters: a mapping, or, to keep their order in the database, a list."""

    def read(self, reader: Reader, path: Path, value: object) -> SearchSpace | None:
        """The space, or None after noting what is wrong with it."""
        entries = _entries(value)
        if not entries or len(entries) > _MAX_PARAMETERS:
            many = f"{len(entries)} parameters are too many" if entries else None
            hint = f"at most {_MAX_PARAMETERS} fit" if entries else f"add for example lr: {EXAMPLE}"
            reader.problem(path, many or f"{shown(value)} is no space", hint)
            return None
        parameters: dict[str, Parameter] = {}
        conditions: dict[str, Condition] = {}
        paths: dict[str, Path] = {}
        names: dict[str, str] = {}  # by environment variable
        for name, key, content in entries:
            at = (*path, key)
            paths.setdefault(name, at)
            other = names.setdefault(variable(name), name)
            if not re.fullmatch(NAME, name):
                hint = "start with a letter or _, go on with letters, digits, _ . and -, at most 64"
                reader.problem(at, f"{shown(name)} is no name of a parameter", hint)
            elif other != name or name in parameters:
                what = f"{other!r} and {name!r} are both SWEEPWORKS_PARAM_{variable(name)}"
                reader.problem(at, what, "rename one of them")
            read = read_parameter(reader, at, content)
            if read is not None:
                parameters[name] = read[0]
                if read[1]:
                    conditions[name] = read[1]
        checked = _Conditions(reader, paths, parameters).checked(conditions)
        complete = len(parameters) == len(entries) and checked is not None
        return SearchSpace(parameters=parameters, conditions=checked or {}) if complete else None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        long = [section.schema() for section in SECTIONS.values()]
        named = [_named(schema) for schema in long]
        short = [Choices().schema(), SingleValue().schema()]
        mapping = {
            "type": "object",
            "description": "Parameters by name. A list is a choice, a plain value a constant.",
            "minProperties": 1,
            "maxProperties": _MAX_PARAMETERS,
            "propertyNames": {"pattern": f"^{NAME}$"},
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


class _Conditions:
    """Checks what parameters say of each other."""

    def __init__(
        self, reader: Reader, paths: Mapping[str, Path], parameters: Mapping[str, Parameter]
    ) -> None:
        self._reader = reader
        self._paths = paths
        self._parameters = parameters

    def checked(self, conditions: Mapping[str, Condition]) -> dict[str, Condition] | None:
        """The conditions with values as the parents have them, or None."""
        checked: dict[str, dict[str, tuple[Scalar, ...]]] = {name: {} for name in conditions}
        is_good = True
        for name, condition in conditions.items():
            for parent, values in condition.items():
                at = (*self._paths[name], "when", parent)
                taken = self._taken(at, parent, values)
                if taken is None:
                    is_good = False
                else:
                    checked[name][parent] = taken
        return dict(checked) if self._has_order(conditions) and is_good else None

    def _taken(
        self, at: Path, parent: str, values: tuple[Scalar, ...]
    ) -> tuple[Scalar, ...] | None:
        if parent not in self._paths:
            unknown_parameter(self._reader, at, parent, self._paths)
            return None
        parameter = self._parameters.get(parent)
        if parameter is None:
            return None  # wrong itself, and noted
        if isinstance(parameter, Float):
            what = f"{parent!r} is a float, which hits no value exactly"
            hint = "let it depend on a categorical, an ordinal or an int"
            self._reader.problem(at, what, hint)
            return None
        taken = tuple(as_value_of(parameter, value) for value in values)
        for value in taken:
            if not parameter.contains(value):
                what = f"{shown(value)} is no value of {parent!r}"
                self._reader.problem(at, what, f"write {described(parameter)}")
                return None
        return taken

    def _has_order(self, conditions: Mapping[str, Condition]) -> bool:
        """Whether parents can be decided before children; notes a circle."""
        waiting = {name: {p for p in c if p in conditions} for name, c in conditions.items()}
        while ready := [name for name, parents in waiting.items() if not parents & set(waiting)]:
            for name in ready:
                del waiting[name]
        if waiting:
            first = next(iter(waiting))
            what = f"{', '.join(map(repr, waiting))} depend on each other in a circle"
            self._reader.problem(
                (*self._paths[first], "when"), what, "remove one of the conditions"
            )
        return not waiting


def as_value_of(parameter: Parameter, value: Scalar) -> Scalar:
    """`value` as `parameter` would have it: 1 where it is real, 1.0 where it is whole."""
    if isinstance(value, (bool, str)):
        return value
    if isinstance(parameter, Float):
        return float(value)
    return int(value) if isinstance(parameter, Int) and value == int(value) else value


def described(parameter: Parameter) -> str:
    """What values a parameter has, in a few words."""
    if isinstance(parameter, (Float, Int)):
        steps = f" in steps of {parameter.step}" if parameter.step not in {None, 1} else ""
        whole = "a whole number" if isinstance(parameter, Int) else "a number"
        return f"{whole} from {parameter.low} to {parameter.high}{steps}"
    values = parameter.values() or ()
    more = ", …" if len(values) > 10 else ""
    return f"one of {', '.join(shown(value) for value in values[:10])}{more}"


def unknown_parameter(reader: Reader, at: Path, name: str, known: Collection[str]) -> None:
    """Note a name that no parameter has."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join([*known][:20])}"
    reader.problem(at, f"{shown(name)} names no parameter", hint)


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
    name = {"type": "string", "pattern": f"^{NAME}$", "description": "Its name."}
    return {
        **schema,
        "properties": {"name": name, **schema["properties"]},
        "required": ["name", *schema["required"]],
    }
