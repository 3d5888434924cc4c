from collections.abc import Iterator

import pytest
from sweepworks.system import nvml

from compute import gpu_models
from tests.fake_nvml import FakeNvml


@pytest.fixture(autouse=True)
def three_gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    fake = FakeNvml(3, instances={"MIG-1": 2})
    monkeypatch.setattr(
        gpu_models, "open_gpus", lambda *, visible: nvml.Gpus(fake, visible=visible)
    )
    gpu_models._model.cache_clear()
    yield
    gpu_models._model.cache_clear()


@pytest.mark.parametrize(
    ("devices", "model"),
    [
        ((), ""),
        (("0",), "Model 0"),
        (("0", "2"), "Model 0, Model 2"),
        (("1", "1"), "Model 1"),
        (("GPU-1cafe",), "Model 1"),
        (("MIG-1",), "Model 2"),  # that it is a part of
        (("7",), ""),
    ],
)
def test_models_are_those_of_the_devices(devices: tuple[str, ...], model: str) -> None:
    assert gpu_models.model_of(devices) == model


def test_without_a_driver_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_models, "open_gpus", lambda *, visible: None)

    assert gpu_models.model_of(("0",)) == ""
