"""Violations of quotas: whom a limit keeps from starting, and who holds more than one allows."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.quotas.file import parse_quotas
from governance.quotas.violations import (
    Stuck,
    Violation,
    ViolationKey,
    ViolationKind,
    find_violations,
)
from governance.scheduling import Demand, Live, Waiting
from governance.scheduling.schedule import schedule
from sweeps.ids import AttemptId

NOW = dt.datetime(2026, 3, 11, 12, tzinfo=dt.UTC)
_RESERVED = """\
capacity: {gpu: 2}
reserved: {share: 0.5, classes: [high]}
classes: {normal: {value: 1}, high: {value: 2}}
"""
MINE, OTHER = "digits-aaaaaaaa", "digits-bbbbbbbb"


def a_trial(sweep: str = MINE, number: int = 1, **fields: object) -> Waiting:
    given: dict[str, object] = {
        "attempt_id": AttemptId(f"{sweep}-{number:05}-a1"),
        "sweep_id": sweep,
        "tenant": "vision",
        "experiment": "digits",
        "owner": "ana",
        "demand": Demand(gpu=1),
        "queued_at": NOW,
        **fields,
    }
    return Waiting(**given)  # pyright: ignore[reportArgumentType]  by name


def live(sweep: str = OTHER, count: int = 1, **fields: object) -> list[Live]:
    numbers = range(1, count + 1)
    trials = (a_trial(sweep, number, **fields) for number in numbers)
    names = Waiting.__dataclass_fields__
    return [
        Live(**{name: getattr(trial, name) for name in names}, began_at=NOW) for trial in trials
    ]


def look(
    text: str,
    *,
    queue: Sequence[Waiting] = (),
    running: Sequence[Live] = (),
    stored: dict[str, int] | None = None,
    is_silent: bool = False,
    kind: str | None = None,
) -> tuple[list[Violation], frozenset[ViolationKey]]:
    """As a pass of the scheduler leaves the queue, or with what it waits for as given."""
    quotas = parse_quotas(text, source="quotas.yaml")
    decided = schedule(queue, running, quotas.capacity, quotas, (), {}, NOW)
    said = {wait.attempt_id: wait for wait in decided.waiting}
    stuck = [
        Stuck(
            trial=trial,
            kind=str(said[trial.attempt_id].kind) if kind is None else kind,
            reason=said[trial.attempt_id].reason,
            is_silent=is_silent,
        )
        for trial in queue
        if trial.attempt_id in said
    ]
    found = find_violations(stuck, running, stored or {}, quotas)
    return list(found.found), found.unsure


def test_a_limit_of_its_own_tenant_that_lets_nothing_start_is_one() -> None:
    text = "tenants: {vision: {limits: {gpu: 2}}}"

    (one,), _ = look(text, queue=[a_trial()], running=live(count=2))

    assert one.key == (ViolationKind.WAITING, "vision", MINE)
    assert one.owner == "ana"
    assert one.what == (
        f"no trial of sweep {MINE} starts: tenant vision may hold 2 GPUs at once, and has 2 GPUs"
    )
    assert one.remedy == (
        "`tenants.vision.limits.gpu: 3` instead of 2 in the policy quotas would let one start; "
        "so would the end of trials that hold it"
    )


def test_every_limit_in_the_way_is_named_with_what_would_let_it_pass() -> None:
    text = "other_tenants: {limits: {gpu_types: {a100: 1}, memory: 1Gi, trials: 1, cpu: 1.5}}"
    demand = Demand(gpu=1, gpu_type="a100-80gb", memory_bytes=2**30)

    (one,), _ = look(text, queue=[a_trial(demand=demand)], running=live(demand=demand))

    for path in ("gpu_types.a100: 2` instead of 1", "memory: 2048Mi`", "trials: 2`", "cpu: 2`"):
        assert f"`other_tenants.limits.{path}" in one.remedy


@pytest.mark.parametrize(
    ("classes", "remedy"),
    [
        ("{value: 1, max_trials: 1}", "`classes.normal.max_trials: 2` instead of 1"),
        ("{value: 1, max_share: 0.25}", "`classes.normal.max_share: 0.5` instead of 0.25"),
    ],
)
def test_so_is_a_limit_of_its_class(classes: str, remedy: str) -> None:
    text = f"classes: {{normal: {classes}}}\ncapacity: {{gpu: 4}}"

    (one,), _ = look(text, queue=[a_trial()], running=live())

    assert one.key.kind is ViolationKind.WAITING
    assert remedy in one.remedy
    assert ("and has" in one.what) == ("max_trials" in classes)  # of others' it says nothing


def test_a_sweep_of_which_something_runs_is_not_kept_from_starting() -> None:
    text = "other_tenants: {limits: {gpu: 2}}"

    assert look(text, queue=[a_trial(number=9)], running=live(MINE, 2)) == ([], frozenset())


def test_capacity_and_budgets_violate_nothing() -> None:
    text = "capacity: {gpu: 2}"

    assert look(text, queue=[a_trial()], running=live(count=2)) == ([], frozenset())
    limited = "other_tenants: {limits: {gpu: 2}}"
    waiting_for_money = look(limited, queue=[a_trial()], running=live(count=2), kind="budget")
    assert waiting_for_money == ([], frozenset())


@pytest.mark.parametrize(
    ("text", "fields", "remedy"),
    [
        (
            "tenants: {vision: {limits: {gpu: 1}}}",
            {},
            "`tenants.vision.limits.gpu: 2` instead of 1",
        ),
        ("capacity: {gpu: 1}", {}, "`capacity.gpu: 2` instead of 1"),
        ("capacity: {gpu_types: {l4: 1}}", {}, "`capacity.gpu_types` with 2 GPUs in all"),
        (
            "capacity: {gpu_types: {l4: 4}}",
            {"demand": Demand(gpu=2, gpu_type="h100")},
            "`capacity.gpu_types` with h100",
        ),
        (
            _RESERVED,
            {},
            "`reserved.share: 0` instead of 0.5",
        ),
        (
            "classes: {normal: {value: 1, tenants: [speech]}}",
            {},
            "'vision' in `classes.normal.tenants` in the policy quotas would let one start; or submit",
        ),
        ("classes: {normal: {value: 1, users: [ben]}}", {}, "'ana' in `classes.normal.users`"),
    ],
)
def test_what_can_never_start_is_one_even_while_some_of_it_runs(
    text: str, fields: dict[str, object], remedy: str
) -> None:
    queue = [a_trial(number=9, **{"demand": Demand(gpu=2), **fields})]

    (one,), _ = look(text, queue=queue)
    while_it_runs, _ = look(text, queue=queue, running=live(MINE, demand=Demand()))

    assert one.key == (ViolationKind.NEVER, "vision", MINE)
    assert "can start as policies are" in one.what
    assert remedy in one.remedy
    assert [other.key for other in while_it_runs] == [one.key]


def test_of_a_controller_that_is_away_nobody_can_tell() -> None:
    text = "other_tenants: {limits: {gpu: 2}}"

    found, unsure = look(text, queue=[a_trial()], running=live(count=2), is_silent=True)

    assert found == []
    assert unsure == {(kind, "vision", MINE) for kind in (ViolationKind.WAITING, "never")}


@pytest.mark.parametrize("kind", ["", "turn", "tenant_limit"])
def test_of_what_may_be_a_limit_nobody_can_tell_either(kind: str) -> None:
    """A trial has ended since the last pass, or the first one of its tenant is waited for."""
    text = "other_tenants: {limits: {gpu: 2}}"
    quotas = parse_quotas(text, source="quotas.yaml")
    stuck = [Stuck(trial=a_trial(), kind=kind, reason="", is_silent=False)]

    found = find_violations(stuck, live(count=1), {}, quotas)

    assert (found.found, found.unsure) == ([], {(ViolationKind.WAITING, "vision", MINE)})


def test_a_tenant_that_holds_more_than_it_may_is_one() -> None:
    text = "tenants: {vision: {limits: {gpu: 2, trials: 9}}}"

    (one,), _ = look(text, running=live(count=3))

    assert one.key == (ViolationKind.OVER, "vision", "gpu")
    assert (one.owner, one.what) == ("", "tenant vision holds 3 GPUs and may hold 2 GPUs")
    assert "`tenants.vision.limits.gpu: 3`" in one.remedy


def test_what_kueue_admits_is_in_no_limit() -> None:
    text = "tenants: {vision: {limits: {gpu: 2}}}"

    assert look(text, running=live(count=3, is_admitted_elsewhere=True)) == ([], frozenset())


def test_a_tenant_that_has_stored_more_than_it_may_is_one() -> None:
    text = "other_tenants: {limits: {storage: 1Gi}}"

    (one,), _ = look(text, stored={"vision": 3 * 2**29 + 1, "speech": 2**30})

    assert one.key == (ViolationKind.OVER, "vision", "storage")
    assert one.what == "tenant vision has 1.5 GiB in the artifact store and may have 1 GiB"
    assert "`other_tenants.limits.storage: 1537Mi`" in one.remedy


_KEYS = {"cpu": "1.234567", "memory": "3Mi", "trials": "2", "gpu": "2", "gpu_types.a100": "1"}
_BOUNDS = st.sampled_from([
    *(f"other_tenants.limits.{key}={value}" for key, value in _KEYS.items()),
    *(f"tenants.vision.limits.{key}={value}" for key, value in _KEYS.items()),
    "classes.normal.max_trials=2",
    "classes.normal.max_share=0.37",
    *(f"capacity.{key}={value}" for key, value in {"cpu": "7.3", "memory": "9Mi", "gpu": "5"}.items()),
    "reserved.share=0.21",
])  # fmt: skip
_DEMANDS = st.builds(
    Demand,
    cpu_millis=st.sampled_from([1000, 1237, 2501]),
    memory_bytes=st.sampled_from([0, 2**20 + 1]),
    gpu=st.integers(0, 3),
    gpu_type=st.sampled_from(["", "a100", "a100-80gb"]),
)


def _file(settings_: Mapping[str, str]) -> str:
    """A file of quotas in which each path has its value."""
    root: dict[str, Any] = {"classes": {"normal": {"value": 1}, "high": {"value": 2}}}
    for path, value in settings_.items():
        *parents, last = path.split(".")
        section = root
        for key in parents:
            section = section.setdefault(key, {})
        section[last] = yaml.safe_load(value)
    if "reserved" in root:
        root["reserved"]["classes"] = ["high"]
    return yaml.safe_dump(root)


@settings(deadline=None, max_examples=150)
@given(st.sets(_BOUNDS, max_size=6), _DEMANDS, st.lists(_DEMANDS, max_size=4))
def test_with_the_values_that_are_named_no_limit_is_in_the_way_any_more(
    bounds: set[str], asked: Demand, held: list[Demand]
) -> None:
    given_ = dict(bound.split("=") for bound in bounds)
    queue = [a_trial(demand=asked)]
    running = [
        one
        for number, demand in enumerate(held)
        for one in live(f"{OTHER}-{number}", demand=demand)
    ]
    found, _ = look(_file(given_), queue=queue, running=running)

    for _ in range(4):  # what was in the way of what can never be, then of what is held, if it is
        mine = [one for one in found if one.key.subject == MINE]
        if not mine:
            break
        values = re.findall(r"`([\w.-]+): ([\w.]+)`", mine[0].remedy)
        assert values
        given_.update(values)
        found, _ = look(_file(given_), queue=queue, running=running)

    assert [one for one in found if one.key.subject == MINE] == []
