"""Where an alias goes back to."""

from hypothesis import given
from hypothesis import strategies as st

from governance.promotion.aliases import Move, MoveKind, before


def moves(*numbers: int) -> list[Move]:
    """Promotions of versions, in order; 0 rolls back."""
    made: list[Move] = []
    for number in numbers:
        if number:
            made.append(Move(kind=MoveKind.PROMOTED, number=number))
        else:
            target = before(made)
            assert target is not None
            made.append(Move(kind=MoveKind.ROLLED_BACK, number=target))
    return made


def test_the_version_before_is_what_it_meant_last() -> None:
    assert before(moves()) is None
    assert before(moves(1)) is None
    assert before(moves(1, 2)) == 1
    assert before(moves(1, 2, 3)) == 2


def test_rolling_back_twice_goes_back_two_moves() -> None:
    assert before(moves(1, 2, 3, 0)) == 1
    assert before(moves(1, 2, 3, 0, 0)) is None


def test_what_was_rolled_back_from_is_not_come_back_to() -> None:
    assert before(moves(1, 2, 0, 3)) == 1


def test_setting_an_alias_counts_like_a_promotion() -> None:
    made = [*moves(1, 2), Move(kind=MoveKind.SET, number=1)]

    assert before(made) == 2


@given(steps=st.lists(st.integers(0, 6), max_size=40))
def test_rolling_back_undoes_exactly_one_move(steps: list[int]) -> None:
    meant: list[int] = []  # what it meant, as a stack that a person would keep
    made: list[Move] = []
    for step in steps:
        if step == 0:
            target = before(made)
            assert target == (meant[-2] if len(meant) > 1 else None)
            if target is None:
                continue
            meant.pop()
            made.append(Move(kind=MoveKind.ROLLED_BACK, number=target))
        else:
            made.append(Move(kind=MoveKind.PROMOTED, number=step))
            if not meant or meant[-1] != step:
                meant.append(step)
        assert meant[-1] == made[-1].number
