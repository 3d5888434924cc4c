"""`prices.yaml`: read exactly, or refused with everything that is wrong."""

import datetime as dt
from decimal import Decimal

import pytest

from governance.cost.price_file import PRICES, parse_prices
from governance.cost.prices import CAPACITIES, Resource
from sweeps.errors import InvalidSweepFile
from sweeps.policies import PolicyKind

NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)


def problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidSweepFile) as caught:
        parse_prices(text, source="prices.yaml")
    return [(problem.path, problem.message) for problem in caught.value.problems]


def test_prices_are_what_is_written_to_the_last_digit():
    book = parse_prices("gpu: [{usd_per_gpu_hour: 0.123456789}]", source="x")

    assert book.price(Resource.GPU, at=NOON) == Decimal("0.123456789")


def test_days_are_half_open_and_begin_at_midnight_utc():
    text = """
gpu:
  - {type: A100, usd_per_gpu_hour: 2, to: 2026-03-10}
  - {type: a100, usd_per_gpu_hour: 3, from: 2026-03-10, to: "2026-03-10T14:00:00+02:00"}
"""
    book = parse_prices(text, source="x")
    midnight = NOON.replace(hour=0)

    def price(at: dt.datetime) -> Decimal | None:
        return book.price(Resource.GPU, at=at, kind="NVIDIA A100")

    assert price(midnight - dt.timedelta.resolution) == 2
    assert price(midnight) == price(NOON - dt.timedelta.resolution) == 3
    assert price(NOON) is None


def test_an_empty_book_has_no_prices():
    assert parse_prices("", source="x").prices == ()


def test_the_same_thing_at_the_same_time_twice_is_refused_with_both_lines():
    text = "gpu:\n  - {type: a100, usd_per_gpu_hour: 2}\n  - {type: A100, usd_per_gpu_hour: 2}\n"

    assert problems(text) == [
        ("gpu[1]", "it holds for the same thing at the same time as that of line 2")
    ]


def test_everything_that_is_wrong_is_told_at_once():
    text = """
gpu:
  - {usd_per_gpu_hour: -1}
  - {usd_per_gpu_hour: .nan, capacity: reserved}
  - {usd_per_gpu_hour: 1, from: 2026-02-01, to: 2026-02-01}
  - {usd_per_gpu_hour: 1, from: yesterday}
  - {usd_per_gpu_hour: 1, from: 2026-01-01T12:00:00}
cpu: [{usd_per_gpu_hour: 1}]
storage: [{usd_per_gib_month: 1, from: "2026-01-01T12:00:00Z"}]
network: []
"""
    assert [path for path, _ in problems(text)] == [
        "gpu[0].usd_per_gpu_hour",
        "gpu[1].usd_per_gpu_hour",
        "gpu[1].capacity",
        "gpu[2].to",
        "gpu[3].from",
        "gpu[4].from",
        "cpu[0].usd_per_gpu_hour",
        "cpu[0].usd_per_core_hour",
        "storage[0].from",
        "network",
    ]


def default(kind: PolicyKind) -> str:
    import importlib.resources

    return (importlib.resources.files(kind.package) / kind.file_name).read_text()


@pytest.mark.parametrize("capacity", ["", *CAPACITIES])
@pytest.mark.parametrize("resource", list(Resource))
def test_the_default_book_has_a_price_for_everything(resource: Resource, capacity: str):
    book = PRICES.parse(default(PRICES), source="default")

    assert book.price(resource, at=NOON, kind="a model of tomorrow", capacity=capacity)


def test_the_default_book_says_that_it_is_an_example():
    assert "THESE ARE EXAMPLES" in default(PRICES)


@pytest.mark.parametrize(
    ("written", "usd"),
    [
        ("9999999.123456789", "9999999.123456789"),  # more digits than a float has
        ('"2.95"', "2.95"),
        ("0", "0"),
        ("1.0e-9", "0.000000001"),
        ("1e-9", "0.000000001"),
    ],
)
def test_a_price_is_the_number_that_yaml_says_it_is(written: str, usd: str) -> None:
    book = parse_prices(f"cpu: [{{usd_per_core_hour: {written}}}]", source="x")

    assert book.price(Resource.CPU, at=NOON) == Decimal(usd)


@pytest.mark.parametrize("written", ["1e-10", "10000001", "yes", "'1,5'", ".inf", "-0.5", "'.5'"])
def test_what_is_no_price_is_told(written: str) -> None:
    ((path, _),) = problems(f"cpu: [{{usd_per_core_hour: {written}}}]")

    assert path == "cpu[0].usd_per_core_hour"
