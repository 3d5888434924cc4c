"""How runs went by what they tried, read in one statement: sums of a million runs are made once."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import psycopg

from governance.cost.entries import Outcome, outcome
from governance.reports.tried import (
    ConfigurationOutcomes,
    PairOutcomes,
    ParameterOutcomes,
    ValueOutcomes,
)
from storage import queries
from sweeps.objectives import Direction
from sweeps.states import ExitReason

_QUERIES = queries.load("report_parameters")
_LIMITS: Mapping[str, object] = {
    "few": 12,  # values of a parameter that each stand for themselves
    "sample": 200,  # runs of an experiment from which it is seen how many there are
    "fewest": 5,  # runs or attempts, before a value or a configuration says anything
    "fewest_finished": 3,  # runs of a configuration, before their median says anything
    "most": 500,  # of each kind, by each reason to tell it
    "most_pairs": 2_000_000,  # pairs of runs' values that are looked at
}
_REASONS = {reason: outcome(reason, final=None) for reason in ExitReason}
_FAILED = [str(reason) for reason, became in _REASONS.items() if became is Outcome.FAILED]
_TAKEN = [
    str(reason)
    for reason, became in _REASONS.items()
    if became in {Outcome.EVICTED, Outcome.CANCELLED}
]
_BIN = re.compile(r"(-?)([125])e(-?\d+)")
Connection = psycopg.Connection[tuple[Any, ...]]


def read_parameter_outcomes(
    connection: Connection, parameters: Mapping[str, object]
) -> ParameterOutcomes:
    """Of runs that ended in a period.

    Args:
        parameters: Of the statement: scope, start and end.
    """
    found: dict[str, list[Any]] = {"value": [], "pair": [], "configuration": []}
    reasons = {"failed": _FAILED, "taken": _TAKEN}
    rows = connection.execute(_QUERIES["parameter_outcomes"], {**parameters, **_LIMITS, **reasons})
    makers = {"value": _value, "pair": _pair, "configuration": _configuration}
    for kind, tenant, experiment, document in rows:
        found[kind].append(makers[kind](document, tenant=tenant, experiment=experiment))
    return ParameterOutcomes(
        values=found["value"], pairs=found["pair"], configurations=found["configuration"]
    )


def _value(document: dict[str, Any], **whose: str) -> ValueOutcomes:
    value, amount = shown_bin(document.pop("value")), Decimal(document.pop("amount_usd"))
    return ValueOutcomes(value=value, amount_usd=amount, **whose, **document)


def _pair(document: dict[str, Any], **whose: str) -> PairOutcomes:
    value, other = (shown_bin(document.pop(key)) for key in ("value", "other_value"))
    return PairOutcomes(value=value, other_value=other, **whose, **document)


def _configuration(document: dict[str, Any], **whose: str) -> ConfigurationOutcomes:
    names, values = document.pop("names"), map(shown_bin, document.pop("values"))
    amount, direction = document.pop("amount_usd"), document.pop("direction")
    return ConfigurationOutcomes(
        parameters=tuple(sorted(zip(names, values, strict=True))),
        amount_usd=None if amount is None else Decimal(amount),
        direction=None if direction is None else Direction(direction),
        **whose,
        **document,
    )


def shown_bin(text: str) -> str:
    """What ``param_bin`` gave, for people: ``"relu"`` as relu, ``2e-3`` as 0.002 to 0.005."""
    if found := _BIN.fullmatch(text):
        sign, third, decade = found.groups()
        low = Decimal(third).scaleb(int(decade))
        high = Decimal({"1": 2, "2": 5, "5": 10}[third]).scaleb(int(decade))
        ends = (-high, -low) if sign else (low, high)
        return " to ".join(f"{float(end):g}" for end in ends)
    if text.startswith('"'):
        try:
            return str(json.loads(text))
        except ValueError:
            return text  # it was too long, and was cut off
    return text
