"""What a sweep file says of whole configurations: constraints, and which ones to try first."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sweeps import spaces
from sweeps.spaces import (
    Configuration,
    Constraint,
    ConstraintFault,
    Parameter,
    Scalar,
    SearchSpace,
)
from sweeps.spaces.constraint_kinds import ValueKind, check, kind_of
from sweeps.spaces.constraints import MAX_LENGTH
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import SingleValue
from sweeps.sweep_files.reading import Reader, as_mapping, shown
from sweeps.sweep_files.space_section import as_value_of, described, unknown_parameter

_DRAWS = 3000  # without a single good one a space counts as empty
_LISTABLE = 10_000  # configurations that are looked through when draws find none


@dataclass(frozen=True, slots=True)
class ConstraintText:
    """A condition on several parameters."""

    def read(self, reader: Reader, path: Path, value: object) -> Constraint | None:
        """The constraint, as far as it can be checked without the space."""
        if not isinstance(value, str) or len(value) > MAX_LENGTH:
            what = shown(value) if not isinstance(value, str) else f"{len(value)} characters"
            hint = f"write for example 'hidden_2 <= hidden_1', at most {MAX_LENGTH} characters"
            reader.problem(path, f"{what} is no constraint", hint)
            return None
        constraint = Constraint(value.strip())
        try:
            _ = constraint.names
        except ConstraintFault as fault:
            reader.problem(path, fault.message, fault.hint)
            return None
        return constraint

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"type": "string", "pattern": r"\S", "maxLength": MAX_LENGTH}


@dataclass(frozen=True, slots=True)
class SomeValues:
    """Values of some parameters."""

    def read(self, reader: Reader, path: Path, value: object) -> dict[str, Scalar] | None:
        """Values by name; whether the space has them is checked later."""
        given = as_mapping(value)
        if given is None:
            hint = "write for example {lr: 0.01, hidden: 64}"
            reader.problem(path, f"{shown(value)} is no configuration", hint)
            return None
        read = {name: _single(reader, (*path, name), item) for name, item in given.items()}
        found = {name: item for name, item in read.items() if item is not None}
        return found if len(found) == len(read) else None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"type": "object", "additionalProperties": SingleValue().schema()}


def _single(reader: Reader, path: Path, item: object) -> Scalar | None:
    if isinstance(item, float) and math.isfinite(item):
        return item + 0  # beyond what a choice may be too: the parameter knows its range
    return SingleValue().read(reader, path, item)


def with_constraints(
    reader: Reader,
    constraints: Sequence[Constraint],
    space: SearchSpace | None,
    names: Sequence[str],
) -> SearchSpace | None:
    """`space` with its constraints, or None after noting what is wrong with them."""
    known: Mapping[str, Parameter] = {} if space is None else space.parameters
    kinds = {name: kind_of(known[name]) if name in known else ValueKind.UNKNOWN for name in names}
    is_good = True
    for index, constraint in enumerate(constraints):
        try:
            check(constraint, kinds)
        except ConstraintFault as fault:
            is_good = False
            reader.problem(("constraints", index), fault.message, fault.hint)
    if space is None or not is_good:
        return None
    whole = replace(space, constraints=tuple(constraints))
    for index in range(len(constraints)):  # name the first that leaves nothing
        some = replace(space, constraints=tuple(constraints[: index + 1]))
        if _is_empty(some):
            before = " together with those before it" if index else ""
            what = f"{constraints[index].text!r}{before} leaves no configuration"
            hint = "turn it around, or widen the ranges of its parameters"
            reader.problem(("constraints", index), what, hint)
            return None
    return whole


def _is_empty(space: SearchSpace) -> bool:
    if space.complete({}, np.random.default_rng(0), draws=_DRAWS) is not None:
        return False
    bound = space.bound()
    return bound is None or bound > _LISTABLE or next(space.configurations(), None) is None


def checked_configurations(
    reader: Reader, given: Sequence[Mapping[str, Scalar]], space: SearchSpace
) -> tuple[Configuration, ...]:
    """Configurations to try first with values as the space has them; notes what it has not."""
    checked: list[Configuration] = []
    seen: dict[object, int] = {}
    for index, values in enumerate(given):
        at = ("initial_configurations", index)
        taken = {
            name: value
            for name, item in values.items()
            if (value := _value(reader, (*at, name), space.parameters, name, item)) is not None
        }
        if len(taken) == len(values):
            _check_whole(reader, at, taken, space)
            first = seen.setdefault(spaces.key(taken), index)
            if first != index and space.contains(taken):
                what = f"it is the same as number {first + 1}"
                reader.problem(at, what, "keep one of them")
        checked.append(taken)
    return tuple(checked)


def _value(
    reader: Reader, at: Path, parameters: Mapping[str, Parameter], name: str, item: Scalar
) -> Scalar | None:
    if name not in parameters:
        unknown_parameter(reader, at, name, parameters)
        return None
    value = as_value_of(parameters[name], item)
    if not parameters[name].contains(value):
        what = f"{shown(item)} is no value of {name!r}"
        reader.problem(at, what, f"write {described(parameters[name])}")
        return None
    return value


def _check_whole(reader: Reader, at: Path, taken: Mapping[str, Scalar], space: SearchSpace) -> None:
    """Note values that cannot come together; each is good by itself."""
    for name in taken:
        for parent, values in space.conditions.get(name, {}).items():
            if parent in taken and not spaces.is_among(taken[parent], values):
                what = f"{name!r} is not there when {parent!r} is {shown(taken[parent])}"
                reader.problem((*at, name), what, f"remove it, or change {parent!r}")
                return
    broken = [constraint for constraint in space.constraints if _breaks(taken, constraint)]
    if broken:
        what = f"it breaks the constraint {broken[0].text!r}"
        reader.problem(at, what, "change its values, or the constraint")
    elif space.complete(taken, np.random.default_rng(0), draws=_DRAWS) is None:
        what = "no configuration with these values was found"
        reader.problem(at, what, "check them against the constraints and conditions")


def _breaks(taken: Mapping[str, Scalar], constraint: Constraint) -> bool:
    return not constraint.holds(taken)  # one that names what is left out holds
