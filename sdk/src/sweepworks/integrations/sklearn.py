"""For loops without a framework, such as those around scikit-learn's `partial_fit`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sweepworks.integrations.numbers import plain
from sweepworks.run import Run


def epochs(run: Run, n: int | None = None) -> Iterator[int]:
    """Numbers of epochs, from where the run was resumed, until `n` are done or it is to stop.

    ::

        for epoch in epochs(run, 50):
            model.partial_fit(x, y, classes=classes)
            run.report(epoch, val_accuracy=model.score(x_val, y_val))

    Args:
        n: By default the resource level at which the search takes the trial for complete.

    Yields:
        1 to n: the resource level that is reached when the epoch is done.

    Raises:
        ValueError: Neither `n` nor the search says how many.
    """
    last = run.max_resource if n is None else n
    if last is None:
        raise ValueError("say how many epochs: epochs(run, 50)")
    for epoch in range(run.resumed_from + 1, last + 1):
        if run.should_stop:
            return
        run.heartbeat()
        yield epoch


def partial_fit(
    run: Run,
    model: Any,
    x: Any,
    y: Any,
    *,
    evaluate: Callable[[Any], Mapping[str, Any]],
    n: int | None = None,
    **options: Any,
) -> Any:
    """Train a model epoch by epoch by its `partial_fit`, and report each.

    Args:
        model: Anything with `partial_fit(x, y)`.
        evaluate: Takes the model; gives names and numbers, which are logged and reported.
        n: As for `epochs`.
        options: For `partial_fit`, such as `classes`.

    Returns:
        The model.
    """
    for epoch in epochs(run, n):
        model.partial_fit(x, y, **options)
        found = plain(evaluate(model))
        run.log(found, step=epoch)
        run.report(epoch, found)
    return model
