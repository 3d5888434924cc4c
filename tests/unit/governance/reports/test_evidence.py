"""What fails more often than by chance."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.reports.evidence import fails_clearly_more


def chances(n: int, rate: float) -> list[float]:
    """Of each number of failures among `n`, exactly."""
    return [math.comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(n + 1)]


@given(
    tried=st.integers(1, 25),
    others=st.integers(1, 40),
    rate=st.floats(0, 1),
    among=st.sampled_from([1, 2, 10, 1000]),
)
@settings(max_examples=40, deadline=None)
def test_what_is_told_is_hardly_ever_chance(
    tried: int, others: int, rate: float, among: int
) -> None:
    mistaken = sum(
        one * two
        for failed, one in enumerate(chances(tried, rate))
        for others_failed, two in enumerate(chances(others, rate))
        if fails_clearly_more(
            failed, tried, others_failed=others_failed, others=others, among=among
        )
    )

    assert mistaken * among <= 0.05 + 1e-9


@pytest.mark.parametrize(
    ("failed", "tried", "among", "is_clear"),
    [
        (9, 10, 3, True),
        (5, 5, 10, True),
        (5, 5, 10_000, False),  # of so many, five in a row are nothing
        (2, 5, 1, False),
        (180, 1000, 1, False),
        (300, 1000, 1000, True),
        (0, 5, 1, False),
        (0, 0, 1, False),
    ],
)
def test_the_more_is_looked_at_the_more_it_takes(
    failed: int, tried: int, among: int, is_clear: bool
) -> None:
    found = fails_clearly_more(failed, tried, others_failed=1000, others=6000, among=among)

    assert found is is_clear


def test_a_few_others_say_little() -> None:
    assert fails_clearly_more(5, 5, others_failed=0, others=1000, among=1)
    assert not fails_clearly_more(5, 5, others_failed=0, others=1, among=1)


@given(failed=st.integers(0, 50), among=st.integers(1, 100))
def test_more_failures_are_never_less_clear(failed: int, among: int) -> None:
    fewer, more = (
        fails_clearly_more(n, 60, others_failed=10, others=100, among=among)
        for n in (failed, failed + 10)
    )

    assert more >= fewer
