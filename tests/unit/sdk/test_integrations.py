"""Callbacks: what they make of a framework's calls, and that they depend on none."""

import subprocess
import sys
import types
from typing import Any

import numpy as np
import pytest
import sweepworks
from sklearn.linear_model import SGDClassifier
from sweepworks.integrations import keras, lightning, sklearn
from sweepworks.run import Run

from tests.fake_gateway import FakeGateway
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("trial")


@pytest.fixture
def run(trial: None) -> Run:
    return sweepworks.init()


def reports(gateway: FakeGateway) -> list[tuple[int, dict[str, float]]]:
    return [(r.level, dict(r.values)) for flush in gateway.flushes for r in flush.reports]


class NoNumber:
    """As torch has it for tensors of many elements."""

    def __float__(self) -> float:
        raise RuntimeError("only one element tensors can be converted")


class Trainer:
    """Lightning's loop, as far as callbacks see it."""

    def __init__(self, callback: Any, *, is_global_zero: bool = True) -> None:
        self.callback = callback
        self.is_global_zero = is_global_zero
        self.sanity_checking = False
        self.should_stop = False
        self.log_every_n_steps = 2
        self.global_step = self.current_epoch = 0
        self.logged_metrics: dict[str, Any] = {}
        self.callback_metrics: dict[str, Any] = {}
        self.strategy = types.SimpleNamespace(broadcast=lambda value: value)

    def fit(self, epochs: int) -> None:
        self.sanity_checking, self.callback_metrics = True, {"val_acc": 0.0}
        self.callback.on_validation_end(self, None)
        self.sanity_checking = False
        for self.current_epoch in range(epochs):
            for batch in range(2):
                self.global_step += 1
                self.logged_metrics = {"loss": np.float32(1 / self.global_step), "map": NoNumber()}
                self.callback.on_train_batch_end(self, None, {}, None, batch)
            self.callback_metrics = {"val_acc": np.float32(0.25) * (self.current_epoch + 1), "x": 1}
            self.callback.on_validation_end(self, None)
            self.callback.on_train_epoch_end(self, None)
            if self.should_stop:
                return


