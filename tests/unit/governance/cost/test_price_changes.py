import datetime as dt

import pytest

from governance.cost.price_changes import PriceHistory, price_changes
from governance.cost.price_file import parse_prices

A100 = "type: a100, usd_per_gpu_hour"
NOW = dt.datetime(2026, 3, 10, 12, 30, tzinfo=dt.UTC)
BEFORE = "gpu: [{usd_per_gpu_hour: 2}, {type: a100, usd_per_gpu_hour: 3.67}]"


def changes(text: str, before: str = BEFORE) -> list[str]:
    book = parse_prices(before, source="x")
    return price_changes(book, book.followed_by(parse_prices(text, source="x"), at=NOW), at=NOW)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BEFORE + "  # as agreed", "no price changes"),
        (
            f"gpu: [{{usd_per_gpu_hour: 2}}, {{{A100}: 3.2}}]",
            "gpu a100: from now on, $3.2 instead of $3.67 per GPU-hour",
        ),
        (
            "gpu: [{usd_per_gpu_hour: 2}]",
            "gpu a100: from now on, $2 instead of $3.67 per GPU-hour",
        ),
        (
            BEFORE + "\ncpu: [{capacity: spot, usd_per_core_hour: 1}]",
            "cpu spot: for all time (also for what is past), $1 per core-hour, which had no price",
        ),
        (
            f"""gpu: [{{usd_per_gpu_hour: 2}}, {{{A100}: 3.67, to: 2026-05-01}},
            {{{A100}: 10, from: 2026-05-01}}]""",
            "gpu a100: from 2026-05-01 on, $10 instead of $3.67 per GPU-hour",
        ),
        (
            f"""gpu: [{{usd_per_gpu_hour: 2}}, {{{A100}: 3.67, to: 2026-01-01}},
            {{{A100}: 4, from: 2026-01-01}}]""",
            "gpu a100: from 2026-01-01 on (also for what is past), $4 instead of $3.67 per GPU-hour",
        ),
        (
            f"gpu: [{{{A100}: 3.67}}]",
            "gpu: from now on, no price instead of $2 per GPU-hour",
        ),
    ],
)
def test_what_changes_is_said_with_when_it_does(text: str, sentence: str):
    assert changes(text) == [sentence]


def test_the_first_file_replaces_the_examples_for_good():
    newer = parse_prices(BEFORE, source="x")

    assert PriceHistory().effects(None, newer, at=NOW) == [
        "these prices count for all time, in place of the examples"
    ]


def test_of_very_many_changes_the_first_are_said():
    entries = ", ".join(f"{{type: g{number}, usd_per_gpu_hour: 1}}" for number in range(100))

    said = changes(f"gpu: [{entries}]", "gpu: [{usd_per_gpu_hour: 1}]")

    assert said[0].startswith("gpu: from now on, no price")
    assert changes(f"gpu: [{entries}]", "gpu: []")[-1] == "and 60 more"
