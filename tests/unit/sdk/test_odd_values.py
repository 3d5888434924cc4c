"""Whatever a script records, the gateway can read the batch; only what cannot be stored is lost."""

import warnings
from collections import deque
from typing import Any

import numpy as np
import pytest
import sweepworks
from hypothesis import given, settings
from hypothesis import strategies as st
from sweepworks.batches import Batcher, lighten
from sweepworks.pending import Pending
from sweepworks.values import are_plain, as_scalar, as_text, named
from sweepworks.wire import ReportRecord, decode_flush

from tests.fake_gateway import FakeGateway


class Hostile:
    """What breaks whenever it is looked at."""

    def __str__(self) -> str:
        raise RuntimeError

    def __float__(self) -> float:
        raise RuntimeError

    def item(self) -> float:
        raise RuntimeError


ANYTHING: Any = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=300),
    st.binary(max_size=5),
    st.lists(st.integers(), max_size=3),
    st.floats(width=32).map(np.float32),
    st.integers(0, 5).map(np.zeros),
    st.just(10**5000),
    st.builds(Hostile),
)
NAMES: Any = st.one_of(st.text(max_size=300), st.integers(), st.none(), st.just("a\tb"))
LEVELS = st.integers(0, 2**63 - 1)


@given(
    logged=st.lists(st.tuples(ANYTHING, st.dictionaries(NAMES, ANYTHING, max_size=4)), max_size=8),
    params=st.dictionaries(NAMES, ANYTHING, max_size=4),
    tags=st.dictionaries(NAMES, ANYTHING, max_size=4),
    levels=st.lists(LEVELS, max_size=3),
)
@settings(deadline=None, max_examples=300)
def test_every_batch_can_be_read_and_has_every_report(
    logged: list[tuple[Any, dict[Any, Any]]],
    params: dict[Any, Any],
    tags: dict[Any, Any],
    levels: list[int],
) -> None:
    said: list[str] = []
    batcher = Batcher(writer="w", run="r", attempt=None, warn=lambda _, why: said.append(why))
    pending = Pending(
        reports=[ReportRecord(level=level, values={"a": 1.0}, time_us=1) for level in levels],
        params=named(params, as_scalar, leave_out=said.append),
        tags=named(tags, as_text, leave_out=said.append),
        finish="completed",
    )
    entries = deque(part for step, values in logged for part in (1.5, step, values))

    batches = drained(batcher, entries, pending)

    flushes = [decode_flush(batch) for batch in batches]
    assert [r.level for flush in flushes for r in flush.reports] == levels
    assert [flush.finish for flush in flushes] == [None] * (len(flushes) - 1) + ["completed"]
    for batch in batches:
        lighten(batch)


def drained(batcher: Batcher, entries: deque[Any], pending: Pending) -> list[bytes]:
    made: list[bytes] = []
    while (batch := batcher.drain(entries, deque(), pending)) is not None:
        made.append(batch[1])
    return made


def test_names_without_end_are_sent_in_as_many_batches_as_they_need() -> None:
    said: list[str] = []
    batcher = Batcher(writer="w", run="r", attempt=None, warn=lambda _, why: said.append(why))
    names = [f"{n:06}" + "😀" * 250 for n in range(6_000)]  # 6 MB of UTF-8
    pending = Pending(
        reports=[
            ReportRecord(level=level, values=dict.fromkeys(names[:1000], 0.5), time_us=1)
            for level in range(5)
        ],
        params=dict.fromkeys((f"p{n}" for n in range(100)), "\x01" * 16_384),
        finish="failed",
    )

    batches = drained(batcher, deque([1.0, 3, dict.fromkeys(names, 2.0)]), pending)

    flushes = [decode_flush(batch) for batch in batches]
    assert [key for flush in flushes for key in flush.series] == names
    assert sum(flush.n_points for flush in flushes) == len(names)
    assert [r.level for flush in flushes for r in flush.reports] == [0, 1, 2, 3, 4]
    assert sum(len(flush.params) for flush in flushes) == 100
    assert [flush.finish for flush in flushes if flush.finish] == ["failed"]
    assert flushes[-1].finish == "failed"
    assert said == []


