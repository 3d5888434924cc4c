"""Suggestions are made ahead of demand where that is switched on."""

from contextlib import closing

import pytest

from assets.sweep import suggesters
from governance.features.catalogue import Feature
from sweeps.background_suggester import BackgroundSuggester
from sweeps.strategies import make_strategy
from sweeps.suggesting import InlineSuggester
from tests.factories import a_spec


class Flags:
    """On for tenant vision alone."""

    def is_on(self, feature: Feature, *, tenant: str, experiment: str) -> bool:
        assert (feature, experiment) == (Feature.SUGGESTIONS_AHEAD, "digits")
        return tenant == "vision"


@pytest.mark.parametrize(
    ("tenant", "kind"), [("vision", BackgroundSuggester), ("speech", InlineSuggester)]
)
def test_a_costly_searcher_works_in_the_background_where_that_is_on(
    tenant: str, kind: type[object]
) -> None:
    spec = a_spec(strategy="bayes", tenant=tenant)

    with closing(suggesters(Flags())(spec, make_strategy(spec))) as suggester:
        assert isinstance(suggester, kind)
