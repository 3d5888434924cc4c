"""What of a run can be made again is said line by line, and nothing is passed over."""

from collections.abc import Iterable

import pytest

from sweeps.datasets import PinnedDataset
from sweeps.reruns import (
    DataFound,
    Dataset,
    Fate,
    Here,
    Line,
    capture_lines,
    command_lines,
    data_lines,
    environment_lines,
    hardware_lines,
    image_lines,
    kept_variables,
    trial_command_lines,
)

HERE = Here(gpus=["A100"], image=None)


def fates(lines: Iterable[Line]) -> dict[str, Fate]:
    return {line.part: line.fate for line in lines}


def test_an_image_that_it_ran_in_is_not_this_machine() -> None:
    assert fates(image_lines({"image": "r.example/a@sha256:00"}, HERE)) == {"image": Fate.OTHER}
    assert fates(image_lines({"image": None}, HERE)) == {}


@pytest.mark.parametrize(
    ("had", "fate"),
    [([], None), (["A100"], Fate.SAME), (["H100"], Fate.OTHER), (["A100", "A100"], Fate.MISSING)],
)
def test_gpus_are_counted_and_called_by_their_model(had: list[str], fate: Fate | None) -> None:
    hardware = {"node": "n", "cpu": "c", "gpus": [{"model": model} for model in had]}

    found = fates(hardware_lines(hardware, HERE))

    assert found.get("gpus") is fate
    assert found["machine"] is Fate.OTHER


def test_variables_of_the_place_are_not_set_again() -> None:
    software = {
        "environment": {
            "OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": "3", "WORLD_SIZE": "4", "RANK": "1",
        }
    }  # fmt: skip

    assert kept_variables(software) == {"OMP_NUM_THREADS": "2"}
    assert fates(environment_lines(software)) == {
        "variables": Fate.SAME, "processes": Fate.MISSING,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ({"script": {"path": "train.py"}, "arguments": ["--lr", "0.1"]}, None),
        ({"script": {"path": "train.py"}, "arguments": ["--token", "***"]}, "arguments"),
        ({"script": {"path": "train.py"}, "arguments": ["--api-key=***"]}, "arguments"),
        ({"script": {"path": "train.py"}, "arguments": ["x"] * 500}, "arguments"),
        ({"script": {"path": "a.ipynb", "is_notebook": True}}, "script"),
        ({"script": None}, "script"),
    ],
)
def test_a_command_is_known_whole_or_said_not_to_be(
    code: dict[str, object], missing: str | None
) -> None:
    found = [line.part for line in command_lines(code) if line.fate is Fate.MISSING]

    assert found == ([] if missing is None else [missing])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["python", "train.py"], {"command": Fate.SAME}),
        (["/gone/python", "train.py"], {"command": Fate.SAME}),
        (["/here/tool", "train.py"], {"command": Fate.OTHER}),
        (["/gone/tool", "train.py"], {"command": Fate.MISSING}),
        (["uv", "run", "train.py"], {"command": Fate.SAME, "interpreter": Fate.OTHER}),
        (["conda", "run", "-n", "e", "x"], {"command": Fate.SAME, "interpreter": Fate.OTHER}),
        (["uv", "--version"], {"command": Fate.SAME}),
        # The new work tree brings it, whether or not the old one is still there.
        (["/repo/run.sh"], {"command": Fate.SAME}),
        (
            ["sh", "-c", "/opt/bin/python3 a.py"],
            {"command": Fate.SAME, "interpreter": Fate.OTHER},
        ),
        (
            ["sh", "-c", "/repo/.venv/bin/python a.py"],
            {"command": Fate.SAME, "interpreter": Fate.MISSING},
        ),
    ],
)
def test_programs_and_interpreters_of_a_trials_command_are_said(
    words: list[str], expected: dict[str, Fate]
) -> None:
    lines = trial_command_lines(words, ["/repo"], is_here=lambda path: path.startswith("/here/"))

    assert fates(lines) == expected


def test_what_the_capture_left_out_is_missing() -> None:
    code = {"left_out": ["model.bin: 9000000 bytes are too many"]}
    plain = {"left_out": ["fatal: not a git repository (or any of the parent directories): .git"]}
    rest = {"software": {}, "hardware": {}}

    assert fates(capture_lines({"code": code, **rest})) == {"code": Fate.MISSING}
    assert fates(capture_lines({"code": plain, **rest})) == {}
    assert fates(capture_lines({})) == {
        "code": Fate.MISSING, "software": Fate.OTHER, "hardware": Fate.OTHER,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("found", "fate"),
    [
        (DataFound.EQUAL, Fate.SAME), (DataFound.UNREAD, Fate.OTHER),
        (DataFound.ELSEWHERE, Fate.OTHER), (DataFound.DIFFERS, Fate.MISSING),
    ],
)  # fmt: skip
def test_data_is_looked_at(found: DataFound, fate: Fate) -> None:
    dataset = Dataset(
        version=PinnedDataset(dataset_id=1, name="d", number=2, location="/d"),
        found=found,
        why="a.csv is not there any more",
    )

    (line,) = data_lines([dataset])

    assert line.fate is fate
    assert "d@2" in line.says
