"""A search space: parameters, when they are there, and what they must satisfy together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from sweeps.spaces.conditions import (
    Axis,
    Condition,
    combinations,
    count_combinations,
    holds,
    parents_first,
)
from sweeps.spaces.constraints import Constraint
from sweeps.spaces.parameters import Configuration, Parameter, Scalar, is_among

MOST_DRAWS = 10_000  #: that constraints may turn down in a row
_LISTABLE = 100_000  # configurations that constraints are tried on to count them, under a second


@dataclass(frozen=True, kw_only=True)  # no slots: what follows from the fields is found once
class SearchSpace:
    """Named parameters, in the order of the sweep file."""

    parameters: Mapping[str, Parameter]
    conditions: Mapping[str, Condition] = field(default_factory=dict[str, Condition])
    #: by parameter; one without is part of every configuration
    constraints: tuple[Constraint, ...] = ()

    def sample(self, rng: np.random.Generator) -> Configuration:
        """One configuration, drawn from the priors until the constraints hold.

        Raises:
            ValueError: They never did.
        """
        drawn = self.complete({}, rng)
        if drawn is None:
            raise ValueError(f"no configuration satisfied the constraints in {MOST_DRAWS} draws")
        return drawn

    def complete(
        self, partial: Configuration, rng: np.random.Generator, *, draws: int = MOST_DRAWS
    ) -> Configuration | None:
        """A configuration with all of `partial`, the rest drawn; None when no draw would do."""
        for _ in range(draws):
            fixed = self._with_parents(partial, rng)
            if fixed is None:
                return None
            drawn = self.from_units(rng.random(len(self.parameters)).tolist(), fixed=fixed)
            if self.allows(drawn) and all(name in drawn for name in partial):
                return drawn
        return None

    def from_units(
        self, units: Sequence[float], *, fixed: Mapping[str, Scalar] | None = None
    ) -> Configuration:
        """The configuration at a point of the unit cube, whether or not constraints hold.

        Args:
            units: One per parameter, in the order of `parameters`; those of absent ones are
                ignored.
            fixed: Values that are not taken from `units`.
        """
        drawn = dict(fixed or {})
        unit_by_name = dict(zip(self.parameters, units, strict=True))
        present: dict[str, Scalar] = {}
        for name in self._order:
            if self.is_active(name, present):
                parameter = self.parameters[name]
                present[name] = (
                    drawn[name] if name in drawn else parameter.from_unit(unit_by_name[name])
                )
        return self._in_order(present)

    def is_active(self, name: str, configuration: Configuration) -> bool:
        """Whether `configuration`, of which the parents suffice, has the parameter `name`."""
        condition = self.conditions.get(name)
        return condition is None or holds(condition, configuration)

    def allows(self, configuration: Configuration) -> bool:
        """Whether the constraints hold."""
        return all(constraint.holds(configuration) for constraint in self.constraints)

    def contains(self, configuration: Configuration) -> bool:
        """Whether `configuration` is one of the space's."""
        expected = {name for name in self.parameters if self.is_active(name, configuration)}
        return (
            set(configuration) == expected
            and all(self.parameters[name].contains(v) for name, v in configuration.items())
            and self.allows(configuration)
        )

    def size(self) -> int | None:
        """How many configurations there are, or None when they cannot be counted."""
        return self._size

    def bound(self) -> int | None:
        """How many there would be without constraints, or None when there is no end of them."""
        return self.count({name: p.count() for name, p in self.parameters.items()})

    def configurations(self) -> Iterator[Configuration]:
        """Every configuration of a finite space once; the last parameter changes fastest."""
        return self.combinations({name: p.values() or () for name, p in self.parameters.items()})

    def combinations(self, axes: Mapping[str, Sequence[Scalar]]) -> Iterator[Configuration]:
        """Every distinct configuration with values of `axes`, those of the space's or fewer."""
        for combination in combinations(self._order, self.conditions, axes):
            configuration = self._in_order(combination)
            if self.allows(configuration):
                yield configuration

    def count(
        self,
        counts: Mapping[str, int | None],
        axes: Mapping[str, Sequence[Scalar]] | None = None,
    ) -> int | None:
        """How many configurations there are, constraints apart, with so many values each.

        Args:
            counts: Number of values by parameter; None: endlessly many.
            axes: The values, of parents at least; the space's own when left out.
        """
        named: dict[str, dict[tuple[str, Scalar], Scalar]] = {}
        for condition in self.conditions.values():
            for parent, values in condition.items():
                named.setdefault(parent, {}).update({(type(v).__name__, v): v for v in values})
        return count_combinations(
            self._order,
            self.conditions,
            {
                name: Axis(
                    count,
                    tuple(
                        value
                        for value in named.get(name, {}).values()
                        if (
                            self.parameters[name].contains(value)
                            if axes is None
                            else is_among(value, tuple(axes[name]))
                        )
                    ),
                )
                for name, count in counts.items()
            },
        )

    @cached_property
    def _order(self) -> tuple[str, ...]:
        return parents_first(tuple(self.parameters), self.conditions)

    @cached_property
    def _size(self) -> int | None:
        bound = self.bound()
        if not self.constraints or bound is None:
            return bound
        return sum(1 for _ in self.configurations()) if bound <= _LISTABLE else None

    def _with_parents(
        self, partial: Configuration, rng: np.random.Generator
    ) -> Configuration | None:
        """`partial` with parents that let its parameters be there; None when none do."""
        if not self.conditions or not partial:
            return partial
        fixed = dict(partial)
        for child in reversed(self._order):  # children first: all that want a parent have spoken
            for parent in self.conditions.get(child, {}) if child in fixed else ():
                if parent in fixed:
                    continue
                allowed = self._allowed_by(parent, fixed)
                if not allowed:
                    return None
                fixed[parent] = allowed[int(rng.integers(len(allowed)))]
        return fixed

    def _allowed_by(self, parent: str, children: Configuration) -> list[Scalar]:
        """Values of `parent` under which all of `children` are there."""
        wanted = [
            self.conditions[name][parent]
            for name in children
            if parent in self.conditions.get(name, {})
        ]
        return [value for value in wanted[0] if all(is_among(value, w) for w in wanted)]

    def _in_order(self, chosen: Mapping[str, Scalar]) -> Configuration:
        return {name: chosen[name] for name in self.parameters if name in chosen}