@pytest.fixture(params=["lightning.pytorch", "pytorch_lightning"])
def _lightning(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType(request.param)
    module.Callback = type("Callback", (), {})
    monkeypatch.setitem(sys.modules, request.param, module)
    if "." in request.param:
        monkeypatch.setitem(sys.modules, "lightning", types.ModuleType("lightning"))


@pytest.mark.usefixtures("_lightning")
def test_lightning_s_metrics_are_logged_and_its_epochs_reported(
    run: Run, gateway: FakeGateway
) -> None:
    Trainer(lightning.callback(run, metric="val_acc")).fit(2)
    run.finish()

    assert reports(gateway) == [(1, {"val_acc": 0.25}), (2, {"val_acc": 0.5})]
    assert gateway.points() == {
        "loss": [(2, 0.5), (4, 0.25)],
        "val_acc": [(2, 0.25), (4, 0.5)],
        "x": [(2, 1.0), (4, 1.0)],
    }


@pytest.mark.usefixtures("_lightning")
def test_lightning_is_stopped_at_the_end_of_an_epoch(run: Run, gateway: FakeGateway) -> None:
    gateway.control = "stop"
    run.report(0, val_acc=0.0)
    wait_until(lambda: run.should_stop)
    trainer = Trainer(lightning.callback(run))

    trainer.fit(5)
    run.finish()

    assert trainer.current_epoch == 0
    assert reports(gateway)[1:] == [(1, {"val_acc": 0.25, "x": 1.0})]


@pytest.mark.usefixtures("_lightning")
def test_only_rank_0_of_lightning_records(run: Run, gateway: FakeGateway) -> None:
    Trainer(lightning.callback(run), is_global_zero=False).fit(2)
    run.finish()

    assert (reports(gateway), gateway.points()) == ([], {})


@pytest.mark.usefixtures("_lightning")
def test_an_exception_in_lightning_fails_the_run(run: Run, gateway: FakeGateway) -> None:
    callback = lightning.callback(run)

    callback.on_exception(Trainer(callback), None, ValueError("boom"))

    last = gateway.flushes[-1]
    assert (last.finish, last.message) == ("failed", "ValueError: boom")


@pytest.fixture(params=["keras", "tensorflow.keras"])
def _keras(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType(request.param)
    module.callbacks = types.SimpleNamespace(Callback=type("Callback", (), {}))
    monkeypatch.setitem(sys.modules, request.param, module)
    if "." in request.param:
        monkeypatch.setitem(sys.modules, "tensorflow", types.ModuleType("tensorflow"))


def fit(callback: Any, epochs: int) -> int:
    """Keras' loop; how many epochs it ran."""
    callback.model = types.SimpleNamespace(stop_training=False)
    for epoch in range(epochs):
        callback.on_train_batch_end(0, {"loss": 1.0})
        callback.on_epoch_end(epoch, {"loss": 1 / (epoch + 1), "val_accuracy": np.float32(0.5)})
        if callback.model.stop_training:
            return epoch + 1
    callback.on_epoch_end(epochs)
    return epochs


@pytest.mark.usefixtures("_keras")
def test_keras_epochs_are_logged_and_reported(run: Run, gateway: FakeGateway) -> None:
    assert fit(keras.callback(run, metric="val_accuracy"), 2) == 2
    run.finish()

    assert reports(gateway) == [(1, {"val_accuracy": 0.5}), (2, {"val_accuracy": 0.5})]
    assert gateway.points() == {"loss": [(1, 1.0), (2, 0.5)], "val_accuracy": [(1, 0.5), (2, 0.5)]}


@pytest.mark.usefixtures("_keras")
def test_keras_is_stopped_after_an_epoch(run: Run, gateway: FakeGateway) -> None:
    gateway.control = "stop"
    run.report(0, loss=1.0)
    wait_until(lambda: run.should_stop)

    assert fit(keras.callback(run), 5) == 1
    run.finish()
    assert reports(gateway)[1:] == [(1, {"loss": 1.0, "val_accuracy": 0.5})]


def test_a_model_of_scikit_learn_is_trained_and_reported_epoch_by_epoch(
    run: Run, gateway: FakeGateway
) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 2))
    y = (x[:, 0] > 0).astype(int)

    model = sklearn.partial_fit(
        run,
        SGDClassifier(random_state=1),
        x,
        y,
        evaluate=lambda model: {"accuracy": model.score(x, y)},
        n=3,
        classes=[0, 1],
    )
    run.finish()

    assert model.score(x, y) > 0.9
    assert [level for level, _ in reports(gateway)] == [1, 2, 3]
    assert reports(gateway)[-1][1] == {"accuracy": model.score(x, y)}
    assert [step for step, _ in gateway.points()["accuracy"]] == [1, 2, 3]


def test_epochs_end_when_the_search_wants_it(run: Run, gateway: FakeGateway) -> None:
    seen: list[int] = []

    for epoch in sklearn.epochs(run, 100):
        seen.append(epoch)
        if epoch == 3:
            gateway.control = "stop"
            run.report(epoch, accuracy=0.1)
            wait_until(lambda: run.should_stop)

    assert seen == [1, 2, 3]
    run.finish()


def test_epochs_are_those_that_the_search_wants(
    monkeypatch: pytest.MonkeyPatch, gateway: FakeGateway
) -> None:
    monkeypatch.setenv("SWEEPWORKS_MAX_RESOURCE", "4")
    run = sweepworks.init()

    assert list(sklearn.epochs(run)) == [1, 2, 3, 4]
    run.finish()


def test_without_a_number_of_epochs_there_is_nothing_to_count_to(run: Run) -> None:
    with pytest.raises(ValueError, match=r"epochs\(run, 50\)"):
        next(sklearn.epochs(run))
    run.finish()


def test_no_framework_is_needed_to_import_the_callbacks() -> None:
    script = (
        "import sys\n"
        "from sweepworks.integrations import keras, lightning, sklearn\n"
        "names = {'keras', 'lightning', 'pytorch_lightning', 'torch', 'tensorflow', 'sklearn', 'numpy'}\n"
        "assert not names & set(sys.modules), names & set(sys.modules)\n"
        "try: keras.callback(None)\n"
        "except ImportError: print('told')\n"
        "try: lightning.callback(None)\n"
        "except ImportError: print('told')\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["told", "told"]
