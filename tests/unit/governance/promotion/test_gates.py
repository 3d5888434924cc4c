"""Gates: what is asked is held to what is known, and what is not known has not passed."""

import math
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.lineage.rules import ModelFacts
from governance.promotion.gates.facts import (
    DataState,
    JudgingCode,
    MeasuredWith,
    RerunState,
    Subject,
    TrainingCost,
)
from governance.promotion.gates.judgement import judge
from governance.promotion.gates.results import Verdict, in_words, overall
from governance.promotion.gates.statistic import statistic
from governance.promotion.holdout import Leak, Leaks
from governance.promotion.policy import Gate, Statistic
from sweeps.ids import RunId
from sweeps.lineage import Node
from sweeps.objectives import Direction
from sweeps.reproduction import Verdict as Reproduction
from tests.unit.governance.promotion.worlds import (
    THRESHOLD,
    a_rule,
    gate,
    measured,
    run_facts,
    some_facts,
    used,
)

COMPARED = (
    "not_worse_than_production: [{metric: accuracy, direction: maximize, margin: %s, on: %s}]"
)
PRODUCTION = Subject.PRODUCTION
finite = st.floats(-1e6, 1e6)


def test_a_candidate_that_lacks_nothing_passes_every_gate_and_each_has_a_result() -> None:
    results = judge(a_rule(), some_facts())

    assert [result.gate for result in results] == list(Gate)
    assert overall(results) is Verdict.PASSED
    assert in_words(results) == "every gate has passed"


@pytest.mark.parametrize(
    ("on", "bound", "passes"),
    [
        ("mean", 0.96, True),
        ("mean", 0.961, False),
        ("worst", 0.95, True),
        ("worst", 0.951, False),
        ("confidence", 0.943, True),  # 0.96 - 2.92 * 0.01 / sqrt(3) = 0.94314
        ("confidence", 0.944, False),
    ],
)
def test_a_threshold_is_held_to_the_mean_the_worst_seed_or_a_confidence_bound(
    on: str, bound: float, passes: bool
) -> None:
    asked = f"thresholds: [{{metric: accuracy, at_least: {bound}, on: {on}}}]"

    found = gate(asked, Gate.THRESHOLDS)

    assert found.verdict is (Verdict.PASSED if passes else Verdict.FAILED)
    (criterion,) = found.criteria
    assert criterion.bound == bound
    assert criterion.evidence == {
        "by_seed": {"1": 0.95, "2": 0.96, "3": 0.97},
        "runs": ["candidate-00001", "candidate-00002", "candidate-00003"],
    }


def test_a_ceiling_turns_round_what_is_worst() -> None:
    asked = "serving: [{metric: latency, at_most: 20, on: worst}], " + THRESHOLD
    values = [*measured(0.95, 0.96, 0.97), *measured(10, 21, 12, metric="latency")]
    merged = [
        type(one)(
            run_id=one.run_id,
            subject=one.subject,
            seed=one.seed,
            metrics={**one.metrics, **other.metrics},
        )
        for one, other in zip(values[:3], values[3:], strict=True)
    ]

    found = gate(asked, Gate.SERVING, measurements=merged)

    assert found.verdict is Verdict.FAILED
    assert found.criteria[0].value == 21


@pytest.mark.parametrize(
    ("name", "before"),
    [(Gate.THRESHOLDS, "thresholds"), (Gate.SERVING, f"{THRESHOLD}, serving")],
)
@pytest.mark.parametrize("on", list(Statistic))
@pytest.mark.parametrize("bound", ["at_least: -1.0e+9", "at_most: 1.0e+9"])
@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_an_infinity_reaches_no_bound(
    name: Gate, before: str, on: str, bound: str, value: float
) -> None:
    """Also one that the worst seed, or a mean, would hide."""
    asked = f"{before}: [{{metric: accuracy, {bound}, on: {on}}}]"

    found = gate(asked, name, measurements=measured(0.95, value, 0.97))

    assert found.verdict is Verdict.FAILED


