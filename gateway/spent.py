"""What a sweep or a run has cost, for its page."""

from gateway.services import Services
from governance.cost.report import GroupBy
from governance.cost.words import cost_line
from storage.cost.holdings import CostFilter
from storage.token_store import TokenOwner
from sweeps.ids import RunId, SweepId


def cost_words(
    services: Services,
    owner: TokenOwner,
    *,
    sweep_id: SweepId | None = None,
    run_id: RunId | None = None,
) -> str:
    """In one line, from the ledger, estimated where it does not reach yet."""
    of = CostFilter(tenant_id=owner.tenant_id, sweep_id=sweep_id, run_id=run_id)
    return cost_line(services.costs.all_of(GroupBy.SWEEP, of=of, now=services.clock.now()))
