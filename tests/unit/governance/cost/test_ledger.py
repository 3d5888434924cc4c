"""The ledger: price times time, however it is cut."""

import dataclasses
import datetime as dt
import itertools
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from governance.cost.entries import CENT, Outcome, outcome
from governance.cost.idleness import IdleSpan, idle_spans
from governance.cost.ledger import Holding, StoredBytes, compute_entries, storage_entries
from governance.cost.prices import Price, PriceBook, Resource
from sweeps.states import ExitReason, RunState

DAY = dt.datetime(2026, 3, 10, tzinfo=dt.UTC)
HOUR, MINUTE = dt.timedelta(hours=1), dt.timedelta(minutes=1)
FOREVER = (DAY - dt.timedelta(days=40), DAY + dt.timedelta(days=40))


def price(resource: Resource, usd: str, **fields: object) -> Price:
    return Price(resource=resource, usd=Decimal(usd), **fields)  # type: ignore[arg-type]


BOOK = PriceBook(
    (price(Resource.GPU, "2"), price(Resource.CPU, "0.04"), price(Resource.MEMORY, "0.005"))
)
HOLDING = Holding(
    attempt_id="s-00001-a1",
    run_id="s-00001",
    sweep_id="s",
    experiment_id=1,
    tenant_id="default",
    owner="ana",
    started_at=DAY,
    ended_at=DAY + HOUR,
    outcome=Outcome.COMPLETED,
    gpus=1,
    cores=0.5,
    memory_bytes=2**31,
    gpu_model="NVIDIA A100",
)


def entries(*holdings: Holding, book: PriceBook = BOOK, start=FOREVER[0], end=FOREVER[1]):
    return list(compute_entries(holdings, book=book, price_version=3, start=start, end=end))


def total(lines) -> Decimal:
    return sum((line.amount_usd or Decimal(0) for line in lines), Decimal(0))


def test_an_hour_is_one_entry_for_each_resource():
    gpu, cpu, memory = entries(HOLDING)

    assert (gpu.quantity, gpu.amount_usd, gpu.kind, gpu.unit) == (1, 2, "a100", "gpu_hours")
    assert (cpu.quantity, cpu.amount_usd, cpu.unit) == (0.5, Decimal("0.02"), "core_hours")
    assert (memory.quantity, memory.amount_usd) == (2, Decimal("0.01"))
    assert gpu.outcome == "completed"
    assert gpu.price_version == 3


def test_what_crosses_midnight_is_in_both_days():
    late = dataclasses.replace(HOLDING, started_at=DAY - HOUR, ended_at=DAY + 2 * HOUR)

    gpus = [line for line in entries(late) if line.resource == Resource.GPU]

    assert [(line.day, line.quantity) for line in gpus] == [
        (DAY.date() - dt.timedelta(days=1), 1),
        (DAY.date(), 2),
    ]


def test_what_goes_on_is_charged_up_to_the_end_and_no_further():
    live = dataclasses.replace(HOLDING, ended_at=None, outcome=Outcome.RUNNING)

    gpu, *_ = entries(live, end=DAY + HOUR / 2)

    assert (gpu.quantity, gpu.outcome) == (0.5, "running")


def test_what_ended_before_or_begins_later_is_not_there():
    assert entries(HOLDING, start=DAY + HOUR) == []
    assert entries(HOLDING, end=DAY) == []


def test_a_price_that_changes_in_the_middle_cuts_the_entry():
    half = DAY + HOUR / 2
    book = PriceBook((price(Resource.GPU, "2", until=half), price(Resource.GPU, "4", since=half)))

    gpus = [line for line in entries(HOLDING, book=book) if line.resource == Resource.GPU]

    assert [line.amount_usd for line in gpus] == [1, 2]
    assert len({line.entry_key for line in gpus}) == 2


def test_what_has_no_price_has_an_entry_without_an_amount():
    book = PriceBook((price(Resource.GPU, "2", kind="t4"),))

    gpu, cpu, memory = entries(HOLDING, book=book)

    assert gpu.amount_usd is cpu.amount_usd is memory.unit_price_usd is None
    assert gpu.quantity == 1


