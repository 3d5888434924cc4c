"""Curves that are known: which they are, and how many at most."""

import pytest

from storage.points import known_curves
from storage.points.known_curves import KnownCurves
from storage.points.points import Curves

KEYS = ("loss", "lr")


def test_curves_that_came_together_are_recalled_without_a_look_at_each() -> None:
    known = KnownCurves()
    first = known.recall("run-a", KEYS)
    known.remember([first])

    again = known.recall("run-a", KEYS)

    assert len(first.fingerprints) == 2
    assert again.fingerprints == ()
    assert again.series_ids.tolist() == first.series_ids.tolist()


@pytest.mark.parametrize(
    ("run", "keys"), [("run-b", KEYS), ("run-a", ("lr", "loss")), ("run-a", ("losslr",))]
)
def test_other_curves_are_not_taken_for_them(run: str, keys: tuple[str, ...]) -> None:
    known = KnownCurves()
    known.remember([known.recall("run-a", KEYS)])

    assert known.recall(run, keys).fingerprints != ()


def test_the_same_names_of_another_family_are_other_curves() -> None:
    known = KnownCurves()
    known.remember([known.recall("run-a", KEYS)])
    mixed = known.recall("run-a", KEYS[:1], KEYS[1:])
    known.remember([mixed])

    assert known.recall("run-a", (), KEYS).fingerprints != ()
    assert known.recall("run-a", KEYS[:1], KEYS[1:]).fingerprints == ()
    assert mixed.series_ids[0] == Curves.of("run-a", KEYS).series_ids[0]
    assert mixed.series_ids[1] != Curves.of("run-a", KEYS).series_ids[1]


def test_what_is_known_is_bounded_and_what_is_in_use_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(known_curves, "_MOST", 10)
    monkeypatch.setattr(known_curves, "_MOST_TOGETHER", 10 * (known_curves._ENTRY + 2))
    known = KnownCurves()
    known.remember([known.recall("in-use", KEYS)])

    for number in range(100):
        known.remember([known.recall(f"run-{number}", KEYS)])
        assert known.recall("in-use", KEYS).fingerprints == ()

    assert len(known) <= 2 * (10 + 2)
    assert known.recall("run-0", KEYS).fingerprints != ()


def test_identifiers_do_not_depend_on_what_is_known() -> None:
    known = KnownCurves()
    known.remember([known.recall("run-a", KEYS)])

    expected = Curves.of("run-a", KEYS).series_ids.tolist()

    assert known.recall("run-a", KEYS).series_ids.tolist() == expected
