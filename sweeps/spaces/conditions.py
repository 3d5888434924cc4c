"""Conditional parameters: in which order they are decided, and how many combinations there are.

A parameter with a condition is part of a configuration only when its parents have certain values.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sweeps.spaces.parameters import Scalar, is_among

Condition = Mapping[str, tuple[Scalar, ...]]  #: values that each parent may have; all must hold


def holds(condition: Condition, chosen: Mapping[str, Scalar]) -> bool:
    """Whether every parent is there with a value that it may have."""
    return all(
        parent in chosen and is_among(chosen[parent], values)
        for parent, values in condition.items()
    )


def parents_first(names: Sequence[str], conditions: Mapping[str, Condition]) -> tuple[str, ...]:
    """`names` with parents before children, otherwise in their order.

    Raises:
        ValueError: Some depend on each other in a circle.
    """
    order: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        ready = next(
            (n for n in waiting if all(parent in order for parent in conditions.get(n, ()))), None
        )
        if ready is None:
            raise ValueError(f"conditions in a circle, or of unknown parents: {waiting}")
        order[ready] = None
        waiting.remove(ready)
    return tuple(order)


def combinations(
    order: Sequence[str],
    conditions: Mapping[str, Condition],
    axes: Mapping[str, Sequence[Scalar]],
) -> Iterator[dict[str, Scalar]]:
    """Every distinct combination of `axes` once; the last name of `order` changes fastest."""
    if not conditions:  # the usual case, much faster
        values = itertools.product(*(axes[name] for name in order))
        return (dict(zip(order, row, strict=True)) for row in values)
    chosen: dict[str, Scalar] = {}

    def walk(position: int) -> Iterator[dict[str, Scalar]]:
        if position == len(order):
            yield dict(chosen)
            return
        name = order[position]
        if not holds(conditions.get(name, {}), chosen):
            yield from walk(position + 1)
            return
        for value in axes[name]:
            chosen[name] = value
            yield from walk(position + 1)
        chosen.pop(name, None)

    return walk(0)


@dataclass(frozen=True, slots=True)
class Axis:
    """The values of one parameter as far as counting needs them."""

    count: int | None  #: None: endlessly many
    taken: tuple[Scalar, ...]  #: those of them that conditions name, each once


def count_combinations(
    order: Sequence[str], conditions: Mapping[str, Condition], axes: Mapping[str, Axis]
) -> int | None:
    """How many distinct combinations there are, without listing them; None: endlessly many.

    Parameters that do not depend on each other are multiplied. Among those that do, the first
    parent is set to each value that a condition names, and once to all others together.
    """
    total = 1
    for group in _independent(order, conditions):
        first = next((n for n in group if any(n in conditions.get(m, ()) for m in group)), None)
        count = axes[group[0]].count if first is None else _branch(first, group, conditions, axes)
        if count is None:
            return None
        total *= count
    return total


def _branch(
    parent: str,
    group: Sequence[str],
    conditions: Mapping[str, Condition],
    axes: Mapping[str, Axis],
) -> int | None:
    axis = axes[parent]
    if axis.count is None:
        return None
    branches: list[tuple[tuple[Scalar, ...], int]] = [((value,), 1) for value in axis.taken]
    branches.append(((), axis.count - len(axis.taken)))
    total = 0
    for value, times in branches:
        if not times:
            continue
        left = _decided(parent, value, group, conditions)
        rest = count_combinations(tuple(n for n in group if n in left), left, axes)
        if rest is None:
            return None
        total += times * rest
    return total


def _decided(
    parent: str,
    value: tuple[Scalar, ...],
    group: Sequence[str],
    conditions: Mapping[str, Condition],
) -> dict[str, Condition]:
    """What is left of the conditions of a group once `parent` is decided, without what is out.

    `group` has parents first; an empty `value` is any that no condition names.
    """
    left: dict[str, Condition] = {}
    for name in group:
        condition = conditions.get(name, {})
        if name == parent:
            continue
        if parent in condition and not (value and is_among(value[0], condition[parent])):
            continue
        others = {other: values for other, values in condition.items() if other != parent}
        if all(other in left for other in others):
            left[name] = others
    return left


def _independent(
    names: Sequence[str], conditions: Mapping[str, Condition]
) -> list[tuple[str, ...]]:
    """Groups of names that conditions tie together, each in the order of `names`."""
    group_of = {name: [name] for name in names}
    for name in names:
        for parent in conditions.get(name, ()):
            mine, other = group_of[name], group_of[parent]
            if mine is not other:
                mine += other
                for member in other:
                    group_of[member] = mine
    groups = {id(group): frozenset(group) for group in group_of.values()}
    return [tuple(n for n in names if n in group) for group in groups.values()]
