"""Which features are on, by what is applied now."""

from governance.features.catalogue import Feature
from governance.features.file import FEATURES
from governance.features.policy import FeatureOff, FeaturePolicy, refusal
from storage.policy_store import CurrentPolicies


class AppliedFeatures:
    """`governance.features.policy.FeatureFlags`, asked anew each time.

    Every method raises `StorageUnavailable` when the database does not answer.
    """

    def __init__(self, policies: CurrentPolicies) -> None:
        self._policies = policies

    def now(self) -> FeaturePolicy:
        """What is applied, for who asks about many at once."""
        return self._policies.current(FEATURES).value

    def is_on(self, feature: Feature, *, tenant: str, experiment: str) -> bool:
        """Whether a feature is on for an experiment of a tenant."""
        return self.now().is_on(feature, tenant=tenant, experiment=experiment)

    def require(self, feature: Feature, *, tenant: str, experiment: str) -> None:
        """Raise `FeatureOff`, with what to do instead, unless it is on."""
        sentence = self.refusal(feature, tenant=tenant, experiment=experiment)
        if sentence is not None:
            raise FeatureOff(sentence)

    def refusal(self, feature: Feature, *, tenant: str, experiment: str) -> str | None:
        """That a feature is off, and what to do about it, in a sentence; None: it is on."""
        applied = self._policies.current(FEATURES)
        refused = refusal(applied, feature, tenant=tenant, experiment=experiment)
        return None if refused is None else "; ".join(refused)
