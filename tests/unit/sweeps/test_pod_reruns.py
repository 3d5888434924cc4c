"""What of a trial in a pod can be made again."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from sweeps.pod_reruns import image_of, pinned, pod_lines
from sweeps.reruns import Fate, Line
from sweeps.specs import PodOptions, Resources, TrialSpec
from tests.factories import an_attempt

SHA = "sha256:" + "a" * 64
TRIAL = TrialSpec(command=("python", "/app/train.py"), image="r.example/trainer:1")


def fates(lines: Iterable[Line]) -> dict[str, Fate]:
    return {line.part: line.fate for line in lines}


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (f"r.example/trainer:1@{SHA}", f"r.example/trainer@{SHA}"),
        (f"r.example/trainer@{SHA}", f"r.example/trainer@{SHA}"),
        (f"r.example:5000/team/trainer:1.4-gpu@{SHA}", f"r.example:5000/team/trainer@{SHA}"),
        (f"r.example:5000/trainer@{SHA}", f"r.example:5000/trainer@{SHA}"),
        (f"docker-pullable://r.example/trainer:1@{SHA}", f"r.example/trainer@{SHA}"),
        ("r.example/trainer:1", None),
        (f"r.example/trainer:1 (id {SHA})", None),
        (f"r.example/trainer:1@{SHA[:-1]}", None),
        (SHA, None),
        ("", None),
    ],
)
def test_a_pinned_image_is_a_repository_and_a_digest(image: str, expected: str | None) -> None:
    assert pinned(image) == expected


def test_the_last_pod_that_ran_counts() -> None:
    first, second = an_attempt(image="a@" + SHA), an_attempt(image="b@" + SHA)

    assert image_of([first, second]) == "b@" + SHA
    assert image_of([first, an_attempt()]) == "a@" + SHA  # the second never had a pod
    assert image_of([an_attempt()]) is None
    assert image_of([]) is None


def test_by_its_digest_it_is_the_same_code() -> None:
    found = fates(pod_lines(TRIAL, f"r.example/trainer:1@{SHA}", []))

    assert found["image"] is Fate.SAME
    assert found["code, packages"] is Fate.SAME
    assert found["command"] is Fate.SAME


def test_by_its_tag_it_may_be_other_code() -> None:
    found = fates(pod_lines(TRIAL, f"r.example/trainer:1 (id {SHA})", []))

    assert found["image"] is Fate.OTHER
    assert "code, packages" not in found


def test_gpus_are_the_schedulers_choice() -> None:
    trial = replace(
        TRIAL,
        resources=Resources(gpu=2),
        pods=PodOptions(node_selector={"nvidia.com/gpu.product": "H100"}),
    )

    lines = list(pod_lines(trial, f"r.example/trainer:1@{SHA}", ["A100", "A100"]))

    (told,) = [line for line in lines if line.part == "gpus"]
    assert told.fate is Fate.OTHER
    assert "nvidia.com/gpu.product=H100" in told.says
    assert "A100, A100" in told.says