@pytest.mark.parametrize("on", list(Statistic))
@pytest.mark.parametrize("bound", ["at_least: -1.0e+9", "at_most: 1.0e+9"])
def test_nan_reaches_no_bound(on: str, bound: str) -> None:
    asked = f"thresholds: [{{metric: accuracy, {bound}, on: {on}}}]"

    found = gate(asked, Gate.THRESHOLDS, measurements=measured(0.95, math.nan, 0.97))

    assert found.verdict is Verdict.FAILED
    value = found.criteria[0].value
    assert isinstance(value, float)
    assert math.isnan(value)


def test_a_seed_that_was_not_measured_is_missing() -> None:
    found = gate(THRESHOLD, Gate.THRESHOLDS, measurements=measured(0.95, 0.96))

    assert found.verdict is Verdict.FAILED
    assert found.criteria[0].value == "not measured with seed 3"


@pytest.mark.parametrize(
    ("margin", "on", "theirs", "passes"),
    [
        (0, "mean", (0.96, 0.96, 0.96), True),
        (0, "mean", (0.97, 0.97, 0.97), False),
        (0.01, "mean", (0.97, 0.97, 0.97), True),
        (-0.02, "mean", (0.95, 0.95, 0.95), False),
        (0, "worst", (0.95, 1.0, 1.0), True),
        (0, "worst", (0.951, 0.99, 0.99), False),
        (0.01, "confidence", (0.95, 0.96, 0.97), True),  # seeds in pairs: no difference at all
        (0.01, "confidence", (0.97, 0.96, 0.95), False),  # the same mean, and far apart
    ],
)
def test_a_candidate_is_held_to_production_on_the_same_seeds(
    margin: float, on: str, theirs: tuple[float, ...], passes: bool
) -> None:
    both = [*measured(0.95, 0.96, 0.97), *measured(*theirs, subject=PRODUCTION)]

    found = gate(
        COMPARED % (margin, on),
        Gate.PRODUCTION,
        measurements=both,
        production=4,
        production_now=4,
    )

    assert found.verdict is (Verdict.PASSED if passes else Verdict.FAILED)
    production: Any = found.criteria[0].evidence["production"]
    assert production["version"] == 4


def test_the_bound_that_production_sets_is_said_as_a_number() -> None:
    both = [*measured(0.95, 0.96, 0.97), *measured(0.96, 0.97, 0.98, subject=PRODUCTION)]

    found = gate(
        COMPARED % (0.02, "mean"),
        Gate.PRODUCTION,
        measurements=both,
        production=4,
        production_now=4,
    )

    assert found.criteria[0].asked == "mean within production - 0.02: >= 0.95"


def test_the_first_candidate_has_nothing_to_be_worse_than() -> None:
    found = gate(COMPARED % (0, "mean"), Gate.PRODUCTION)

    assert found.verdict is Verdict.PASSED
    assert found.criteria[0].value == "nothing is there yet"


def test_a_comparison_with_what_is_not_in_production_any_more_is_worth_nothing() -> None:
    both = [*measured(0.95, 0.96, 0.97), *measured(0.1, 0.1, 0.1, subject=PRODUCTION)]

    found = gate(
        COMPARED % (0, "mean"),
        Gate.PRODUCTION,
        measurements=both,
        production=1,
        production_now=2,
    )

    assert found.verdict is Verdict.FAILED
    assert "version 2 now; it was compared with version 1" in str(found.criteria[0].value)


