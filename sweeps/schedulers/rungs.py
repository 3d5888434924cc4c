"""Where trials are compared: the ladder of resource levels that ASHA and Hyperband share."""

from bisect import bisect_right
from collections.abc import Sequence


def rung_levels(
    *, min_resource: int, max_resource: int, reduction_factor: int, grace: int = 0
) -> tuple[int, ...]:
    """Resource levels of the rungs, ascending, `max_resource` last.

    Counted down from the top, ``R, R/eta, R/eta^2, ...`` with fractions cut off, as in Hyperband
    (Li et al., JMLR 18 (2018), Algorithm 1, line 5) and Determined; so the steps near the top are
    equal however `max_resource` falls. Levels below `min_resource` (r) or `grace` are left out.

    Args:
        min_resource: r in the papers.
        max_resource: R in the papers.
        reduction_factor: eta in the papers, at least 2.
        grace: Levels that are too early to compare trials at, such as a warm-up's.
    """
    lowest = max(min_resource, grace, 1)
    levels = [max_resource]
    power = reduction_factor
    while (level := max_resource // power) >= lowest:
        levels.append(level)
        power *= reduction_factor
    return tuple(reversed(levels))


def rung_below(rungs: Sequence[int], level: int) -> int | None:
    """The highest rung not above `level`, or None below the first."""
    place = bisect_right(rungs, level)
    return rungs[place - 1] if place else None
