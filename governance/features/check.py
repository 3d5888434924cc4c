"""Which features a sweep asks for, and those of them that are off. Pure."""

from collections.abc import Iterator, Mapping

from governance.features.catalogue import Feature
from governance.features.policy import FeaturePolicy, refusal
from sweeps.errors import Problem
from sweeps.policies import AppliedPolicy
from sweeps.specs import SweepSpec


def feature_problems(
    applied: AppliedPolicy[FeaturePolicy],
    spec: SweepSpec,
    *,
    lines: Mapping[str, int] | None = None,
) -> list[Problem]:
    """What a sweep asks for that is switched off for it.

    Asked once, before it is written down: what it was submitted with stays for its life.

    Args:
        lines: Of the keys of the file, from 1, where there is one.
    """
    known, found = lines or {}, list[Problem]()
    for path, feature in _asked(spec):
        refused = refusal(applied, feature, tenant=spec.tenant, experiment=spec.experiment)
        if refused is not None:
            message, hint = refused
            line = known.get(path.partition(".")[0])
            found.append(Problem(path=path, message=message, hint=hint, line=line))
    return found


def _asked(spec: SweepSpec) -> Iterator[tuple[str, Feature]]:
    """Features, each with the key that asks for it."""
    strategy = spec.strategy
    parts = (strategy.searcher.name, strategy.scheduler.name)
    if strategy.name == "bohb" or parts == ("bayes", "hyperband"):  # the same, spelled out
        yield "strategy", Feature.BOHB
    if strategy.searcher.name == "optuna":
        yield "strategy", Feature.OPTUNA
    for section in spec.trial.pods.overrides:
        yield f"trial.kubernetes.{section}", Feature.POD_OVERRIDES