@pytest.mark.parametrize("on", ["mean", "worst", "confidence"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("is_production", [False, True])
def test_what_is_not_finite_is_near_nothing_and_no_low_bar(
    on: str, value: float, is_production: bool
) -> None:
    odd, even = (0.95, value, 0.97), (0.95, 0.96, 0.97)
    ours, theirs = (even, odd) if is_production else (odd, even)
    both = [*measured(*ours), *measured(*theirs, subject=PRODUCTION)]

    found = gate(COMPARED % (0.5, on), Gate.PRODUCTION, measurements=both, production=1,
                 production_now=1)  # fmt: skip

    assert found.verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("usd", "hours", "passes"),
    [(Decimal(5), 2.0, True), (Decimal("5.01"), 2.0, False), (Decimal(5), 2.1, False),
     (None, 2.0, False)],
)  # fmt: skip
def test_training_has_a_ceiling_and_what_has_no_price_is_not_cheap(
    usd: Decimal | None, hours: float, passes: bool
) -> None:
    cost = TrainingCost(usd=usd, gpu_hours=hours, attempts=2, source="ledger")
    asked = "training: {max_cost_usd: 5, max_gpu_hours: 2}, " + THRESHOLD

    found = gate(asked, Gate.TRAINING, training=cost)

    assert found.verdict is (Verdict.PASSED if passes else Verdict.FAILED)


def test_a_model_without_code_or_data_has_no_complete_lineage() -> None:
    model = ModelFacts(
        tenant_id=run_facts().tenant_id, model=Node("artifact:r/m"), datasets=0, runs=1,
        runs_without_code=("r",),
    )  # fmt: skip

    found = gate(THRESHOLD, Gate.LINEAGE, model=model)

    assert found.verdict is Verdict.FAILED
    assert "no version of a dataset" in str(found.criteria[0].value)


def test_a_leak_fails_with_its_path() -> None:
    run = Node("run:digits-aaaaaaaa-00002")
    leak = Leak(run=run, path=(Node("dataset:raw@1"), run), relation="has files of the holdout")

    leaks = Leaks(told=(leak,), more=30)

    found = gate(THRESHOLD, Gate.HOLDOUT, leaks=leaks)

    assert found.verdict is Verdict.FAILED
    assert found.criteria[0].evidence["paths"] == [
        "dataset:raw@1 -> run:digits-aaaaaaaa-00002 (raw@1 has files of the holdout)",
        "and 30 more runs",
    ]


@pytest.mark.parametrize(
    ("reruns", "passes"),
    [
        ((), False),
        ((RerunState(run_id=RunId("a"), verdict=Reproduction.DIFFERS),), False),
        (
            (
                RerunState(run_id=RunId("a"), verdict=Reproduction.DIFFERS),
                RerunState(run_id=RunId("b"), verdict=Reproduction.WITHIN),
            ),
            True,
        ),
    ],
)
def test_a_rerun_may_be_asked_for(reruns: tuple[RerunState, ...], passes: bool) -> None:
    asked = "reproducible: {rerun_within: 0.01}, " + THRESHOLD

    found = gate(asked, Gate.REPRODUCIBLE, reruns=reruns)

    assert found.verdict is (Verdict.PASSED if passes else Verdict.FAILED)


def test_a_run_that_cannot_be_made_again_is_not_reproducible() -> None:
    found = gate("reproducible: {}, " + THRESHOLD, Gate.REPRODUCIBLE,
                 run=run_facts(has_seeds=False))  # fmt: skip

    assert found.verdict is Verdict.FAILED
    assert "its seeds were not set" in str(found.criteria[0].value)


@pytest.mark.parametrize(
    ("has_passed", "must_be_checked", "passes"),
    [(True, True, True), (False, True, False), (False, False, False), (None, True, False),
     (None, False, True)],
)  # fmt: skip
def test_data_has_to_meet_what_is_expected_of_it(
    has_passed: bool | None, must_be_checked: bool, passes: bool
) -> None:
    data = DataState(version="d@1", has_passed=has_passed, must_be_checked=must_be_checked)

    assert (gate(THRESHOLD, Gate.DATA, data=(data,)).verdict is Verdict.PASSED) is passes


@pytest.mark.parametrize(
    ("given_by", "verdict"),
    [
        ((), Verdict.WAITING),
        (("ana",), Verdict.WAITING),
        (("ana", "owner"), Verdict.WAITING),
        (("ana", "eve"), Verdict.WAITING),
        (("ana", "ben"), Verdict.PASSED),
    ],
)
def test_only_the_word_of_those_who_are_asked_and_do_not_own_it_counts(
    given_by: tuple[str, ...], verdict: Verdict
) -> None:
    asked = "approvals: {count: 2, by: [ana, ben, owner]}, " + THRESHOLD

    assert gate(asked, Gate.APPROVALS, approved_by=given_by).verdict is verdict


def test_a_failed_gate_outweighs_one_that_waits() -> None:
    asked = "approvals: {count: 1}, " + THRESHOLD
    waiting = judge(a_rule(asked), some_facts())
    failed = judge(a_rule(asked), some_facts(measurements=measured(0.1, 0.1, 0.1)))

    assert overall(waiting) is Verdict.WAITING
    assert overall(failed) is Verdict.FAILED
    assert overall(()) is Verdict.FAILED


@settings(deadline=None)
@given(values=st.lists(finite, min_size=2, max_size=8), direction=st.sampled_from(Direction))
def test_the_worst_seed_is_never_better_than_the_mean_nor_the_bound_than_it(
    values: list[float], direction: Direction
) -> None:
    turn = 1.0 if direction is Direction.MAXIMIZE else -1.0
    mean = turn * statistic(values, Statistic.MEAN, direction, 0.95)
    slack = 1e-6 * max(1.0, *map(abs, values))

    assert turn * statistic(values, Statistic.WORST, direction, 0.95) <= mean + slack
    assert turn * statistic(values, Statistic.CONFIDENCE, direction, 0.95) <= mean + slack


def test_the_mean_of_the_greatest_numbers_is_a_number() -> None:
    greatest = sys.float_info.max

    found = statistic([greatest] * 3, Statistic.MEAN, Direction.MAXIMIZE, 0.95)

    assert found == greatest


@settings(deadline=None)  # scipy is imported by the first one
@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=3, max_size=3),
    bound=finite,
    on=st.sampled_from(Statistic),
    direction=st.sampled_from(["at_least", "at_most"]),
)
def test_whatever_was_measured_passing_means_that_a_number_reached_the_bound(
    values: list[float], bound: float, on: Statistic, direction: str
) -> None:
    asked = f"thresholds: [{{metric: accuracy, {direction}: {bound!r}, on: {on}}}]"

    found = gate(asked, Gate.THRESHOLDS, measurements=measured(*values))

    if found.verdict is Verdict.PASSED:
        value = found.criteria[0].value
        assert isinstance(value, float)
        assert all(map(math.isfinite, values))
        assert value >= bound if direction == "at_least" else value <= bound


