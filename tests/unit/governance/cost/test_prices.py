import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.cost.prices import Price, PriceBook, Resource, contradictions
from governance.gpu_types import gpu_type, is_gpu_type

NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)


def gpu(usd: str, **fields: object) -> Price:
    return Price(resource=Resource.GPU, usd=Decimal(usd), **fields)  # type: ignore[arg-type]


def test_names_of_models_are_the_same_however_they_are_written():
    assert gpu_type("NVIDIA-A100-SXM4-80GB") == gpu_type("a100 sxm4 80gb") == "a100-sxm4-80gb"


def test_a_type_is_asked_for_by_its_first_words():
    assert is_gpu_type("A100", "NVIDIA A100-SXM4-80GB")
    assert not is_gpu_type("a10", "NVIDIA A100-SXM4-80GB")


def test_the_longer_type_wins_then_capacity_then_region():
    book = PriceBook(
        (
            gpu("1"),
            gpu("2", region="eu"),
            gpu("3", capacity="spot"),
            gpu("4", kind="a100"),
            gpu("5", kind="a100-sxm4"),
            gpu("6", kind="a100", capacity="spot"),
        )
    )

    def price(**of: str) -> Decimal | None:
        return book.price(Resource.GPU, at=NOON, **of)

    assert price() == 1
    assert price(region="eu") == 2
    assert price(region="eu", capacity="spot") == 3
    assert price(kind="NVIDIA A100", region="eu") == 4
    assert price(kind="NVIDIA-A100-SXM4-80GB", capacity="spot") == 5
    assert price(kind="a100-pcie", capacity="spot", region="eu") == 6


def test_nothing_that_fits_is_no_price_and_not_zero():
    book = PriceBook((gpu("0", kind="t4"),))

    assert book.price(Resource.GPU, at=NOON, kind="h100") is None
    assert book.price(Resource.CPU, at=NOON) is None
    assert book.price(Resource.GPU, at=NOON, kind="Tesla T4") == 0


def test_a_capacity_that_nobody_names_is_on_demand():
    book = PriceBook((gpu("3", capacity="on_demand"), gpu("1", capacity="spot")))

    assert book.price(Resource.GPU, at=NOON) == 3


def test_a_storage_class_is_compared_as_a_whole():
    book = PriceBook((Price(resource=Resource.STORAGE, usd=Decimal(1), kind="standard"),))

    assert book.price(Resource.STORAGE, at=NOON, kind="standard") == 1
    assert book.price(Resource.STORAGE, at=NOON, kind="standard-ia") is None


def test_a_stretch_of_time_is_cut_where_the_price_changes_and_where_there_is_none():
    hour = dt.timedelta(hours=1)
    book = PriceBook(
        (gpu("2", since=NOON - hour, until=NOON), gpu("3", since=NOON, until=NOON + hour))
    )

    spans = book.spans(Resource.GPU, start=NOON - 2 * hour, end=NOON + 2 * hour)

    assert [(span.start - NOON, span.usd) for span in spans] == [
        (-2 * hour, None),
        (-hour, 2),
        (0 * hour, 3),
        (hour, None),
    ]


MOMENTS = st.none() | st.integers(0, 6).map(lambda n: NOON + dt.timedelta(hours=n))
ENTRIES = st.builds(
    Price,
    resource=st.just(Resource.GPU),
    usd=st.decimals("0", "9", places=2),
    kind=st.sampled_from(["", "a100", "a100-sxm4", "t4"]),
    capacity=st.sampled_from(["", "spot", "on_demand"]),
    region=st.sampled_from(["", "eu"]),
    since=MOMENTS,
    until=MOMENTS,
).filter(lambda price: price.since is None or price.until is None or price.since < price.until)


@given(
    entries=st.lists(ENTRIES, max_size=12),
    of=st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["", "A100-SXM4-80GB", "Tesla T4"]),
            "capacity": st.sampled_from(["", "spot"]),
            "region": st.sampled_from(["", "eu", "us"]),
        }
    ),
    hours=st.integers(0, 6),
    order=st.randoms(),
)
def test_without_contradictions_exactly_one_entry_holds_in_whatever_order_they_are(
    entries, of, hours, order
):
    refused = {later for later, _ in contradictions(entries)}
    kept = [price for index, price in enumerate(entries) if index not in refused]
    assert not contradictions(kept)
    shuffled = list(kept)
    order.shuffle(shuffled)
    at = NOON + dt.timedelta(hours=hours)

    price = PriceBook(tuple(kept)).price(Resource.GPU, at=at, **of)

    assert price == PriceBook(tuple(shuffled)).price(Resource.GPU, at=at, **of)


def test_contradictions_are_found_half_open():
    first = gpu("1", kind="A100", until=NOON)
    touching = gpu("2", kind="nvidia a100", since=NOON)
    overlapping = gpu("3", kind="a100", since=NOON - dt.timedelta(seconds=1))

    assert contradictions([first, touching]) == []
    assert contradictions([first, overlapping]) == [(1, 0)]


@pytest.mark.parametrize("resource", list(Resource))
def test_every_resource_has_a_unit(resource: Resource):
    assert resource.unit.endswith(("_hours", "_days"))
