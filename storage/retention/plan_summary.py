"""What a plan comes to, in numbers: what goes, what is spared, what goes cold and what that saves."""

from decimal import Decimal
from typing import Any

import numpy as np

from governance.cost.prices import PriceBook, Resource
from retention.cold import STORAGE_CLASSES
from retention.plans import RetentionPlan
from sweeps.blobs import StorageClass
from sweeps.policies import DEFAULT_VERSION, AppliedPolicy

_GIB = 2**30
#: What a plan says where the policy asks for what the store cannot do.
NO_CLASSES = (
    "the policy has files go cold, and this installation keeps its artifacts in a folder, which has no "
    "storage classes: nothing moves"
)


def summary_of(found: RetentionPlan) -> dict[str, Any]:
    """What a plan comes to, in numbers."""
    going = found.shares()
    return {
        "artifacts": len(found.world.artifacts),
        "runs": len(found.world.runs),
        "stored_bytes": int(found.world.artifacts.sizes.sum()),
        "goes": {rule.value: _share(one.count, one.size_bytes) for rule, one in going.items()},
        "spared": {
            guard.value: _share(one.count, one.size_bytes) for guard, one in found.spared().items()
        },
        "tiers": {drop.tier.value: drop.before.isoformat() for drop in found.tiers},
        "exports": sum(len(drop.exports) for drop in found.tiers),
        "freed_bytes": found.freed_bytes,
    }


def _share(count: int, size_bytes: int) -> dict[str, int]:
    return {"count": count, "bytes": size_bytes}


def cold_summary(
    found: RetentionPlan, prices: AppliedPolicy[PriceBook], *, is_asked: bool, has_classes: bool
) -> dict[str, Any] | None:
    """The numbers of a plan; None when no class of the policy has anything go cold.

    Args:
        is_asked: Whether one has.
        has_classes: Whether the store can do it.
    """
    if not is_asked:
        return None
    sizes = found.world.artifacts.sizes[found.cold.artifacts]
    by_class: dict[str, dict[str, Any]] = {}
    for code in np.unique(found.cold.classes):
        of_class = sizes[found.cold.classes == code]
        storage_class = STORAGE_CLASSES[int(code)]
        size = int(of_class.sum())
        saves = _saves(size, storage_class, prices.value, found)
        by_class[storage_class.value] = {
            "count": len(of_class),
            "bytes": size,
            "saves_usd": None if saves is None else float(saves),
        }
    return {
        "classes": by_class,
        "has_example_prices": prices.version == DEFAULT_VERSION,
        "warning": None if has_classes else NO_CLASSES,
    }


def _saves(
    size_bytes: int, storage_class: StorageClass, book: PriceBook, found: RetentionPlan
) -> Decimal | None:
    """Dollars in a month; None: the book does not have both prices."""
    warm, cold = (
        book.price(Resource.STORAGE, at=found.made_at, kind=one.value)
        for one in (StorageClass.STANDARD, storage_class)
    )
    if warm is None or cold is None:
        return None
    return (warm - cold) * size_bytes / _GIB
