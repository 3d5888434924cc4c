"""A sweep whose trials a limit of its tenant keeps from starting, and who looks at it."""

import datetime as dt
from collections.abc import Sequence

from governance.quotas.escalations import Telling
from governance.tenants import parse_tenants
from storage.database import Pool
from storage.queue.escalations import PostgresEscalations
from sweeps.ids import AttemptId
from tests.contracts.admission_desk_contract import FIRST, SECOND, gpu_spec
from tests.integration.storage.test_admission_store import PostgresDeskWorld

NOW = dt.datetime(2026, 3, 11, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
LIMIT = "other_tenants: {limits: {gpu: %s}}"
TENANTS = """\
contacts: [{name: platform, channel: "#platform"}]
tenants:
  - name: default
    members: [{name: me, email: me@example.org}]
    contacts: [{name: lea, email: lea@example.org}]
"""


class EscalationWorld(PostgresDeskWorld):
    """`FIRST` holds two GPUs, which is all that the tenant may; `SECOND` waits for one."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.escalations = self.another_look()

    def another_look(self) -> PostgresEscalations:
        tenants = parse_tenants(TENANTS, source="tenants.yaml")
        return PostgresEscalations(self.pool, self.policies, lambda: tenants)

    def obstruct(self) -> tuple[list[AttemptId], list[AttemptId]]:
        """Attempts that hold, and that wait."""
        self.set_policy(LIMIT % 2)
        held = self.write(FIRST, gpu_spec(), 2)
        self.desk.ask(FIRST, gpu_spec(), held)
        waiting = self.write(SECOND, gpu_spec(), 1)
        self.desk.ask(SECOND, gpu_spec(), waiting)
        return held, waiting

    def limit(self, gpus: int) -> None:
        """Another limit, by which the scheduler has decided."""
        self.set_policy(LIMIT % gpus)
        self.pass_again()

    def pass_again(self) -> None:
        self.execute("UPDATE scheduling_state SET decided_at = '-infinity'")
        self.another_desk().run_pass()

    def notice(self, hours: float = 0) -> Sequence[str]:
        return self.escalations.notice(NOW + hours * HOUR)

    def tell(self, hours: float = 0) -> list[Telling]:
        with self.escalations.telling(NOW + hours * HOUR) as news:
            return list(news.tellings)
