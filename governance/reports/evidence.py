"""What fails more often than by chance, when much was looked at."""

import math
from collections.abc import Sequence

from governance.reports.tried import ConfigurationOutcomes, PairOutcomes, ValueOutcomes

_FEWEST = 5  # runs or attempts, before a value or a configuration says anything
_WORSE = 1.5  # times the rate of the others: less would be clear, and nothing to do about
_BY_CHANCE = 0.05  # how likely it may be that anything at all is told which is nothing


def fails_clearly_more(
    failed: int, tried: int, *, others_failed: int, others: int, among: int
) -> bool:
    """Whether some fail more often than others do, which chance hardly explains.

    Of two samples with one rate of failure, each lies away from it on its side by ``n * KL`` nats or
    more with a probability of at most ``exp(-n * KL)`` (Chernoff), however few it has; so the sum of
    both, beside the rate that fits both best, reaches ``t`` with at most ``(1 + t) * exp(-t)``. That
    has to be small beside how many are compared: of a thousand configurations some always look bad.

    Args:
        among: How many are compared in this way, at least 1.
    """
    if not tried or not others or failed / tried <= others_failed / others:
        return False
    rate = (failed + others_failed) / (tried + others)
    nats = tried * _divergence(failed / tried, rate)
    nats += others * _divergence(others_failed / others, rate)
    return max(1, among) * (1 + nats) * math.exp(-nats) <= _BY_CHANCE


def _divergence(share: float, rate: float) -> float:
    """Of one coin from another, in nats; `rate` is neither 0 nor 1."""
    return sum(
        part * math.log(part / usual)
        for part, usual in ((share, rate), (1 - share, 1 - rate))
        if part > 0
    )


def worse_configurations(rows: Sequence[ConfigurationOutcomes]) -> list[ConfigurationOutcomes]:
    """Those that fail clearly more often than the others of their experiment, worst first."""
    worse = [
        row
        for row in rows
        if row.attempts >= _FEWEST
        and _is_worse(row.failed, row.attempts, row.others_failed, row.others_attempts)
        and fails_clearly_more(
            row.failed,
            row.attempts,
            others_failed=row.others_failed,
            others=row.others_attempts,
            among=row.tested,
        )
    ]
    return sorted(worse, key=lambda row: (-_excess(row), row.tenant, row.experiment, str(row)))


def worse_pairs(rows: Sequence[PairOutcomes]) -> list[PairOutcomes]:
    """Pairs of values that fail clearly more often than either of the two without the other."""
    worse = [
        row
        for row in rows
        if all(
            _is_worse(row.failed, row.runs, failed, runs)
            and fails_clearly_more(
                row.failed, row.runs, others_failed=failed, others=runs, among=row.tested
            )
            for failed, runs in (
                (row.one_failed, row.one_runs),
                (row.other_failed, row.other_runs),
            )
        )
    ]
    return sorted(worse, key=lambda row: (-row.failed_share * row.runs, _pair_name(row)))


def worse_values(rows: Sequence[ValueOutcomes]) -> list[ValueOutcomes]:
    """Values whose runs fail clearly more often than those with other values, worst first."""
    worse = [
        (row.failed_share - others, row)
        for row in rows
        if row.runs >= _FEWEST
        and (others := row.others_failed_share) is not None
        and row.failed_share >= _WORSE * others
        and fails_clearly_more(
            row.failed,
            row.runs,
            others_failed=row.all_failed - row.failed,
            others=row.all_runs - row.runs,
            among=row.tested,
        )
    ]
    return [row for _, row in sorted(worse, key=lambda item: (-item[0], *_value_name(item[1])))]


def _is_worse(failed: int, tried: int, others_failed: int, others: int) -> bool:
    return bool(others) and failed / tried >= _WORSE * others_failed / others


def _excess(row: ConfigurationOutcomes) -> float:
    """Failures beyond what as many attempts of the others have."""
    return row.failed - row.attempts * row.others_failed / row.others_attempts


def _pair_name(row: PairOutcomes) -> tuple[str, ...]:
    return (row.tenant, row.experiment, row.name, row.value, row.other_name, row.other_value)


def _value_name(row: ValueOutcomes) -> tuple[str, ...]:
    return (row.tenant, row.experiment, row.name, row.value)