def test_idle_time_is_priced_apart_as_waste():
    idle = [IdleSpan(start=DAY + 15 * MINUTE, end=DAY + 30 * MINUTE)]

    used, wasted, *_ = entries(dataclasses.replace(HOLDING, idle=idle))

    assert (used.quantity, used.is_waste, used.outcome) == (0.75, False, "completed")
    assert (wasted.quantity, wasted.is_waste, wasted.outcome) == (0.25, True, "idle")
    assert total([used, wasted]) == 2


def test_no_more_is_idle_than_is_held():
    idle = [IdleSpan(start=DAY - HOUR, end=DAY + 2 * HOUR)] * 3

    wasted, *_ = entries(dataclasses.replace(HOLDING, idle=idle))

    assert (wasted.quantity, wasted.is_waste) == (1, True)


def test_a_month_of_a_gibibyte_costs_the_price_of_a_month():
    book = PriceBook((price(Resource.STORAGE, "0.023"),))
    stored = [
        StoredBytes(
            day=dt.date(2026, 2, 1) + dt.timedelta(days=n),
            tenant_id="default",
            experiment_id=None,
            sweep_id=None,
            owner="",
            storage_class="standard",
            byte_microseconds=2**30 * 86_400_000_000,
        )
        for n in range(28)
    ]

    lines = list(storage_entries(stored, book=book, price_version=1))

    assert abs(total(lines) - Decimal("0.023")) < Decimal("1e-8")
    assert {line.quantity for line in lines} == {1}


def test_outcomes_are_those_of_the_run_where_it_ended_with_the_attempt():
    assert outcome(None, final=None) is Outcome.RUNNING
    assert outcome(ExitReason.COMPLETED, final=RunState.FAILED) is Outcome.FAILED
    assert outcome(ExitReason.KILLED, final=RunState.STOPPED) is Outcome.STOPPED
    assert outcome(ExitReason.KILLED, final=None) is Outcome.EVICTED
    assert outcome(ExitReason.PREEMPTED, final=RunState.FAILED) is Outcome.EVICTED
    assert outcome(ExitReason.PAUSED, final=None) is Outcome.PAUSED
    assert outcome(ExitReason.OUT_OF_MEMORY, final=None) is Outcome.FAILED
    assert outcome(ExitReason.CANCELLED, final=RunState.CANCELLED) is Outcome.CANCELLED


def test_every_way_to_end_has_an_outcome():
    for reason in ExitReason:
        for final in (None, *RunState):
            assert outcome(reason, final=final) not in {Outcome.RUNNING, Outcome.IDLE}


def test_idle_time_of_which_only_its_length_is_known_lies_evenly_in_its_stretch():
    idle = [IdleSpan(start=DAY, end=DAY + HOUR, microseconds=1_800_000_000)]
    book = PriceBook(
        (
            price(Resource.GPU, "2", until=DAY + 15 * MINUTE),
            price(Resource.GPU, "4", since=DAY + 15 * MINUTE),
        )
    )

    lines = entries(dataclasses.replace(HOLDING, idle=idle), book=book)

    wasted = [(one.quantity, one.amount_usd) for one in lines if one.is_waste]
    assert wasted == [(0.125, Decimal("0.25")), (0.375, Decimal("1.5"))]


