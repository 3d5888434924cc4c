"""A suite against a version: what is expected, and whether it is so of all rows."""

from collections.abc import Callable, Iterator
from typing import Any

from governance.datasets.contracts import Expectation, Suite
from governance.datasets.exactness import Outcome, Scope, Tally, of_profile, of_row_count, scope_of
from storage.datasets.frames import Sample
from storage.datasets.great_expectations import validate
from sweeps.data_profiles import Profile
from sweeps.datasets import CheckResult


def check_suite(
    sample: Sample,
    suite: Suite,
    *,
    profile: Profile,
    all_rows: Callable[[], Iterator[Any]],
) -> tuple[CheckResult, ...]:
    """What became of each expectation, in the order of the suite.

    Where the sample is not all there is, what is expected of each row is looked at in `all_rows`,
    and figures of all rows are the profile's. What can only be judged on the sample says so, and
    has not passed if it blocks.

    Args:
        all_rows: Begins to read them, a frame after another.

    Raises:
        InvalidDataset: The suite asks for what great-expectations does not know, or not like that.
    """
    outcomes = validate(sample.frame, suite.name, suite.expectations)
    if not sample.is_whole:
        of_rows = [one for one in suite.expectations if scope_of(one) is Scope.ROWS]
        merged = iter(_of_all_rows(suite.name, of_rows, all_rows))
        outcomes = [
            next(merged)
            if scope_of(expectation) is Scope.ROWS
            else _of_all(expectation, outcome, sample, profile)
            for expectation, outcome in zip(suite.expectations, outcomes, strict=True)
        ]
    return tuple(
        CheckResult(
            expectation=str(expectation),
            is_blocking=expectation.is_blocking,
            has_passed=outcome.has_passed,
            details={**outcome.details, "severity": str(expectation.severity)},
        )
        for expectation, outcome in zip(suite.expectations, outcomes, strict=True)
    )


def _of_all_rows(
    name: str, expectations: list[Expectation], all_rows: Callable[[], Iterator[Any]]
) -> list[Outcome]:
    if not expectations:
        return []  # and nothing is read
    tallies = [Tally(expectation) for expectation in expectations]
    for frame in all_rows():
        for tally, outcome in zip(tallies, validate(frame, name, expectations), strict=True):
            tally.add(outcome)
    return [tally.outcome() for tally in tallies]


def _of_all(
    expectation: Expectation, of_sample: Outcome, sample: Sample, profile: Profile
) -> Outcome:
    match scope_of(expectation):
        case Scope.ROW_COUNT:
            return of_row_count(expectation, sample.row_count)
        case Scope.COLUMNS:
            return of_sample  # which has all of them
        case _:
            figure = of_profile(expectation, profile, n_rows=sample.row_count)
            return figure or _on_sample(expectation, of_sample, sample)


def _on_sample(expectation: Expectation, of_sample: Outcome, sample: Sample) -> Outcome:
    n, n_all = len(sample.frame), sample.row_count
    return Outcome(
        has_passed=of_sample.has_passed and not expectation.is_blocking,
        details={
            **of_sample.details,
            "judged": f"on a sample of {n} of {n_all} rows",
            "sampled_rows": n,
            "rows": n_all,
        },
    )
