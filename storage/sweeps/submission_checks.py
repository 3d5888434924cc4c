"""What the policies in force say to a sweep before it is written down, however it was submitted."""

from collections.abc import Mapping

from governance.budgets.forecasts import BudgetGate, Forecast
from governance.naming_file import NAMING
from governance.quotas.check import check_quotas
from governance.quotas.file import QUOTAS
from retention.policy_file import RETENTION
from storage.policy_store import PolicyStore
from sweeps.ids import SweepId
from sweeps.specs import SweepSpec


def check_policies(
    sweep_id: SweepId,
    spec: SweepSpec,
    *,
    policies: PolicyStore,
    budgets: BudgetGate,
    source: str,
    lines: Mapping[str, int] | None = None,
    is_elsewhere: bool = False,
    by_platform: bool = False,
) -> Forecast:
    """Hold a sweep to the classes of retention, to names, quotas and budgets; gives what it will cost.

    Args:
        source: What a problem is said to be in.
        lines: Of the keys of its file, from 1, where there is one.
        is_elsewhere: Somebody else, such as Kueue, admits its trials.
        by_platform: Nobody chose its name, nor what it says of itself.

    Raises:
        InvalidSweepFile: It does not comply with its tenant's rules.
        UnknownRetentionClass: Its `retention` is no class of the policy.
        OverBudget: No trial of it could ever start.
        StorageUnavailable: The database does not answer.
    """
    if spec.retention is not None:
        policies.current(RETENTION).value.require_class(spec.retention)
    if not by_platform:
        policies.current(NAMING).value.check(spec, source=source, lines=lines or {})
    quotas = policies.current(QUOTAS).value
    check_quotas(quotas, spec, source=source, lines=lines, is_elsewhere=is_elsewhere)
    return budgets.check(sweep_id, spec)
