"""Which columns go, become pseudonyms, or lose their precision."""

import pytest

from governance.datasets.minimisation import Minimisation
from sweeps.datasets import InvalidDataset

COLUMNS = ["name", "age", "city"]


@pytest.mark.parametrize(
    "asked",
    [
        Minimisation(drop=("nam",)),
        Minimisation(hash=("Age",)),
        Minimisation(bucket={"size": 10}),
        Minimisation(drop=("name",), hash=("name",)),
        Minimisation(drop=("name", "age", "city")),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(asked: Minimisation) -> None:
    with pytest.raises(InvalidDataset):
        asked.require(COLUMNS)


def test_every_column_that_stays_says_what_it_is_made_from() -> None:
    asked = Minimisation(drop=("city",), hash=("name",), bucket={"age": 10}, sample=0.5, seed=3)
    asked.require(COLUMNS)

    assert asked.lineage("people@1", COLUMNS) == {
        "name": ("people@1:name",),
        "age": ("people@1:age",),
    }
    assert [name for name, _ in asked.steps()] == ["drop", "hash", "bucket", "sample"]
    assert Minimisation(seed=4).is_nothing()
