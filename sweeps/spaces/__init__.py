"""Search spaces: the set of admissible configurations, and how to draw from it."""

from sweeps.spaces.conditions import Condition
from sweeps.spaces.constraints import Constraint, ConstraintFault
from sweeps.spaces.parameters import (
    Categorical,
    Configuration,
    Constant,
    Float,
    Int,
    Ordinal,
    Parameter,
    Scalar,
    is_among,
    key,
)
from sweeps.spaces.priors import LogNormal, Normal, Prior
from sweeps.spaces.search_space import SearchSpace

__all__ = [
    "Categorical",
    "Condition",
    "Configuration",
    "Constant",
    "Constraint",
    "ConstraintFault",
    "Float",
    "Int",
    "LogNormal",
    "Normal",
    "Ordinal",
    "Parameter",
    "Prior",
    "Scalar",
    "SearchSpace",
    "is_among",
    "key",
]
