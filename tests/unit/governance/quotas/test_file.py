"""The file of quotas: what it says, and everything that is wrong with it at once."""

import datetime as dt
from pathlib import Path

import pytest

from governance.quotas.escalation import USUAL_STEPS
from governance.quotas.file import parse_quotas
from governance.quotas.quota import Amounts, Quotas
from sweeps.errors import InvalidSweepFile

_DEFAULT = Path("governance/policies/quotas.yaml")


def test_the_policy_that_ships_bounds_nobody() -> None:
    quotas = parse_quotas(_DEFAULT.read_text(encoding="utf-8"), source="quotas.yaml")

    assert quotas.capacity.is_open
    assert quotas.of_tenant("anybody").limits.is_open
    assert list(quotas.classes) == ["urgent", "high", "normal", "low", "background"]
    assert quotas.usage.half_life == dt.timedelta(days=7)


def test_an_empty_file_is_a_policy() -> None:
    assert parse_quotas("", source="quotas.yaml") == Quotas()


def test_a_tenant_has_weights_and_limits() -> None:
    text = """
tenants:
  vision:
    weight: 2
    limits: {gpu: 8, gpu_types: {a100: 4}, cpu: 64, memory: 1Gi, trials: 50, storage: 2Gi}
    users: {ana lopez: 2}
    experiments: {digits: 0.5}
"""
    vision = parse_quotas(text, source="quotas.yaml").of_tenant("vision")

    assert vision.weight == 2
    assert vision.limits == Amounts(
        cpu=64, memory_bytes=2**30, gpu=8, gpu_types={"a100": 4}, trials=50
    )
    assert vision.storage_bytes == 2**31
    assert vision.users == {"ana lopez": 2}
    assert vision.experiments == {"digits": 0.5}


def test_steps_of_an_escalation_are_those_of_the_file_or_the_usual_ones() -> None:
    usual = parse_quotas(_DEFAULT.read_text(encoding="utf-8"), source="q").escalation
    own = parse_quotas("escalation: [{after: 90m, to: platform}]", source="q").escalation

    assert usual == parse_quotas("tenants: {}", source="q").escalation == USUAL_STEPS
    assert [(str(step.to), step.after) for step in own] == [("platform", dt.timedelta(minutes=90))]
    assert parse_quotas("escalation: []", source="q").escalation == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("escalation: [{after: 1h}]", "escalation[0].to: 'to' is missing"),
        ("escalation: [{after: 1h, to: boss}]", "escalation[0].to: 'boss' is not known here"),
        (
            "escalation: [{after: 2h, to: owner}, {after: 1h, to: tenant}]",
            "escalation[1].after: it is not later than the step before it, 2:00:00",
        ),
        ("classes: {a: {value: 1}}", "default_class: no class 'normal'; known: a"),
        ("classes: {normal: {value: 1, max_share: 3}}", "classes.normal.max_share: 3 is out of"),
        ("classes: {normal: {}}", "classes.normal.value: 'value' is missing"),
        ("reserved: {share: 0.2}", "reserved.share: it is kept for nobody"),
        ("reserved: {share: 0.2, classes: [x]}", "reserved.classes[0]: no class 'x'"),
        ("tenants: {v: {weight: 0}}", "tenants.v.weight: 0 is out of range"),
        ("tenants: {v: {users: {a: -1}}}", "tenants.v.users.a: -1 is out of range"),
        ("other_tenants: {limits: {gpu: -1}}", "other_tenants.limits.gpu: -1 is out of range"),
        ("capacity: {gpu_types: {A100: 1, a100: 2}}", "'a100' is the same type as 'A100'"),
        ("usage: {half_life: 1s}", "usage.half_life: it is shorter than a minute"),
        ("tenant: {}", "unknown key 'tenant'"),
    ],
)
def test_what_is_wrong_is_told(text: str, problem: str) -> None:
    with pytest.raises(InvalidSweepFile) as caught:
        parse_quotas(text, source="quotas.yaml")

    assert problem in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidSweepFile) as caught:
        parse_quotas("capacity: {gpu: x}\nusage: {influence: -1}\nbackfill: 3", source="q")

    assert len(caught.value.problems) == 3