def test_a_look_for_the_holdout_that_was_cut_short_proves_nothing() -> None:
    found = gate(THRESHOLD, Gate.HOLDOUT, is_look_cut=True)

    assert found.verdict is Verdict.FAILED
    assert "nobody can say" in str(found.criteria[0].value)


FILE = "digits-aaaaaaaa-00001/model.pkl"
HOW = "run.use_artifact, or over HTTP"


@pytest.mark.parametrize(
    ("with_what", "told"),
    [
        (used("holdout@2"), "candidate-00001 used holdout@2"),
        (used("holdout@1", "holdout@2"), "candidate-00001 used holdout@1, holdout@2"),
        (used("other@1"), "candidate-00001 never asked for it by run.use_dataset, or over HTTP"),
        (
            used("holdout@1", runs=(1, 2)),
            "candidate-00003 never asked for it by run.use_dataset, or over HTTP",
        ),
    ],
)
def test_a_run_that_has_measured_on_other_data_than_the_holdout_has_not_passed(
    with_what: list[MeasuredWith], told: str
) -> None:
    found = gate(THRESHOLD, Gate.MEASUREMENT, measured_with=with_what)

    assert found.verdict is Verdict.FAILED
    assert found.criteria[0].value == told


@pytest.mark.parametrize(
    ("with_what", "told"),
    [
        (used("holdout@1", files=()), f"candidate-00001 never asked for {FILE} by {HOW}"),
        (
            used("holdout@1", files=("a/x", "b/x", "c/x", "d/x")),
            f"candidate-00001 never asked for {FILE} by {HOW}; it used a/x, b/x, c/x",
        ),
        (
            used("holdout@1", runs=(1, 2)),
            f"candidate-00003 never asked for its file by {HOW}",
        ),
    ],
)
def test_a_run_that_has_not_used_its_file_has_not_measured_it(
    with_what: list[MeasuredWith], told: str
) -> None:
    found = gate(THRESHOLD, Gate.MEASUREMENT, measured_with=with_what)

    assert found.verdict is Verdict.FAILED
    assert found.criteria[2].value == told


