import pytest

from governance.tenants import TenantDirectory, parse_tenants
from sweeps.errors import AccessDenied, InvalidSweepFile, UnknownTenant

FILE = """\
tenants:
  - name: vision
    members: [ana, ben]
    defaults: {limits: {max_parallel: 2, trial_timeout: 5m}}
  - name: speech
"""


def test_the_default_tenant_needs_no_file() -> None:
    assert TenantDirectory().require("default").name == "default"


def test_an_unknown_tenant_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownTenant) as caught:
        parse_tenants(FILE, source="tenants.yaml").require("nlp")

    assert caught.value.known == ("default", "speech", "vision")


def test_only_members_own_sweeps_of_a_tenant_that_names_them() -> None:
    tenants = parse_tenants(FILE, source="tenants.yaml")

    tenants.require("vision").require_member("ana")
    tenants.require("speech").require_member("anybody")
    with pytest.raises(AccessDenied):
        tenants.require("vision").require_member("eve")


def test_defaults_follow_the_rules_of_sweep_files() -> None:
    with pytest.raises(InvalidSweepFile) as caught:
        parse_tenants(FILE.replace("5m", "soon"), source="tenants.yaml")

    (problem,) = caught.value.problems
    assert problem.path == "tenants[0].defaults.limits.trial_timeout"
    assert problem.line == 4


@pytest.mark.parametrize("text", ["", "tenants: 3", "tenants: [{name: X Y}]", "tenants: [{}]"])
def test_a_broken_tenant_file_is_refused(text: str) -> None:
    with pytest.raises(InvalidSweepFile):
        parse_tenants(text, source="tenants.yaml")


def test_a_tenant_declared_twice_is_refused() -> None:
    with pytest.raises(InvalidSweepFile):
        parse_tenants("tenants: [{name: a}, {name: a}]", source="tenants.yaml")
