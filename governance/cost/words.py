"""Money in words."""

from governance.cost.report import CostSheet, total
from sweeps.money import dollars


def cost_line(sheet: CostSheet) -> str:
    """What something cost, in one line: ``$1.25, 2.5 GPU-hours, 3% for idle GPUs``."""
    spent = total(sheet.lines)
    parts = [dollars(spent.amount_usd)]
    if spent.gpu_hours:
        parts.append(f"{spent.gpu_hours:.4g} GPU-hours")
    else:
        parts.append(f"{spent.core_hours:.4g} core-hours")
    if spent.waste_share:
        parts.append(f"{spent.waste_share:.0%} for idle GPUs")
    if spent.lost_share:
        parts.append(f"{spent.lost_share:.0%} for work that failed")
    if spent.unpriced:
        parts.append("some of it without a price")
    return ", ".join(parts) + (" (example prices)" if sheet.has_example_prices else "")
