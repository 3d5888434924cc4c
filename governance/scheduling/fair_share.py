"""Whose turn it is: weighted fair share over dominant resources, of tenants, their users, their experiments.

What somebody holds and has used before is compared in the resource of which it is the largest part
of all that there is (Ghodsi et al., Dominant Resource Fairness, 2011), by weight. Whoever has least
is next. Use of an hour ago counts less than that of now: a tenant's average over the last
half-lives is added to what it holds.
"""

import math
from collections.abc import Iterable, Mapping

from governance.quotas.quota import Quotas
from governance.scheduling.dimensions import CPU, GPU, MEMORY, TRIALS, Dimensions, Limits, Needs
from governance.scheduling.queue import Usage, Waiting, Whose

Path = tuple[str, ...]  #: tenant; tenant and owner; tenant, owner and experiment


class FairShare:
    """What everybody has, kept up as trials are admitted."""

    def __init__(
        self,
        dimensions: Dimensions,
        quotas: Quotas,
        *,
        usage: Mapping[Whose, Usage],
        everybody: Iterable[tuple[Needs, int]],
    ) -> None:
        """`everybody` is asked for, running or not, and counts where no capacity is known."""
        self._n = len(dimensions)
        self._quotas = quotas
        self.parts = _parts(dimensions.capacity(), everybody)  # of all that there is
        self.had: dict[Path, list[float]] = {}
        self.weights: dict[Path, float] = {}
        self.keys: dict[Path, float] = {}
        for whose, used in usage.items():
            self._remember(whose, used, dimensions)

    def enter(self, whose: Whose) -> None:
        """See to it that the nodes of somebody are there."""
        if whose in self.had:
            return
        for depth in (1, 2, 3):
            path = whose[:depth]
            if path not in self.had:
                self.had[path] = [0.0] * self._n
                self.weights[path] = self._weight(path)
                self.keys[path] = 0.0

    def add(self, whose: Whose, needs: Needs) -> None:
        """Somebody holds more than before."""
        parts = self.parts
        for path in (whose[:1], whose[:2], whose):
            had, weight, key = self.had[path], self.weights[path], self.keys[path]
            for index, amount in needs:
                had[index] += amount
                share = had[index] * parts[index] / weight
                key = max(key, share)
            self.keys[path] = key

    def shares(self) -> dict[str, float]:
        """Of each tenant, by weight."""
        return {path[0]: key for path, key in sorted(self.keys.items()) if len(path) == 1}

    def _remember(self, whose: Whose, used: Usage, dimensions: Dimensions) -> None:
        # Holding one core for ever adds up to so many core hours, old ones decayed.
        hours = self._quotas.usage.half_life.total_seconds() / 3600 / math.log(2)
        scale = self._quotas.usage.influence / hours
        self.enter(whose)
        average = [0.0] * self._n
        average[CPU] = used.cpu_hours * 1000 * scale
        average[MEMORY] = used.memory_gib_hours * 2**30 * scale
        for kind, gpu_hours in used.gpu_hours.items():
            average[GPU] += gpu_hours * scale
            for index in dimensions.counted_as(kind) if kind else ():
                average[index] += gpu_hours * scale
        for path in (whose[:1], whose[:2], whose):
            had, weight = self.had[path], self.weights[path]
            for index, amount in enumerate(average):
                had[index] += amount
            self.keys[path] = max(
                h * part / weight for h, part in zip(had, self.parts, strict=True)
            )

    def _weight(self, path: Path) -> float:
        quota = self._quotas.of_tenant(path[0])
        match len(path):
            case 1:
                return quota.weight
            case 2:
                return quota.users.get(path[1], 1.0)
            case _:
                return quota.experiments.get(path[2], 1.0)


def whose(trial: Waiting) -> Whose:
    """Whose share a trial counts for."""
    return trial.tenant, trial.owner, trial.experiment


def _parts(capacity: Limits, everybody: Iterable[tuple[Needs, int]]) -> list[float]:
    """What one unit of each dimension is of all that there is.

    What is not bounded is not scarce and counts for nobody. When nothing is bounded at all, the
    whole is what is asked for.
    """
    counts = [index != TRIALS for index in range(len(capacity))]
    bounded = [c and bound != math.inf for c, bound in zip(counts, capacity, strict=True)]
    if any(bounded):
        return [
            1 / bound if is_bounded and bound > 0 else 0.0
            for is_bounded, bound in zip(bounded, capacity, strict=True)
        ]
    asked = [0.0] * len(capacity)
    for needs, count in everybody:
        for index, amount in needs:
            asked[index] += amount * count
    return [1 / whole if c and whole > 0 else 0.0 for c, whole in zip(counts, asked, strict=True)]
