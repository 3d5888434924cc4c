"""Suites of expectations, and when a sweep may start on a version."""

import pytest

from governance.datasets.contracts import Admission, Severity, Suite, admission, parse_suite
from sweeps.datasets import CheckResult, Look
from tests.unit.sweeps.sweep_texts import problems_when

TEXT = """\
name: people
expectations:
  - type: expect_column_values_to_not_be_null
    kwargs: {column: age}
  - {type: expect_column_values_to_be_between, kwargs: {column: age, min_value: 0}, severity: warning}
"""


def a_suite(text: str = TEXT) -> Suite:
    return parse_suite(text, name="people", source="people.yaml")


def a_look(*, passed: bool, blocking: bool = True, digest: str | None = None) -> Look:
    result = CheckResult(
        expectation="expect_x", is_blocking=blocking, has_passed=passed, details={}
    )
    found = a_suite().digest if digest is None else digest
    return Look(suite="people", suite_digest=found, results=(result,))


def test_what_does_not_say_how_severe_it_is_blocks() -> None:
    first, second = a_suite().expectations

    assert (first.severity, first.is_blocking) == (Severity.CRITICAL, True)
    assert (second.severity, second.is_blocking) == (Severity.WARNING, False)
    assert second.kwargs == {"column": "age", "min_value": 0}
    assert str(first) == "expect_column_values_to_not_be_null(age)"


def test_the_json_of_great_expectations_is_read_too() -> None:
    text = (
        '{"name": "p", "id": null, "meta": {"great_expectations_version": "1.24.1"}, "notes": null,'
        ' "expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "a"},'
        ' "meta": {}, "severity": "info"}]}'
    )

    assert a_suite(text).expectations[0].severity is Severity.INFO


def test_every_mistake_in_a_suite_has_its_line() -> None:
    text = TEXT.replace("warning", "bad").replace("kwargs: {column: age}\n", "kwargs: 3\n")

    problems = problems_when(lambda: a_suite(text))

    assert [(p.path, p.line) for p in problems] == [
        ("expectations[0].kwargs", 4),
        ("expectations[1].severity", 5),
    ]


@pytest.mark.parametrize(
    ("suite", "look", "verdict"),
    [
        (None, None, Admission.ADMITTED),
        (TEXT, None, Admission.UNCHECKED),
        (TEXT.replace("{column: age}\n", "{column: age}\n    severity: info\n"), None,
         Admission.ADMITTED),
        (TEXT, a_look(passed=True), Admission.ADMITTED),
        (TEXT, a_look(passed=False), Admission.FAILED),
        (TEXT, a_look(passed=False, blocking=False), Admission.ADMITTED),
        # What was expected then is not what is expected now.
        (TEXT, a_look(passed=True, digest="other"), Admission.UNCHECKED),
        (TEXT, a_look(passed=False, digest="other"), Admission.UNCHECKED),
        # A failure does not go away with the file that asked for it.
        (None, a_look(passed=False), Admission.FAILED),
        (None, a_look(passed=True), Admission.ADMITTED),
    ],
)  # fmt: skip
def test_a_sweep_starts_on_what_was_looked_at_and_is_good(
    suite: str | None, look: Look | None, verdict: Admission
) -> None:
    assert admission(None if suite is None else a_suite(suite), look) is verdict
