"""Which features are on, and for whom. Pure.

`governance.features.file` reads it from its file; `storage.features` asks what is applied.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol

from governance.features.catalogue import FLAGS, Feature
from sweeps.errors import PermanentError
from sweeps.policies import DEFAULT_VERSION, AppliedPolicy


class FeatureOff(PermanentError):
    """A feature that is switched off for who asks, with whom to turn to and what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRule:
    """For whom a feature is on.

    Tenants and experiments that are named are what `is_on` is about, those of both where both are;
    for everybody else it is the other way round. Where none are named, it is about everybody.
    """

    is_on: bool
    tenants: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()  #: patterns, as of file names

    def is_on_for(self, *, tenant: str, experiment: str) -> bool:
        """Whether it is on for that experiment of that tenant."""
        is_meant = (not self.tenants or tenant in self.tenants) and (
            not self.experiments
            or any(fnmatchcase(experiment, pattern) for pattern in self.experiments)
        )
        return self.is_on is is_meant


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturePolicy:
    """Rules of the features that the file names."""

    rules: Mapping[Feature, FeatureRule] = field(default_factory=dict[Feature, FeatureRule])

    def is_on(self, feature: Feature, *, tenant: str, experiment: str) -> bool:
        """Whether a feature is on; as it ships where the file does not name it."""
        rule = self.rules.get(feature)
        if rule is None:
            return FLAGS[feature].is_on
        return rule.is_on_for(tenant=tenant, experiment=experiment)


class FeatureFlags(Protocol):
    """Which features are on now. `StorageUnavailable` when nobody can say."""

    def is_on(self, feature: Feature, *, tenant: str, experiment: str) -> bool:
        """Whether a feature is on for an experiment of a tenant."""
        ...


def refusal(
    applied: AppliedPolicy[FeaturePolicy], feature: Feature, *, tenant: str, experiment: str
) -> tuple[str, str] | None:
    """That a feature is off, and what to do about it; None: it is on."""
    if applied.value.is_on(feature, tenant=tenant, experiment=experiment):
        return None
    where = f"experiment {experiment} of tenant {tenant}" if experiment else f"tenant {tenant}"
    said, who = "as it ships", "who applies the policies"
    if applied.version != DEFAULT_VERSION:
        said = f"by version {applied.version} of the policy features"
        who = f"{applied.applied_by}, who applied that version,"
    return (
        f"{feature} is switched off for {where}, {said}",
        f"{FLAGS[feature].instead}; or ask {who} to switch it on",
    )
