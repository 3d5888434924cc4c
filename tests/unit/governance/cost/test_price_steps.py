import datetime as dt
import itertools
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from governance.cost.price_steps import EVER
from governance.cost.prices import Price, PriceBook, Resource, contradictions

NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def gpu(usd: str, **fields: object) -> Price:
    return Price(resource=Resource.GPU, usd=Decimal(usd), **fields)  # type: ignore[arg-type]


def book(*files: tuple[int, tuple[Price, ...]]) -> PriceBook:
    """Files with the hours after noon at which they were applied."""
    (_, first), *others = files
    found = PriceBook(first)
    for hour, prices in others:
        found = found.followed_by(PriceBook(prices), at=NOON + hour * HOUR)
    return found


def usd(found: PriceBook, hour: float, kind: str = "") -> Decimal | None:
    return found.price(Resource.GPU, at=NOON + hour * HOUR, kind=kind)


def test_a_price_without_a_date_counts_from_when_its_file_was_applied():
    found = book((0, (gpu("2"),)), (3, (gpu("10"),)))

    assert [usd(found, hour) for hour in (-99, 0, 2.99, 3, 99)] == [2, 2, 2, 10, 10]
    assert found.changes == (NOON + 3 * HOUR,)


def test_the_first_file_counts_for_all_time():
    assert usd(book((5, (gpu("2"),))), -99) == 2


def test_a_from_corrects_the_past():
    found = book((0, (gpu("2"),)), (3, (gpu("10", since=NOON + HOUR),)))

    assert [usd(found, hour) for hour in (0, 1, 2, 3)] == [2, 10, 10, 10]


def test_what_had_no_price_has_the_first_one_for_all_time():
    found = book((0, (gpu("2", kind="t4"),)), (3, (gpu("2", kind="t4"), gpu("9", kind="a100"))))

    assert usd(found, -99, "a100") == 9


def test_a_price_of_its_own_leaves_the_past_to_the_general_one():
    found = book((0, (gpu("2"),)), (3, (gpu("2"), gpu("9", kind="a100"))))

    assert [usd(found, hour, "a100") for hour in (2, 3)] == [2, 9]
    assert [usd(found, hour, "t4") for hour in (2, 3)] == [2, 2]


def test_a_price_that_is_removed_held_until_then():
    found = book((0, (gpu("2", kind="t4"),)), (3, ()))

    assert [usd(found, hour, "t4") for hour in (2, 3)] == [2, None]
    assert found.knows(Resource.GPU, at=NOON, kind="t4")
    assert not found.knows(Resource.GPU, at=NOON + 3 * HOUR, kind="t4")


def test_an_end_does_not_reach_back():
    found = book((0, (gpu("2"),)), (3, (gpu("9", until=NOON + 2 * HOUR),)))

    assert [usd(found, hour) for hour in (0, 2.5, 3)] == [2, 2, None]


def test_a_file_whose_comments_changed_cuts_nothing():
    found = book((0, (gpu("2"), gpu("3", kind="t4"))), (3, (gpu("3", kind="t4"), gpu("2"))))

    assert found.changes == ()
    assert found.earlier == ()


def test_a_clock_that_was_set_back_keeps_the_order_of_the_files():
    found = book((0, (gpu("1"),)), (3, (gpu("2"),)), (1, (gpu("3"),)))

    assert [usd(found, hour) for hour in (0, 2, 3)] == [1, 1, 3]


def test_spans_are_cut_where_a_file_was_applied():
    found = book((0, (gpu("2"),)), (3, (gpu("10"),)))

    spans = found.spans(Resource.GPU, start=NOON, end=NOON + 4 * HOUR)

    assert [(span.start - NOON, span.end - NOON, span.usd) for span in spans] == [
        (0 * HOUR, 3 * HOUR, 2),
        (3 * HOUR, 4 * HOUR, 10),
    ]


KINDS = ["", "a100", "a100-sxm4", "t4"]
THINGS = st.sampled_from(["", "A100-SXM4-80GB", "a100", "Tesla T4"])
UNDATED = st.dictionaries(st.sampled_from(KINDS), st.integers(0, 3), max_size=4).map(
    lambda said: tuple(gpu(str(usd), kind=kind) for kind, usd in said.items())
)
MOMENTS = st.none() | st.integers(0, 9).map(lambda hour: NOON + hour * HOUR)
DATED = st.lists(
    st.builds(
        gpu, st.sampled_from("0123"), kind=st.sampled_from(KINDS), since=MOMENTS, until=MOMENTS
    ).filter(lambda one: one.since is None or one.until is None or one.since < one.until),
    max_size=6,
).map(
    lambda prices: tuple(
        one
        for place, one in enumerate(prices)
        if place not in {later for later, _ in contradictions(prices)}
    )
)


def histories(files: st.SearchStrategy[tuple[Price, ...]]):
    hours = st.lists(st.integers(0, 9), min_size=1, max_size=6).map(sorted)
    return hours.flatmap(
        lambda hours: st.tuples(*(st.tuples(st.just(hour), files) for hour in hours))
    )


@given(history=histories(UNDATED), hour=st.integers(-1, 10), kind=THINGS)
def test_without_dates_a_price_is_that_of_the_file_in_force(history, hour, kind):
    begun = [place for place, (applied, _) in enumerate(history) if applied <= hour]
    in_force = begun[-1] if begun else 0
    own = [usd(PriceBook(prices), hour, kind) for _, prices in history[in_force:]]

    # Where it says nothing, the first one after it that says something fills the gap.
    expected = next((price for price in own if price is not None), None)

    assert usd(book(*history), hour, kind) == (own[0] if len(own) == 1 else expected)


@given(history=histories(DATED), more=DATED, hour=st.integers(-1, 10), kind=THINGS)
def test_a_new_file_leaves_what_is_past_but_for_what_it_dates(history, more, hour, kind):
    before = book(*history)
    old, own = usd(before, hour, kind), usd(PriceBook(more), hour, kind)

    after = before.followed_by(PriceBook(more), at=NOON + 9 * HOUR)

    new = usd(after, hour, kind)
    if hour >= 9 or old is None:
        assert new == own
    elif not any(price.since for price in more):
        assert new == old
    else:
        assert new in {old, own}


@given(history=histories(DATED), kind=THINGS)
def test_spans_and_steps_say_what_prices_say(history, kind):
    found = book(*history)
    end = NOON + 11 * HOUR

    spans = found.spans(Resource.GPU, start=NOON - HOUR, end=end, kind=kind)

    assert spans[0].start == NOON - HOUR
    assert spans[-1].end == end
    assert all(one.end == other.start for one, other in itertools.pairwise(spans))
    assert {one.start for one in spans[1:]} <= set(found.changes)
    for hour in range(-1, 11):
        at = NOON + hour * HOUR
        (span,) = (one for one in spans if one.start <= at < one.end)
        assert span.usd == usd(found, hour, kind)
    steps = found.steps(Resource.GPU, kind=kind)
    assert steps[0].start == EVER
    assert all(one.usd != other.usd for one, other in itertools.pairwise(steps))
