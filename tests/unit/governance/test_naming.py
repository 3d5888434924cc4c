"""Rules of names, owners, purposes, tags and links; tiers; where task ids lead to."""

import dataclasses
from importlib.resources import files

import hypothesis.strategies as st
import pytest
from hypothesis import given

from governance.naming import NamingPolicy, unchecked, with_tiers
from governance.naming_file import NAMING, parse_naming
from sweeps.errors import InvalidSweepFile
from sweeps.run_filters import Any, Comparison, Kind, Not, parse_filter
from sweeps.tags import Tag, is_web_address
from tests.factories import a_spec

STRICT = """
default:
  experiment: {pattern: "[a-z]+-[a-z0-9-]+", example: vision-digits}
  owner: {pattern: "[a-z]+@example[.]org", example: ana@example.org}
  purpose: {min_length: 40}
  expected_outcome: true
  tags:
    - {name: team, values: {pattern: vision|speech, example: vision}}
    - {name: quarter}
  link: {pattern: "VIS-[0-9]+", example: VIS-123}
  tiers:
    - {name: high_recall, when: recall >= 0.95}
tenants:
  - {name: lax, experiment: {pattern: ".*", example: x}, expected_outcome: false, tags: []}
trackers:
  - {pattern: "VIS-[0-9]+", url: "https://tracker.example.org/browse/{id}"}
  - {pattern: '[a-z]+/[a-z]+#\\d+', url: "https://code.example.org/{id}"}
"""


@pytest.fixture(scope="module")
def strict() -> NamingPolicy:
    return parse_naming(STRICT, source="naming.yaml")


def test_the_policy_that_ships_asks_for_nothing() -> None:
    text = (files(NAMING.package) / NAMING.file_name).read_text(encoding="utf-8")

    parse_naming(text, source="naming.yaml").check(a_spec(), source="sweep.yaml")


def test_everything_that_is_missing_is_told_at_once(strict: NamingPolicy) -> None:
    with pytest.raises(InvalidSweepFile) as caught:
        strict.check(a_spec(), source="sweep.yaml", lines={"experiment": 3, "owner": 4})

    told = {(problem.path, problem.line) for problem in caught.value.problems}
    assert told == {
        ("experiment", 3), ("owner", 4), ("purpose", None), ("expected_outcome", None),
        ("tags", None), ("links", None),
    }  # fmt: skip
    assert len(caught.value.problems) == 7
    hints = " ".join(problem.hint for problem in caught.value.problems)
    for example in ("vision-digits", "ana@example.org", "team=vision", "quarter", "VIS-123"):
        assert example in hints


def test_what_complies_passes(strict: NamingPolicy) -> None:
    spec = dataclasses.replace(
        a_spec(experiment="vision-digits"),
        owner="ana@example.org",
        purpose="Whether a wider network is worth its price on digits.",
        expected_outcome="It is not.",
        tags=(Tag("team", "vision"), Tag("quarter", "2026q4")),
        links=("VIS-7",),
    )

    strict.check(spec, source="sweep.yaml")


def test_a_tag_of_another_value_is_told(strict: NamingPolicy) -> None:
    spec = dataclasses.replace(a_spec(), tags=(Tag("team", "sales"), Tag("quarter")))

    with pytest.raises(InvalidSweepFile) as caught:
        strict.check(spec, source="sweep.yaml")

    (problem,) = [p for p in caught.value.problems if p.path == "tags"]
    assert "'sales'" in problem.message
    assert "team=vision" in problem.hint


def test_a_tenant_changes_what_it_names(strict: NamingPolicy) -> None:
    rules = strict.of("lax")

    assert rules.tags == ()
    assert not rules.needs_expected_outcome
    assert rules.min_purpose == 40
    assert list(rules.tiers) == ["high_recall"]


def test_who_says_nothing_asks_for_nothing() -> None:
    assert parse_naming("# nothing\n", source="naming.yaml") == NamingPolicy()


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("purpose: {min_length: 40}", "purpose: {min_length: -1}", "default.purpose.min_length"),
        ('"[a-z]+-[a-z0-9-]+"', '"["', "default.experiment.pattern"),
        ('"[a-z]+-[a-z0-9-]+"', '"a{99999999999}"', "default.experiment.pattern"),
        ('"[a-z]+-[a-z0-9-]+"', '"(?!test).*"', "default.experiment.pattern"),
        ("example: vision-digits", "example: Vision", "default.experiment.example"),
        ("recall >= 0.95", "recall >=", "default.tiers[0].when"),
        ("recall >= 0.95", "tier = fast", "default.tiers[0].when"),
        ("name: quarter", "name: team", "default.tags[1].name"),
        ("name: quarter", "name: a b", "default.tags[1].name"),
        ("https://tracker.example.org/browse/{id}", "javascript:{id}", "trackers[0].url"),
        ("https://tracker.example.org/browse/{id}", "https://{id}.org/", "trackers[0].url"),
        ("https://tracker.example.org/browse/{id}", "https://x.org/", "trackers[0].url"),
        ("expected_outcome: true", "expected_outcom: true", "default.expected_outcom"),
        ("tenants:", "tenants:\n  - {name: lax}", "tenants[1].name"),
    ],
)
def test_a_mistake_in_the_file_is_named(old: str, new: str, path: str) -> None:
    assert old in STRICT

    with pytest.raises(InvalidSweepFile) as caught:
        parse_naming(STRICT.replace(old, new, 1), source="naming.yaml")

    assert path in {problem.path for problem in caught.value.problems}


