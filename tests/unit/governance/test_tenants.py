"""Tenants: who belongs to them, what their sweeps default to, and files that are wrong."""

import contextlib
import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.contacts import Contact
from governance.tenants import NotAMember, Tenant, TenantDirectory, parse_tenants
from sweeps.errors import AccessDenied, InvalidSweepFile, Problem, UnknownTenant
from sweeps.sweep_files import parse_text

CONTACTS = """\
contacts: [{name: platform, channel: "#platform", role: on call}]
tenants:
  - name: vision
    members: [ana, {name: ben, email: ben@example.org}]
    contacts: [{name: lea, email: lea@example.org, url: "https://example.org/vision"}]
"""
FILE = """\
tenants:
  - name: vision
    members: [ana, ben]
    defaults: {limits: {max_parallel: 2, trial_timeout: 5m}}
  - name: speech
"""
SWEEP = """\
experiment: digits
tenant: vision
owner: ana
purpose: Which network is best?
objective: {metric: val_accuracy, direction: maximize}
space: {lr: [0.1, 0.2]}
limits: {max_trials: 2, trial_timeout: 90s}
trial: {command: [python, train.py]}
"""


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidSweepFile) as caught:
        parse_tenants(text, source="tenants.yaml")
    assert caught.value.source == "tenants.yaml"
    return caught.value.problems


def test_the_default_tenant_needs_no_file() -> None:
    assert TenantDirectory().require("default") == Tenant(name="default")


def test_a_file_may_say_more_about_the_default_tenant() -> None:
    tenants = parse_tenants("tenants: [{name: default, members: [ana]}]", source="x")

    assert tenants.require("default").members == ("ana",)


def test_a_file_without_tenants_leaves_the_default_one() -> None:
    tenants = parse_tenants("tenants: []", source="x")

    assert tenants.require("default").name == "default"


def test_an_unknown_tenant_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownTenant) as caught:
        parse_tenants(FILE, source="tenants.yaml").require("nlp")

    assert caught.value.tenant == "nlp"
    assert caught.value.known == ("default", "speech", "vision")


@pytest.mark.parametrize(
    ("by", "owner", "may"),
    [("ana", "ana", True), ("ana", "ben", False), ("ci", "ben", True), ("home", "ana", True)],
)
def test_a_member_submits_as_that_member_only(by: str, owner: str, may: bool) -> None:
    tenant = Tenant(name="vision", members=("ana", "ben"))

    with contextlib.nullcontext() if may else pytest.raises(NotAMember, match="owner: ana"):
        tenant.require_own(owner, by=by)


def test_where_nobody_is_named_everybody_submits_for_everybody() -> None:
    Tenant(name="vision").require_own("ben", by="ana")


def test_only_members_own_sweeps_of_a_tenant_that_names_them() -> None:
    tenants = parse_tenants(FILE, source="tenants.yaml")

    tenants.require("vision").require_member("ana")
    tenants.require("speech").require_member("anybody")
    with pytest.raises(AccessDenied, match="'eve' is no member of tenant 'vision'"):
        tenants.require("vision").require_member("eve")


def test_a_member_that_looks_like_a_number_is_the_owner_that_does() -> None:
    tenants = parse_tenants("tenants: [{name: a, members: [007]}]", source="x")

    tenants.require("a").require_member("007")


def test_tenants_members_and_the_installation_have_addresses() -> None:
    directory = parse_tenants(CONTACTS, source="tenants.yaml")

    vision = directory.require("vision")
    assert vision.members == ("ana", "ben")
    assert vision.member("ben").words == "ben (ben@example.org)"
    assert vision.member("ana") == Contact(name="ana")
    assert [one.words for one in vision.contacts] == [
        "lea (lea@example.org, https://example.org/vision)"
    ]
    assert [one.words for one in directory.contacts] == ["platform, on call (#platform)"]