@pytest.mark.usefixtures("trial")
def test_what_cannot_be_a_name_costs_only_itself(
    gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    run = sweepworks.init()
    run.log({"loss": 1.0, "train\tloss": 2.0, "": 3.0})
    run.add_params({"x": float("nan"), "y\n": 1, "layers": [1, 2], "lr": np.float32(0.5)})  # type: ignore[dict-item]
    run.tag(**{"fold": 3, "a\0b": 1})
    run.report(1, val=0.5)

    run.finish()

    assert gateway.points() == {"loss": [(0, 1.0)]}
    params = {k: v for flush in gateway.flushes for k, v in flush.params.items()}
    assert params == {"x": "nan", "layers": "[1, 2]", "lr": 0.5}
    assert {k: v for flush in gateway.flushes for k, v in flush.tags.items()} == {"fold": "3"}
    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1]
    assert r"'train\tloss' has control characters" in capsys.readouterr().err


@pytest.mark.usefixtures("trial")
@pytest.mark.parametrize(
    ("level", "values"),
    [
        (1, {"": 1.0}),
        (1, {"a\nb": 1.0}),
        (1, {}),
        (-1, {"a": 1.0}),
        (2**63, {"a": 1.0}),
        (1, dict.fromkeys(map(str, range(1001)), 1.0)),
    ],
)
def test_a_report_that_cannot_be_one_is_an_error_at_once(
    gateway: FakeGateway, level: int, values: dict[str, float]
) -> None:
    run = sweepworks.init()

    with pytest.raises(ValueError):
        run.report(level, values)

    run.finish()
    assert [r for flush in gateway.flushes for r in flush.reports] == []


@pytest.mark.usefixtures("trial")
def test_what_a_script_changes_after_log_is_stored_as_it_was(gateway: FakeGateway) -> None:
    run = sweepworks.init()
    running = np.zeros(())
    for _ in range(3):
        running += 1
        run.log({"x": running})

    run.finish()

    assert gateway.points() == {"x": [(0, 1.0), (1, 2.0), (2, 3.0)]}


class Counter:
    """A number that changes."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __float__(self) -> float:
        return float(self.n)


PLAIN: Any = st.one_of(st.booleans(), st.integers(-(10**400), 10**400), st.floats())
CHANGING: Any = st.one_of(
    st.floats(width=32).map(np.array),
    st.integers(0, 9).map(np.array),
    st.integers(0, 9).map(Counter),
)


@given(plain=st.lists(PLAIN, max_size=4), after=st.lists(PLAIN, max_size=4), odd=CHANGING)
def test_a_number_that_may_change_is_found_among_any_others(
    plain: list[Any], after: list[Any], odd: Any
) -> None:
    values = dict(enumerate([*plain, odd, *after]))

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert not are_plain(values)

    assert warned == []


@given(plain=st.lists(st.one_of(st.booleans(), st.integers(-(2**70), 2**70), st.floats())))
def test_plain_numbers_are_known_as_such(plain: list[Any]) -> None:
    assert are_plain(dict(enumerate(plain)))


@pytest.mark.usefixtures("scratch")
def test_a_scratch_run_takes_whatever_its_parameters_are(gateway: FakeGateway) -> None:
    given: Any = {"lr": np.float32(0.5), "resume": None, "betas": [0.9, 0.99], "clip": float("inf")}
    run = sweepworks.init(params=given, tags={"fold": 3})  # type: ignore[dict-item]
    run.finish()

    (asked,) = gateway.scratch_runs
    assert asked["params"] == {"lr": 0.5, "resume": "None", "betas": "[0.9, 0.99]", "clip": "inf"}
    assert asked["tags"] == {"fold": "3"}
    assert run.params["betas"] == [0.9, 0.99]