@given(
    lasts=st.integers(1, 10**11),
    share=st.integers(0, 10**6),
    cuts=st.lists(st.integers(-(10**6), 10**11), max_size=8),
)
def test_pieces_of_idle_time_sum_up_to_the_whole(lasts: int, share: int, cuts: list[int]):
    end = DAY + dt.timedelta(microseconds=lasts)
    span = IdleSpan(start=DAY, end=end, microseconds=lasts * 8 * share // 10**6)
    edges = [DAY, *sorted(DAY + dt.timedelta(microseconds=cut) for cut in cuts), end]
    edges = [min(max(edge, DAY), end) for edge in edges]

    pieces = [span.within(low, high) for low, high in itertools.pairwise(edges)]

    assert sum(pieces) == span.total
    assert min(pieces) >= 0
    assert IdleSpan(start=DAY, end=end).total == lasts


def test_only_long_stretches_of_measured_minutes_are_idle():
    minutes = [DAY + n * MINUTE for n in (*range(12), *range(20, 25), *range(40, 50))]

    assert idle_spans(minutes) == [
        IdleSpan(start=DAY, end=DAY + 12 * MINUTE),
        IdleSpan(start=DAY + 40 * MINUTE, end=DAY + 50 * MINUTE),
    ]
    assert idle_spans([]) == []


MOMENTS = st.integers(0, 5 * 86_400_000_000).map(
    lambda n: DAY - dt.timedelta(days=2) + dt.timedelta(microseconds=n)
)


@st.composite
def books(draw: st.DrawFn) -> PriceBook:
    """Books whose prices change anywhere, and have gaps."""
    prices: list[Price] = []
    for resource in (Resource.GPU, Resource.CPU, Resource.MEMORY):
        cuts = sorted(draw(st.sets(MOMENTS, max_size=4)))
        for since, until in zip([None, *cuts], [*cuts, None], strict=True):
            usd = draw(st.none() | st.decimals("0", "99", places=4))
            if usd is not None:
                prices.append(Price(resource=resource, usd=usd, since=since, until=until))
    return PriceBook(tuple(prices))


@st.composite
def holdings(draw: st.DrawFn) -> Holding:
    began, ended = sorted(draw(st.tuples(MOMENTS, MOMENTS)))
    idle = [
        IdleSpan(start=min(pair), end=max(pair))
        for pair in draw(st.lists(st.tuples(MOMENTS, MOMENTS), max_size=3))
    ]
    return dataclasses.replace(
        HOLDING,
        attempt_id=draw(st.uuids()).hex,
        started_at=began,
        ended_at=draw(st.sampled_from([ended, None])),
        gpus=draw(st.integers(0, 8)),
        cores=draw(st.sampled_from([0.001, 0.3, 1.0, 7.25])),
        memory_bytes=draw(st.integers(0, 2**40)),
        idle=idle,
    )


def expected(holding: Holding, book: PriceBook, end: dt.datetime) -> Fraction:
    """Price times time, summed without any rounding, one price entry after the other."""
    stop = holding.ended_at or end
    owed = Fraction(0)
    for resource, amount, per_unit in holding.amounts():
        for one in book.prices:
            if one.resource is resource:
                low = max(holding.started_at, one.since or holding.started_at)
                high = min(stop, end, one.until or stop)
                held = max(0, (high - low) // dt.timedelta(microseconds=1))
                owed += Fraction(one.usd) * held * amount / (3_600_000_000 * per_unit)
    return owed


@given(held=st.lists(holdings(), max_size=5), book=books(), end=MOMENTS)
def test_the_sum_over_days_is_price_times_time(held, book, end):
    lines = entries(*held, book=book, end=end)

    owed = sum((expected(one, book, end) for one in held), Fraction(0))

    assert abs(Fraction(total(lines)) - owed) <= Fraction(len(lines), 2 * 10**10)
    assert abs(total(lines) - Decimal(float(owed))) < CENT


@given(held=st.lists(holdings(), max_size=5), book=books(), cuts=st.lists(MOMENTS, max_size=4))
def test_days_and_windows_together_are_the_whole(held, book, cuts):
    """Nothing is charged twice or left out at the edge of a stretch, wherever it is cut."""
    edges = [FOREVER[0], *sorted(cuts), FOREVER[1]]
    whole = entries(*held, book=book)

    parts = [
        line
        for start, end in itertools.pairwise(edges)
        for line in entries(*held, book=book, start=start, end=end)
    ]

    assert abs(total(parts) - total(whole)) < CENT
    for resource in Resource:
        hours = [sum(x.quantity for x in xs if x.resource == resource) for xs in (parts, whole)]
        assert abs(hours[0] - hours[1]) < 1e-6


@given(held=st.lists(holdings(), max_size=5), book=books())
def test_no_key_is_there_twice_on_a_day(held, book):
    lines = entries(*held, book=book)

    assert len({(line.day, line.entry_key) for line in lines}) == len(lines)


@given(held=holdings(), book=books())
def test_every_microsecond_held_has_an_entry_priced_or_not(held, book):
    lines = entries(held, book=book)

    stop = held.ended_at or FOREVER[1]
    seconds = (stop - held.started_at).total_seconds()
    for resource, amount, per_unit in held.amounts():
        hours = sum(line.quantity for line in lines if line.resource == resource)
        assert abs(hours - seconds / 3600 * amount / per_unit) <= 1e-6 * max(1.0, hours)
