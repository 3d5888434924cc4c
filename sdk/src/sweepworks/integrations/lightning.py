"""A callback for PyTorch Lightning."""

from typing import Any

from sweepworks.integrations.numbers import plain
from sweepworks.run import Run


def callback(run: Run, *, metric: str | None = None) -> Any:
    """A Lightning callback: logs what the module logs, reports epochs, and stops when asked to.

    ``Trainer(callbacks=[lightning.callback(run, metric="val_acc")])``. In distributed training only
    the process with rank 0 records.

    Args:
        metric: What is reported after each validation, at the number of epochs that are done; all
            metrics of validation when left out.
    """
    pytorch = _lightning()

    class Callback(pytorch.Callback):
        """Lightning calls these, on every rank."""

        def on_train_batch_end(self, trainer: Any, *_: Any, **__: Any) -> None:
            if trainer.is_global_zero and trainer.global_step % trainer.log_every_n_steps == 0:
                logged = plain(trainer.logged_metrics)
                if logged:
                    run.log(logged, step=trainer.global_step)

        def on_validation_end(self, trainer: Any, *_: Any) -> None:
            if trainer.sanity_checking or not trainer.is_global_zero:
                return
            found = plain(trainer.callback_metrics)
            if found:
                run.log(found, step=trainer.global_step)
            reported = found if metric is None else _only(found, metric)
            if reported:
                run.report(trainer.current_epoch + 1, reported)

        def on_train_epoch_end(self, trainer: Any, *_: Any) -> None:
            # All ranks must stop at once: rank 0 tells the others.
            stop = trainer.strategy.broadcast(run.should_stop)
            trainer.should_stop = bool(trainer.should_stop or stop)

        def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:  # noqa: ARG002 - Lightning's
            if trainer.is_global_zero:
                run.finish("failed", f"{type(exception).__name__}: {exception}")

    return Callback()


def _lightning() -> Any:
    """The package by either of its names.

    Raises:
        ImportError: There is neither.
    """
    import importlib

    try:
        return importlib.import_module("lightning.pytorch")
    except ModuleNotFoundError:
        return importlib.import_module("pytorch_lightning")


def _only(found: dict[str, float], metric: str) -> dict[str, float]:
    return {metric: found[metric]} if metric in found else {}