def test_task_ids_lead_to_their_tracker(strict: NamingPolicy) -> None:
    assert strict.url_of("VIS-12") == "https://tracker.example.org/browse/VIS-12"
    assert strict.url_of("team/repo#12") == "https://code.example.org/team/repo%2312"
    assert strict.url_of("https://x.org/a") == "https://x.org/a"
    assert strict.url_of("OPS-1") is None


@given(st.text(max_size=40))
def test_nothing_leads_anywhere_but_to_the_web(target: str) -> None:
    anything = "trackers: [{pattern: '(?s).*', url: 'https://t.example/{id}'}]"
    url = parse_naming(anything, source="naming.yaml").url_of(target)

    assert url is None or (is_web_address(url) and url.startswith(("https://", "http://")))
    if url is not None and not is_web_address(target):
        assert url.startswith("https://t.example/")


def test_a_tier_is_its_condition_or_a_persons_word(strict: NamingPolicy) -> None:
    tiers = strict.of("default").tiers
    by_hand = Comparison(Kind.TIER, "tier", "=", "high_recall")

    assert with_tiers(parse_filter("tier = high_recall"), tiers) == Any(
        (by_hand, Comparison(Kind.LAST, "recall", ">=", 0.95))
    )
    assert with_tiers(parse_filter("tier != high_recall"), tiers) == Not(
        Any((by_hand, Comparison(Kind.LAST, "recall", ">=", 0.95)))
    )
    assert with_tiers(parse_filter("tier = other and a > 1"), tiers) == parse_filter(
        "tier = other and a > 1"
    )


ONCE_GOOD = """
default: {owner: {pattern: "[a-z]+", example: me}}
tenants:
  - name: vision
    experiment: {pattern: '(?=a)[a-z]+', example: a}
    tags: [{name: team, values: {pattern: '(.)\\1', example: aa}}]
    link: {pattern: '(?<!x)VIS', example: VIS}
trackers:
  - {pattern: '(?=VIS)VIS-[0-9]+', url: "https://tracker.example.org/{id}"}
  - {pattern: 'WEB-[0-9]+', url: "https://web.example.org/{id}"}
"""


def test_patterns_that_were_good_once_are_held_against_nobody_and_told() -> None:
    with pytest.raises(InvalidSweepFile) as caught:
        parse_naming(ONCE_GOOD, source="naming.yaml")
    policy, left_out = NAMING.read_applied(ONCE_GOOD, source="naming (version 1)")
    spec = a_spec(tenant="vision", experiment="words")
    spec = dataclasses.replace(spec, tags=(Tag("team", "x"),))

    assert len(caught.value.problems) == 4
    assert [sentence.partition(":")[0] for sentence in left_out] == [
        "tenants[0].experiment.pattern",
        "tenants[0].tags[0].values.pattern",
        "tenants[0].link.pattern",
        "trackers[0].pattern",
    ]
    policy.check(dataclasses.replace(spec, links=("VIS",)), source="x")
    told = unchecked(policy.of("vision"))
    assert [sentence.partition(" was not checked")[0] for sentence in told] == [
        "experiment",
        "tag team",
        "links",
    ]
    assert "asks for '(?=a)[a-z]+', and it looks around, or back" in told[0]
    assert unchecked(policy.of("speech")) == []
    assert [policy.url_of(task) for task in ("VIS-1", "WEB-1")] == [
        None,
        "https://web.example.org/WEB-1",
    ]


def test_what_can_be_checked_of_such_a_version_still_is() -> None:
    policy, _ = NAMING.read_applied(ONCE_GOOD, source="naming (version 1)")

    with pytest.raises(InvalidSweepFile) as caught:
        policy.check(dataclasses.replace(a_spec(tenant="vision"), owner="ME", tags=()), source="x")

    assert [problem.path for problem in caught.value.problems] == ["owner", "tags", "links"]


def test_other_mistakes_of_such_a_version_are_not_forgiven() -> None:
    with pytest.raises(InvalidSweepFile):
        NAMING.read_applied("default: {purpose: {min_length: -1}}", source="naming (version 1)")
