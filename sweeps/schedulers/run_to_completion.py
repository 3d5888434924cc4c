"""No early stopping: every trial runs to its own end."""

from sweeps.states import Decision
from sweeps.trials import Report


class RunToCompletion:
    """A `TrialScheduler` that never intervenes."""

    @property
    def rungs(self) -> tuple[int, ...]:
        """None: nobody is compared before the end."""
        return ()

    def decide(self, report: Report) -> Decision:  # noqa: ARG002 - the port's signature
        """Go on."""
        return Decision.CONTINUE
