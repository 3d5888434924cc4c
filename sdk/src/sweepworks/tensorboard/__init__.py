"""Scalars from TensorBoard's event files. Neither TensorBoard nor TensorFlow is needed for it.

::

    from sweepworks import tensorboard

    tensorboard.watch(run, "logs")  # whatever is written there from now on, and what is there
"""

from sweepworks.tensorboard.watching import watch

__all__ = ["watch"]
