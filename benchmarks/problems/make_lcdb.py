"""Makes `benchmarks/data/lcdb.npz` from the learning curves of LCDB 1.0 (PyPI `lcdb`, MIT licence).

    python -m benchmarks.problems.make_lcdb PATH/TO/lcdb/database-accuracy.csv

Source: Mohr, Viering, Loog and van Rijn, "LCDB 1.0: An Extensive Learning Curves Database for
Classification Tasks", ECML PKDD 2022. Kept are some data sets with every learner, split and anchor
(training set size) recorded, as validation error and training seconds.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parents[1] / "data" / "lcdb.npz"
N_DATASETS = 10
_MIN_ANCHORS, _MIN_LEARNERS, _MIN_SPLITS = 12, 15, 20

Key = tuple[str, str, int, int]


def main() -> None:
    curves: dict[Key, dict[int, tuple[float, float]]] = defaultdict(dict)
    with Path(sys.argv[1]).open(newline="") as file:
        for row in csv.DictReader(file):
            key = (
                row["openmlid"],
                row["learner"],
                int(row["outer_seed"]),
                int(row["inner_seed"]),
            )
            error = 1.0 - float(row["score_valid"])
            curves[key][int(row["size_train"])] = (error, float(row["traintime"]))
    by_dataset: dict[str, list[Key]] = defaultdict(list)
    for key in curves:
        by_dataset[key[0]].append(key)
    kept: dict[str, np.ndarray] = {}
    names: list[str] = []
    for dataset in sorted(by_dataset, key=int):
        made = whole(by_dataset[dataset], curves)
        if made is None:
            continue
        learners, splits, anchors, values = made
        kept[f"{dataset}/learners"] = np.array(learners)
        kept[f"{dataset}/splits"] = np.array(splits)
        kept[f"{dataset}/anchors"] = np.array(anchors)
        kept[f"{dataset}/values"] = values.astype(np.float32)
        names.append(dataset)
        print(f"{dataset}: {len(learners)} learners, {len(splits)} splits, {len(anchors)} anchors")
        if len(names) == N_DATASETS:
            break
    DATA.parent.mkdir(exist_ok=True)
    arrays: dict[str, Any] = {"datasets": np.array(names), **kept}
    np.savez_compressed(DATA, **arrays)


def whole(
    keys: list[Key], curves: dict[Key, dict[int, tuple[float, float]]]
) -> tuple[list[str], list[tuple[int, int]], list[int], np.ndarray] | None:
    """Learners, splits and anchors without a hole; None when too little is left."""
    splits = sorted({key[2:] for key in keys})
    if len(splits) < _MIN_SPLITS:
        return None
    most = max(len(curves[key]) for key in keys)
    longest = next(sorted(curves[key]) for key in keys if len(curves[key]) == most)
    learners = [
        learner
        for learner in sorted({key[1] for key in keys})
        if all(
            set(longest) <= set(curves.get((keys[0][0], learner, *split), {})) for split in splits
        )
    ]
    if len(learners) < _MIN_LEARNERS or len(longest) < _MIN_ANCHORS:
        return None
    values = np.array(
        [
            [
                [curves[keys[0][0], learner, *split][anchor] for anchor in longest]
                for split in splits
            ]
            for learner in learners
        ]
    )
    return learners, splits, longest, values


if __name__ == "__main__":
    main()
