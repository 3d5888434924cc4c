"""Strategies as they are named on the command line."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import click

from sweeps.errors import InvalidSweepFile
from sweeps.specs import StrategySpec, SweepSpec, as_document
from sweeps.sweep_files import parse_document
from sweeps.sweep_files.strategy_options import WITH_RUNGS
from sweeps.sweep_files.yaml_documents import read_yaml

FLOOR = "random"  #: what every strategy has to beat


def asked_strategies(
    spec: SweepSpec, asked: Sequence[str], levels: tuple[int, ...]
) -> dict[str, StrategySpec]:
    """Strategies by the name to show; the file's own and random search when none is asked for.

    Each is a name or a mapping in YAML; one with rungs goes from the lowest to the highest level
    of the curves unless it says otherwise.

    Raises:
        BadParameter: One of them is none.
    """
    if not asked:
        floor = _strategy(spec, FLOOR, levels)[1]
        if spec.strategy == floor:
            return {FLOOR: floor}
        return {f"{spec.strategy.name} (the file's)": spec.strategy, FLOOR: floor}
    strategies: dict[str, StrategySpec] = {}
    for text in asked:
        label, strategy = _strategy(spec, text, levels)
        strategies[text if label in strategies else label] = strategy
    return strategies


def _strategy(spec: SweepSpec, text: str, levels: tuple[int, ...]) -> tuple[str, StrategySpec]:
    try:
        value = read_yaml(text, source="--strategy").value or ""  # nothing is no strategy's name
        options = _options(value, levels)
        document = {**as_document(spec), "strategy": options}
        strategy = parse_document(document, source=f"--strategy {text}").strategy
    except InvalidSweepFile as exc:
        what = "; ".join(f"{p.path}: {p.message}, {p.hint}" for p in exc.problems)
        raise click.BadParameter(f"{text!r}: {what}", param_hint="'--strategy'") from exc
    return _label(value), strategy


def _options(value: object, levels: tuple[int, ...]) -> object:
    """`value` with the levels of the curves where it leaves them open."""
    given = {"name": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping):
        return given
    options = dict(cast("Mapping[str, Any]", given))
    scheduler = options.get("scheduler")
    own = dict(cast("Mapping[str, Any]", scheduler)) if isinstance(scheduler, Mapping) else {}
    names = (options.get("name"), own.get("name"), scheduler)
    if any(name in names for name in (*WITH_RUNGS, "bohb")):
        for key, level in {"min_resource": levels[0], "max_resource": levels[-1]}.items():
            if key not in own:
                options.setdefault(key, level)
    return options


def _label(value: object) -> str:
    """Name and options, short enough for a table."""
    if not isinstance(value, Mapping):
        return str(value)
    options = dict(cast("Mapping[str, Any]", value))
    words = [str(options.pop("name", ""))]
    for key, item in options.items():
        words.append(_label(item) if isinstance(item, (str, Mapping)) else f"{key}={item}")
    return " ".join(words)
