"""What a section is asked for."""

from dataclasses import dataclass

from governance.reports.model import Scope
from governance.reports.periods import Period


@dataclass(frozen=True, slots=True)
class Asked:
    """A period of somebody's work."""

    scope: Scope
    period: Period

    @property
    def before(self) -> "Asked":
        """The same of the period before."""
        return Asked(self.scope, self.period.previous)
