"""Amounts of money as text."""

from decimal import Decimal

import pytest

from sweeps.money import dollars

WORDS = {
    "0": "$0.00",
    "-0": "$0.00",
    "1234.5": "$1,234.50",
    "1.005": "$1.00",
    "0.5": "$0.50",
    "0.53": "$0.53",
    "0.123456": "$0.1235",
    "0.004": "$0.004",
    "0.99999": "$1.00",
    "0.0001": "$0.0001",
    "0.00001": "<$0.0001",
    "-0.00001": "-<$0.0001",
    "-2": "-$2.00",
    "-0.25": "-$0.25",
}


@pytest.mark.parametrize(("amount", "words"), list(WORDS.items()))
def test_small_amounts_keep_the_digits_that_say_something(amount: str, words: str) -> None:
    assert dollars(Decimal(amount)) == words


def test_what_is_not_known_is_a_dash() -> None:
    assert dollars(None) == "-"
