"""Every kind of policy that this version goes by."""

from typing import Any

from governance.budgets.policy import BUDGETS
from governance.cost.price_file import PRICES
from governance.features.file import FEATURES
from governance.naming_file import NAMING
from governance.promotion.file import PROMOTION
from governance.quotas.file import QUOTAS
from retention.orchestration import ORCHESTRATION
from retention.policy_file import RETENTION
from sweeps.policies import PolicyKind

_ALL: tuple[PolicyKind[Any], ...] = (
    BUDGETS,
    FEATURES,
    NAMING,
    ORCHESTRATION,
    PRICES,
    PROMOTION,
    QUOTAS,
    RETENTION,
)

KINDS: dict[str, PolicyKind[Any]] = {
    kind.name: kind for kind in sorted(_ALL, key=lambda kind: kind.name)
}  #: by name
