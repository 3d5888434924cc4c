"""Which versions of datasets share data with a holdout."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.promotion.shared_data import SharedData, shared_data
from sweeps.lineage import Node
from tests.unit.governance.promotion.leak_worlds import (
    LeakWorld,
    a_world,
    everything_related,
    worlds,
)

HOLDOUT = Node("dataset:h@1")


def related(world: LeakWorld, holdout: Node = HOLDOUT) -> SharedData:
    return shared_data(
        holdout=holdout,
        others=world.others(holdout),
        parents=world.parents,
        contents=world.contents,
    )


@pytest.mark.parametrize(
    ("versions", "relation"),
    [
        ([("raw@1", "", "r"), ("h@1", "raw@1", "h")], {"raw": "is what the holdout was made from"}),
        ([("h@1", "", "h"), ("s@1", "h@1", "s")], {"s": "was made from the holdout"}),
        ([("h@1", "", "hi"), ("t@1", "", "iz")], {"t": "has files of the holdout"}),
        (  # what was made from a copy, and a copy of that
            [("h@1", "", "h"), ("t@1", "", "h"), ("s@1", "t@1", "s"), ("u@1", "", "s")],
            {
                "t": "has files of the holdout",
                "s": "was made from t@1, which has files of the holdout",
                "u": "has files of s@1, which was made from t@1, which has files of the holdout",
            },
        ),
        (  # a copy of what it was made from, and what that was made from
            [("src@1", "", "s"), ("raw@1", "", "r"), ("t@1", "src@1", "r"), ("h@1", "raw@1", "h")],
            {
                "raw": "is what the holdout was made from",
                "t": "has files of raw@1, which is what the holdout was made from",
                "src": "is what t@1 was made from, which has files of raw@1, which is what the"
                " holdout was made from",
            },
        ),
        (  # what another version that has its files was made from
            [("raw@1", "", "r"), ("all@1", "raw@1", "hz"), ("h@1", "", "h")],
            {
                "all": "has files of the holdout",
                "raw": "is what all@1 was made from, which has files of the holdout",
            },
        ),
        (
            [("h@1", "", "h"), ("h@2", "", "hi"), ("s@1", "h@2", "s"), ("t@1", "", "i")],
            {
                "s": "was made from h@2, which is another version of the holdout h@1",
                "t": "has files of h@2, which is another version of the holdout h@1",
            },
        ),
    ],
)  # fmt: skip
def test_what_shares_data_is_told_with_how(
    versions: list[tuple[str, str, str]], relation: dict[str, str]
) -> None:
    found = related(a_world(*versions)).relations

    told = {node: words for node, words in found.items() if not node.startswith("dataset:h@")}
    assert told == {Node(f"dataset:{name}@1"): words for name, words in relation.items()}


@pytest.mark.parametrize(
    "versions",
    [
        [("raw@1", "", "r"), ("h@1", "raw@1", "h"), ("t@1", "raw@1", "t")],  # rows were shared out
        [("raw@1", "", "ht"), ("h@1", "raw@1", "h"), ("t@1", "raw@1", "t")],  # files were
        [("raw@1", "", "rt"), ("h@1", "raw@1", "h"), ("t@1", "raw@1", "t")],  # a file was another's
        [("raw@1", "", "ht"), ("h@1", "raw@1", "h"), ("t@1", "", "t")],  # not said, but to be seen
        [("raw@1", "", "hr"), ("h@1", "raw@1", "h"), ("c@1", "", "hr"), ("t@1", "c@1", "t")],
        [("h@1", "", "h"), ("t@1", "", "t"), ("both@1", "h@1 t@1", "ht")],  # it was put beside it
        [("h@1", "", "h"), ("t@1", "", "t"), ("both@1", "h@1 t@1", "j")],
    ],
)
def test_another_part_of_the_same_origin_may_be_learnt_from(
    versions: list[tuple[str, str, str]],
) -> None:
    assert Node("dataset:t@1") not in related(a_world(*versions)).relations


def test_what_says_it_is_another_part_and_has_all_of_the_origin_is_none() -> None:
    world = a_world(("raw@1", "", "r"), ("h@1", "raw@1", "h"), ("t@1", "raw@1", "rz"))

    assert Node("dataset:t@1") in related(world).relations


@settings(max_examples=200, deadline=None)
@given(world=worlds(), data=st.data())
def test_whatever_was_made_from_what_the_same_is_related_as_by_brute_force(
    world: LeakWorld, data: st.DataObject
) -> None:
    holdout = data.draw(st.sampled_from(sorted(world.files)))

    found = related(world, holdout)

    expected, _ = everything_related(world, holdout)
    assert set(found.relations) == expected
    assert not found.is_cut


def test_so_much_that_not_all_is_compared_proves_nothing() -> None:
    world = a_world(
        ("h@1", "", "h"), *[(f"s@{number}", "h@1", chr(number + 1000)) for number in range(1, 2100)]
    )

    found = shared_data(holdout=HOLDOUT, others=[], parents=world.parents, contents=lambda _: [])

    assert found.is_cut
