"""great-expectations, as far as we use it: a frame against what is expected, without a project or telemetry."""

import importlib
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from governance.datasets.contracts import Expectation
from governance.datasets.exactness import Outcome
from sweeps.datasets import InvalidDataset

#: Of a result, what says how it came about without repeating anybody's data.
_TOLD = ("element_count", "missing_count", "unexpected_count", "unexpected_percent")
_LONGEST = 500


def validate(frame: Any, name: str, expectations: Sequence[Expectation]) -> list[Outcome]:
    """What became of each expectation of a frame, in their order.

    Raises:
        InvalidDataset: One that great-expectations does not know, or not like that.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries below it, which are not ours to mend
        return [_outcome(found) for found in _validate(frame, name, expectations)]


def _outcome(found: Mapping[str, Any]) -> Outcome:
    details = {key: found["result"][key] for key in _TOLD if key in found["result"]}
    observed = _number(found["result"].get("observed_value"))
    if isinstance(observed, (int, float)):
        details["observed_value"] = observed
    if found["error"]:
        details["error"] = str(found["error"])[:_LONGEST]
    return Outcome(
        has_passed=bool(found["success"]),
        details={key: _plain(value) for key, value in details.items()},
    )


def _validate(
    frame: Any, name: str, expectations: Sequence[Expectation]
) -> Sequence[Mapping[str, Any]]:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # noqa: TID251 - read when it is imported
    gx: Any = importlib.import_module("great_expectations")
    context = gx.get_context(mode="ephemeral")
    quiet = {"globally": False, "metric_calculations": False}
    context.variables.progress_bars = quiet
    asset = context.data_sources.add_pandas("data").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    asked = gx.ExpectationSuite(name=name)
    context.suites.add(asked)
    # A suite of theirs keeps one of two that ask the same: what became of it became of both.
    kept: list[tuple[int, Any]] = []
    standing: list[int] = []  # for each expectation, the one that is looked at
    for index, expectation in enumerate(expectations):
        made = _made(expectation, index)
        asks = (expectation.type, made.dict(exclude={"id", "rendered_content", "notes", "meta"}))
        same = next((one for one, asked_before in kept if asked_before == asks), index)
        if same == index:
            kept.append((index, asks))
            asked.add_expectation(made)
        standing.append(same)
    found: dict[int, Mapping[str, Any]] = {}
    for result in batch.validate(asked).results:
        raised: dict[str, Any] = result.exception_info or {}
        found[result.expectation_config.meta["sweepworks"]] = {
            "success": result.success,
            "result": result.result or {},
            "error": raised.get("exception_message") or _first_error(raised),
        }
    return [found[index] for index in standing]


def _made(expectation: Expectation, index: int) -> Any:
    registry: Any = importlib.import_module("great_expectations.expectations.registry")
    try:
        made = registry.get_expectation_impl(expectation.type)
        return made(**expectation.kwargs, meta={"sweepworks": index})
    except Exception as exc:  # whatever the library, or the checks of its arguments, raise
        said = " ".join(str(exc).split())[:_LONGEST]
        raise InvalidDataset(f"{expectation} is nothing that can be expected: {said}") from exc


def _first_error(raised: Mapping[str, Any]) -> str | None:
    """Of errors that come by metric, not as one."""
    nested = [cast("Mapping[str, Any]", one) for one in raised.values() if isinstance(one, dict)]
    return next(
        (str(one.get("exception_message")) for one in nested if one.get("raised_exception")), None
    )


def _number(value: Any) -> Any:
    """Of NumPy, or whatever it is."""
    if not isinstance(value, np.generic):
        return value
    scalar: Any = cast("Any", value).item()
    return scalar


def _plain(value: Any) -> Any:
    """What JSON has: no numbers of NumPy, none that is none, and none without an end."""
    number = _number(value)
    return None if isinstance(number, float) and not math.isfinite(number) else number
