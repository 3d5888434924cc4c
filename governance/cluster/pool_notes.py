"""What a person is told who submits a sweep whose data are in storage pools. Pure."""

import itertools
from collections.abc import Iterator, Sequence

from governance.cluster.pools import NearPool, StoragePool, agree, pools_near
from sweeps.datasets import DatasetReference
from sweeps.specs import SweepSpec


def pool_notes(spec: SweepSpec, pools: Sequence[StoragePool]) -> list[str]:
    """Sentences, the pools of its data first, then what cannot be near.

    Args:
        pools: That its tenant may read from.
    """
    near = pools_near([DatasetReference.parse(one).name for one in spec.trial.data], pools)
    return [*map(_place, near), *_contradictions(spec, [one.pool for one in near])]


def _place(near: NearPool) -> str:
    pool, names = near.pool, " and ".join(near.datasets)
    where = f"{names} {'are' if len(near.datasets) > 1 else 'is'} in storage pool {pool.name}"
    if pool.peak is None:
        return f"{where}: trials run on nodes near it where there is room"
    but = f", but for {pool.peak.max_outside}" if pool.peak.max_outside else ""
    return f"{where}: trials run on nodes near it where there is room, {pool.peak} only there{but}"


def _contradictions(spec: SweepSpec, pools: Sequence[StoragePool]) -> Iterator[str]:
    busy = [pool for pool in pools if pool.peak is not None]
    for pool in busy:
        if not agree(spec.trial.pods.node_selector, pool.nodes):
            yield (
                f"no node that trial.kubernetes.node_selector asks for is near storage pool "
                f"{pool.name}: {pool.peak} trials wait until that is over{_or_outside([pool])}"
            )
    for one, other in itertools.combinations(busy, 2):
        if not agree(one.nodes, other.nodes):
            yield (
                f"no node is near both storage pools {one.name} and {other.name}: while it is peak of "
                f"both, trials wait until that is over{_or_outside([one, other])}"
            )


def _or_outside(pools: Sequence[StoragePool]) -> str:
    places = [
        f"one of {pool.peak.max_outside} places outside of {pool.name}"
        for pool in pools
        if pool.peak is not None and pool.peak.max_outside
    ]
    return f", or for {' or '.join(places)}" if places else ""
