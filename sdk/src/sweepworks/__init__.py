"""Sweepworks for training scripts: parameters in, metrics, reports and artifacts out.

::

    import sweepworks

    run = sweepworks.init()
    for epoch in range(run.params["epochs"]):
        ...
        run.log({"loss": loss})
        run.report(epoch + 1, val_accuracy=accuracy)
        if run.should_stop:
            break
    run.finish()
"""

from sweepworks.checkpoints import Checkpoint
from sweepworks.run import Run
from sweepworks.start import init

__version__ = "0.1.0"
__all__ = ["Checkpoint", "Run", "__version__", "init"]