def test_a_run_may_use_other_files_beside_its_own() -> None:
    with_what = used("holdout@1", files=("base/vocabulary.txt", FILE))

    assert gate(THRESHOLD, Gate.MEASUREMENT, measured_with=with_what).verdict is Verdict.PASSED


def test_other_data_beside_the_holdout_does_not_matter_and_no_run_proves_nothing() -> None:
    beside = gate(THRESHOLD, Gate.MEASUREMENT, measured_with=used("holdout@1", "words@7"))
    nothing = gate(THRESHOLD, Gate.MEASUREMENT, measurements=(), measured_with=())

    assert beside.verdict is Verdict.PASSED
    assert nothing.criteria[0].value == "nothing was measured"
    assert nothing.verdict is Verdict.FAILED


COMMIT = "c" * 40


@pytest.mark.parametrize(
    ("code", "runs", "told"),
    [
        (JudgingCode(image=None, commit=None, differing=()), used("holdout@1"), "no commit has it"),
        (
            JudgingCode(image=None, commit=COMMIT, differing=("evaluate.py",)),
            used("holdout@1"),
            f"evaluate.py differed from commit {COMMIT}",
        ),
        (
            JudgingCode(image=None, commit=COMMIT, differing=()),
            used("holdout@1", is_dirty=True),
            f"candidate-00001 ran commit {COMMIT} with changes",
        ),
        (
            JudgingCode(image=None, commit=COMMIT, differing=()),
            used("holdout@1", commit="d" * 40),
            f"candidate-00001 ran commit {'d' * 40}",
        ),
        (
            JudgingCode(image=None, commit=COMMIT, differing=()),
            used("holdout@1", commit=None),
            "candidate-00001 ran no commit",
        ),
    ],
)
def test_code_of_the_candidates_folder_that_no_commit_has_cannot_judge_it(
    code: JudgingCode, runs: list[MeasuredWith], told: str
) -> None:
    found = gate(THRESHOLD, Gate.MEASUREMENT, code=code, measured_with=runs)

    assert found.verdict is Verdict.FAILED
    assert found.criteria[1].value == told


def test_code_that_the_policy_names_is_not_the_owners() -> None:
    unknown = JudgingCode(image=None, commit=None, differing=())
    named = a_rule(source="/srv/evaluation")

    found = judge(named, some_facts(code=unknown))

    assert overall(found) is Verdict.PASSED


BY_DIGEST = "team/train@sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("image", "source", "passes"),
    [
        (BY_DIGEST, None, True),
        (None, None, True),  # of the installation
        ("team/train:latest", None, False),
        ("team/train:latest", "/srv/evaluation", False),  # pods have what their image has
    ],
)
def test_code_of_pods_is_that_of_an_image_which_stays_what_it_is(
    image: str | None, source: str | None, passes: bool
) -> None:
    code = JudgingCode(image=image, commit=None, differing=())

    results = judge(a_rule(source=source), some_facts(code=code, is_in_pods=True))

    (found,) = [result for result in results if result.gate is Gate.MEASUREMENT]
    assert found.verdict is (Verdict.PASSED if passes else Verdict.FAILED)
    assert found.criteria[1].evidence["image"] == image


def test_an_image_of_a_sweep_says_nothing_of_code_that_runs_on_this_machine() -> None:
    code = JudgingCode(image=BY_DIGEST, commit=None, differing=())

    assert gate(THRESHOLD, Gate.MEASUREMENT, code=code).verdict is Verdict.FAILED
