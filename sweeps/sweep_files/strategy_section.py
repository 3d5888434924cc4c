"""The strategy of a sweep file: its name, or a mapping with its options."""

from typing import Any

from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import Integer, OneOf
from sweeps.sweep_files.reading import Reader
from sweeps.sweep_files.sections import Field, Section

STRATEGY = Section(
    doc="How to search.",
    fields={
        "name": Field(
            kind=OneOf(
                ("bayes", "random", "grid"),
                ("asha", "hyperband", "bohb", "median_stopping", "sobol", "lhs", "optuna"),
            ),
            doc="bayes models the objective, random draws, grid tries every combination.",
        ),
        "initial_points": Field(
            kind=Integer(1, 10_000),
            doc="bayes: random configurations before the model is trusted.",
            default=8,
        ),
        "points_per_parameter": Field(
            kind=Integer(1, 1000),
            doc="grid: values of a float, or of a wide range of integers.",
            default=5,
        ),
    },
    later=("searcher", "scheduler", "reduction_factor", "min_resource", "max_resource", "variant"),
)


class Strategy:
    """A strategy, or only its name."""

    def read(self, reader: Reader, path: Path, value: object) -> dict[str, Any] | None:
        """Name and options."""
        return STRATEGY.read(reader, path, {"name": value} if isinstance(value, str) else value)

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"anyOf": [STRATEGY.fields["name"].kind.schema(), STRATEGY.schema()]}
