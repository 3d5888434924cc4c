"""Brackets: how many trials begin at which rung."""

import math
from collections.abc import Sequence


def bracket_size(s: int, *, s_max: int, reduction_factor: int) -> int:
    """Trials that begin in bracket `s` of Hyperband, the ceil form of Algorithm 1.

    ``n = ceil((s_max + 1) / (s + 1) * eta^s)``: Li et al., "Hyperband: A Novel Bandit-Based
    Approach to Hyperparameter Optimization", JMLR 18 (2018), with ``B = (s_max + 1) R``. Other
    implementations (hpbandster) cut off instead, which gives smaller brackets in between.
    """
    return math.ceil((s_max + 1) * reduction_factor**s / (s + 1))


def bracket_cycle(n_brackets: int, reduction_factor: int) -> Sequence[int]:
    """Bracket of the first, second, ... trial, then over again: Hyperband's shares, interleaved.

    Bracket 0 begins at the lowest rung, gets the largest share, and the first trial. Interleaved
    by smooth weighted round robin, so that any stretch of trials holds about the shares.
    """
    s_max = n_brackets - 1
    weights = [
        bracket_size(s_max - bracket, s_max=s_max, reduction_factor=reduction_factor)
        for bracket in range(n_brackets)
    ]
    total = sum(weights)
    credit = [0] * n_brackets
    cycle: list[int] = []
    for _ in range(total):
        credit = [have + weight for have, weight in zip(credit, weights, strict=True)]
        chosen = max(range(n_brackets), key=lambda bracket: (credit[bracket], -bracket))
        credit[chosen] -= total
        cycle.append(chosen)
    return cycle