@pytest.mark.parametrize(
    ("old", "new", "path", "line", "message", "hint"),
    [
        ("ben@example.org", "ben", "tenants[0].members[1].email", 4, "cannot be", "ana@example.org"),
        ("{name: ben,", "{name: ana,", "tenants[0].members[1]", 4, "'ana' appears twice", "keep one"),
        ("email: ben@example.org", "phone: 1", "tenants[0].members[1].phone", 4, "unknown", "email"),
        ("name: lea, ", "", "tenants[0].contacts[0].name", 5, "missing", "ana"),
        ("https://", "ftp://", "tenants[0].contacts[0].url", 5, "cannot be", "https://"),
        ('channel: "#platform", ', "", "contacts[0]", 1, "has no address", "email: "),
        ('"#platform"', '"# platform"', "contacts[0].channel", 1, "cannot be", "#vision"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_address_is_named(
    old: str, new: str, path: str, line: int, message: str, hint: str
) -> None:
    assert old in CONTACTS

    (problem,) = problems_of(CONTACTS.replace(old, new))

    assert (problem.path, problem.line) == (path, line)
    assert message in problem.message
    assert hint in problem.hint


def test_defaults_fill_only_what_a_sweep_file_leaves_out() -> None:
    tenant = parse_tenants(FILE, source="tenants.yaml").require("vision")

    limits = parse_text(SWEEP, source="x", defaults=tenant.defaults).limits

    assert limits.max_parallel == 2
    assert limits.trial_timeout == dt.timedelta(seconds=90)


@pytest.mark.parametrize(
    ("old", "new", "path", "line", "message", "hint"),
    [
        ("5m", "soon", "tenants[0].defaults.limits.trial_timeout", 4, "'soon'", "30m"),
        ("max_parallel: 2", "max_parallel: 0", "tenants[0].defaults.limits.max_parallel", 4, "0", "1 to"),
        ("max_parallel: 2", "max_parallell: 2", "tenants[0].defaults.limits.max_parallell", 4, "unknown", "'max_parallel'"),
        ("{limits:", "{priority: 1, limits:", "tenants[0].defaults.priority", 4, "not supported", "remove it"),
        ("{limits:", "{budget: 1, limits:", "tenants[0].defaults.budget", 4, "unknown", "limits"),
        ("    members", "    quota: 1\n    members", "tenants[0].quota", 3, "not supported", "remove it"),
        ("[ana, ben]", "ana", "tenants[0].members", 3, "'ana' is no list", "[ana, ben]"),
        ("[ana, ben]", "[]", "tenants[0].members", 3, "empty", "[ana, ben]"),
        ("[ana, ben]", "[ana, ~]", "tenants[0].members[1]", 3, "null", "'ana'"),
        ("name: speech", "name: Speech Team", "tenants[1].name", 5, "'Speech Team'", "vision"),
        ("name: speech", "members: [ana]", "tenants[1].name", 5, "missing", "vision"),
        ("name: speech", "name: vision", "tenants[1].name", 5, "'vision' appears twice", "keep one"),
        ("- name: speech", "- speech", "tenants[1]", 5, "'speech'", "name"),
        ("tenants:\n", "teams: 1\ntenants:\n", "teams", 1, "unknown key", "'tenants'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_a_way_out(
    old: str, new: str, path: str, line: int, message: str, hint: str
) -> None:
    assert old in FILE

    problem = problems_of(FILE.replace(old, new))[0]

    assert (problem.path, problem.line) == (path, line)
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize("text", ["", "tenants: 3", "tenants:", "{}", "a: [", "tenants: [{}]"])
def test_what_is_no_tenant_file_at_all_is_refused(text: str) -> None:
    assert problems_of(text)


def test_all_mistakes_are_told_at_once() -> None:
    text = FILE.replace("5m", "soon").replace("[ana, ben]", "5").replace("speech", "X Y")

    assert [problem.line for problem in problems_of(text)] == [3, 4, 5]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(FILE)), st.integers(0, 20), st.text(max_size=6))
def test_a_damaged_file_is_read_or_refused(at: int, lost: int, inserted: str) -> None:
    text = FILE[:at] + inserted + FILE[at + lost :]

    with contextlib.suppress(InvalidSweepFile):
        assert parse_tenants(text, source="x").require("default")
