"""What a section is asked for."""

from dataclasses import dataclass

from governance.periods import Span
from governance.reports.model import Scope


@dataclass(frozen=True, slots=True)
class Asked:
    """A period of somebody's work."""

    scope: Scope
    period: Span

    @property
    def before(self) -> "Asked":
        """The same of the period before."""
        return Asked(self.scope, self.period.previous)
