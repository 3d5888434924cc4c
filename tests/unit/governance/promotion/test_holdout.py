"""Whether a holdout was learnt from."""

from typing import Any

from governance.promotion.holdout import Leak, leaks
from sweeps.lineage import Edge, Node

HOLDOUT, RAW, MERGED = Node("dataset:holdout@1"), Node("dataset:raw@1"), Node("dataset:merged@1")
TRIAL, TUNED, OTHER = Node("run:e-00001"), Node("run:e-00002"), Node("run:other-00001")
FILE = Node("artifact:other-00001/base.pt")
RELATED = {RAW: "is what the holdout was made from", MERGED: "was made from the holdout"}


def edges(*pairs: tuple[Node, Node]) -> list[Edge]:
    return [Edge(*pair) for pair in pairs]


def ways(**known: Any) -> tuple[Leak, ...]:
    return leaks(holdout=HOLDOUT, **known).told


def test_a_run_that_used_the_holdout_leaks_with_the_way() -> None:
    (found,) = ways(related=RELATED, edges=edges((HOLDOUT, TRIAL)), runs={TRIAL})

    assert found.run == TRIAL
    assert str(found) == "dataset:holdout@1 -> run:e-00001 (holdout@1 is the holdout)"


def test_what_it_was_made_from_and_what_was_made_from_it_leak_as_well() -> None:
    found = ways(
        related=RELATED,
        edges=edges((RAW, TRIAL), (MERGED, TUNED)),
        runs={TRIAL, TUNED},
    )

    assert {leak.run: leak.relation for leak in found} == {
        TRIAL: "is what the holdout was made from",
        TUNED: "was made from the holdout",
    }


def test_a_model_that_a_foreign_run_made_of_it_carries_the_leak_on() -> None:
    (found,) = ways(
        related=RELATED,
        edges=edges((HOLDOUT, OTHER), (OTHER, FILE), (FILE, TUNED)),
        runs={TRIAL, TUNED},
    )

    assert found.path == (HOLDOUT, OTHER, FILE, TUNED)


def test_runs_of_other_experiments_may_know_it() -> None:
    assert not ways(related={}, edges=edges((HOLDOUT, OTHER)), runs={TRIAL})


def test_the_shortest_way_is_told_and_circles_end() -> None:
    (found,) = ways(
        related={},
        edges=edges(
            (HOLDOUT, OTHER), (OTHER, FILE), (FILE, OTHER), (FILE, TRIAL), (HOLDOUT, TRIAL)
        ),
        runs={TRIAL},
    )

    assert found.path == (HOLDOUT, TRIAL)


def test_so_many_ways_are_told_and_how_many_more_runs_there_are() -> None:
    runs = {Node(f"run:e-{number:05d}") for number in range(25)}
    known = edges(*((HOLDOUT, run) for run in runs))

    found = leaks(holdout=HOLDOUT, related={}, edges=known, runs=runs)
    few = leaks(holdout=HOLDOUT, related={}, edges=known[:20], runs=runs)

    assert (len(found.told), found.more) == (20, 5)
    assert found.sentences()[-1] == "and 5 more runs"
    assert (len(few.told), few.more, len(few.sentences())) == (20, 0, 20)
