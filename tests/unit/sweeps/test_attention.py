"""From when on silence counts."""

import datetime as dt

import pytest

from sweeps.attention import Attention
from tests.factories import at, seconds


def looked(attention: Attention, now: float, **changes: object) -> dt.datetime:
    silence = changes.get("gateway_silence")
    assert silence is None or isinstance(silence, dt.timedelta)
    return attention.look(at(now), gateway_silence=silence, adopts=bool(changes.get("adopts")))


def test_a_new_sweep_is_heard_from_its_first_tick() -> None:
    attention = Attention()

    assert [looked(attention, now) for now in (5, 6, 7)] == [at(5)] * 3


def test_who_is_adopted_has_time_to_be_heard() -> None:
    attention = Attention()

    assert looked(attention, 5, adopts=True) == at(35)
    assert looked(attention, 6, adopts=True) == at(35)


def test_a_failed_look_begins_anew() -> None:
    attention = Attention()
    looked(attention, 0)
    attention.lose()

    assert looked(attention, 100, adopts=True) == at(130)


@pytest.mark.parametrize(("gap", "expected"), [(10, 0), (10.1, 40.1)])
def test_a_gap_between_looks_is_deafness_of_our_own(gap: float, expected: float) -> None:
    attention = Attention()
    looked(attention, 0)

    assert looked(attention, gap) == at(expected)


def test_while_no_gateway_is_there_nobody_can_be_heard() -> None:
    attention = Attention()
    looked(attention, 0, gateway_silence=seconds(1))

    for now in range(1, 60):
        heard = looked(attention, now, gateway_silence=seconds(10 + now))
        assert heard == at(now + 30)
    assert looked(attention, 60, gateway_silence=seconds(2)) == at(89)
