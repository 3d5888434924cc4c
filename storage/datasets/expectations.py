"""great-expectations, as far as we use it: a suite against a frame, without a project or telemetry."""

import importlib
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

from governance.data_contracts import Expectation, Suite
from storage.datasets.frames import Sample
from sweeps.datasets import CheckResult, InvalidDataset

#: Of a result, what says how it came about without repeating anybody's data.
_TOLD = ("element_count", "missing_count", "unexpected_count", "unexpected_percent")
_ROW_COUNTS = {"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"}
_LONGEST = 500


def check_suite(sample: Sample, suite: Suite) -> tuple[CheckResult, ...]:
    """What became of each expectation, in the order of the suite.

    Raises:
        InvalidDataset: The suite asks for what great-expectations does not know, or not like that.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries below it, which are not ours to mend
        raw = _validate(sample.frame, suite)
    of_rows = {"sampled_rows": len(sample.frame), "rows": sample.row_count}
    results: list[CheckResult] = []
    for expectation, found in zip(suite.expectations, raw, strict=True):
        has_passed, details = _outcome(expectation, found, sample)
        results.append(
            CheckResult(
                expectation=str(expectation),
                is_blocking=expectation.is_blocking,
                has_passed=has_passed,
                details={
                    **details,
                    "severity": str(expectation.severity),
                    **({} if sample.is_whole else of_rows),
                },
            )
        )
    return tuple(results)


def _outcome(
    expectation: Expectation, found: Mapping[str, Any], sample: Sample
) -> tuple[bool, dict[str, Any]]:
    if expectation.type in _ROW_COUNTS and not sample.is_whole:
        return _row_count(expectation, sample.row_count)
    details = {key: found["result"][key] for key in _TOLD if key in found["result"]}
    observed = found["result"].get("observed_value")
    if isinstance(observed, (int, float, bool)):
        details["observed_value"] = observed
    if found["error"]:
        details["error"] = str(found["error"])[:_LONGEST]
    return bool(found["success"]), {key: _plain(value) for key, value in details.items()}


def _row_count(expectation: Expectation, n_rows: int) -> tuple[bool, dict[str, Any]]:
    """Of all rows, where great-expectations has seen a part of them."""
    kwargs = expectation.kwargs
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if "value" in kwargs:
        low = high = kwargs["value"]
    has_passed = (low is None or n_rows >= low) and (high is None or n_rows <= high)
    return has_passed, {"observed_value": n_rows}


def _validate(frame: Any, suite: Suite) -> Sequence[Mapping[str, Any]]:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # noqa: TID251 - read when it is imported
    gx: Any = importlib.import_module("great_expectations")
    context = gx.get_context(mode="ephemeral")
    quiet = {"globally": False, "metric_calculations": False}
    context.variables.progress_bars = quiet
    asset = context.data_sources.add_pandas("data").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    asked = gx.ExpectationSuite(name=suite.name)
    context.suites.add(asked)
    # A suite of theirs keeps one of two that ask the same: what became of it became of both.
    kept: list[tuple[int, Any]] = []
    standing: list[int] = []  # for each expectation, the one that is looked at
    for index, expectation in enumerate(suite.expectations):
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


def _plain(value: Any) -> Any:
    """What JSON has: no numbers of NumPy, none that is none, and none without an end."""
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and not math.isfinite(number) else number
