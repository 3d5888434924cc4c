"""A callback for Keras 3, and for the one in TensorFlow."""

import importlib
from typing import Any

from sweepworks.integrations.numbers import plain
from sweepworks.run import Run


def callback(run: Run, *, metric: str | None = None) -> Any:
    """A Keras callback: logs and reports each epoch, and stops when asked to.

    ``model.fit(…, callbacks=[keras.callback(run, metric="val_accuracy")])``

    Args:
        metric: What is reported after each epoch; all that Keras tells when left out.
    """
    keras = _keras()

    class Callback(keras.callbacks.Callback):
        """Keras calls these; `model` is set by it."""

        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            found = plain(logs)
            if found:
                run.log(found, step=epoch + 1)
            reported = found if metric is None else {n: v for n, v in found.items() if n == metric}
            if reported:
                run.report(epoch + 1, reported)
            if run.should_stop:
                self.model.stop_training = True

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras'
            run.heartbeat()

    return Callback()


def _keras() -> Any:
    """The package by either of its names.

    Raises:
        ImportError: There is neither.
    """
    try:
        return importlib.import_module("keras")
    except ModuleNotFoundError:
        return importlib.import_module("tensorflow.keras")
