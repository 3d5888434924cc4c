"""No early stopping: every trial runs to its own end, or to `max_resource`."""

from sweeps.journal import Measurement
from sweeps.states import Decision


class RunToCompletion:
    """A `TrialScheduler` that never intervenes."""

    def __init__(self, *, max_resource: int | None = None) -> None:
        self._max_resource = max_resource

    @property
    def max_resource(self) -> int | None:
        """As the sweep file has it."""
        return self._max_resource

    def rungs(self, number: int) -> tuple[int, ...]:  # noqa: ARG002 - the port's signature
        """None: nobody is compared before the end."""
        return ()

    def rung_at(self, number: int, level: int) -> int | None:  # noqa: ARG002 - the port's signature
        """None."""
        return None

    def start(self, number: int) -> None:
        """Nothing to note."""

    def decide(self, measurement: Measurement) -> Decision:  # noqa: ARG002 - the port's signature
        """Go on."""
        return Decision.CONTINUE

    def conclude(self, number: int) -> None:
        """Nothing to note."""

    def promotable(self, *, is_closed: bool) -> int | None:  # noqa: ARG002 - the port's signature
        """Nobody is ever paused."""
        return None

    def promote(self, number: int) -> None:
        """Never called: nobody is ever paused."""
