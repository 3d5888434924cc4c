"""What is held against a sweep before it is written down, however it was submitted."""

from collections.abc import Mapping

from governance.budgets.forecasts import BudgetGate, Forecast
from governance.features.check import feature_problems
from governance.features.file import FEATURES
from governance.naming import naming_problems, unchecked
from governance.naming_file import NAMING
from governance.quotas.check import quota_problems
from governance.quotas.file import QUOTAS
from retention.policy_file import RETENTION
from storage.policy_store import CurrentPolicies
from storage.sweeps.waits import SweepWaits
from sweeps.errors import InvalidSweepFile, Problem
from sweeps.ids import SweepId
from sweeps.specs import SweepSpec


def check_policies(
    sweep_id: SweepId,
    spec: SweepSpec,
    *,
    policies: CurrentPolicies,
    waits: SweepWaits,
    budgets: BudgetGate,
    source: str,
    lines: Mapping[str, int] | None = None,
    is_elsewhere: bool = False,
    by_platform: bool = False,
) -> Forecast:
    """Hold a sweep to names, quotas, classes, features, waits and budgets; gives what it will cost.

    Args:
        source: What a problem is said to be in.
        lines: Of the keys of its file, from 1, where there is one.
        is_elsewhere: Somebody else, such as Kueue, admits its trials.
        by_platform: Nobody chose its name, nor what it says of itself.

    Raises:
        InvalidSweepFile: It does not comply with the policies, or waits for what it cannot; everything
            at once.
        OverBudget: No trial of it could ever start.
        StorageUnavailable: The database does not answer.
    """
    problems = policy_problems(
        spec, policies=policies, lines=lines, is_elsewhere=is_elsewhere, by_platform=by_platform
    )
    problems += waits.problems(spec, sweep_id=sweep_id, line=(lines or {}).get("after"))
    if problems:
        raise InvalidSweepFile(source, sorted(problems, key=lambda problem: problem.line or 0))
    return budgets.check(sweep_id, spec)


def policy_notes(spec: SweepSpec, *, policies: CurrentPolicies) -> list[str]:
    """What the policies ask of a sweep and nobody can hold it to, in sentences.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    return unchecked(policies.current(NAMING).value.of(spec.tenant))


def policy_problems(
    spec: SweepSpec,
    *,
    policies: CurrentPolicies,
    lines: Mapping[str, int] | None = None,
    is_elsewhere: bool = False,
    by_platform: bool = False,
) -> list[Problem]:
    """Everything that the policies have against a sweep, budgets aside, in the order of its file.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    known = lines or {}
    found: list[Problem] = []
    if not by_platform:
        rules = policies.current(NAMING).value.of(spec.tenant)
        found += naming_problems(rules, spec, lines=known)
    quotas = policies.current(QUOTAS).value
    found += quota_problems(quotas, spec, lines=known, is_elsewhere=is_elsewhere)
    classes = policies.current(RETENTION).value
    problem = classes.class_problem(spec.retention, line=known.get("retention"))
    found += [] if problem is None else [problem]
    found += feature_problems(policies.current(FEATURES), spec, lines=known)
    return sorted(found, key=lambda problem: problem.line or 0)
