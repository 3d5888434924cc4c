"""Pages of sweeps: importance, advice, bad regions, and all of it as Markdown."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gateway.markdown import rendered
from sweeps.graveyard.advice import AdviceKind, advice
from sweeps.graveyard.entry import Cost, EntryFacts, Takeaway
from sweeps.graveyard.importance import Importance, importance
from sweeps.graveyard.results import bad_regions, failures, losses
from sweeps.graveyard.writing import write_entry
from sweeps.objectives import Objective
from sweeps.spaces import Categorical, Configuration, Float, Int, SearchSpace
from sweeps.states import RunState, SweepRequest, SweepState
from sweeps.tags import Annotations, GivenTag, Link, Note
from sweeps.trials import Sweep, SweepSnapshot, Trial
from tests.factories import LOSS, SCORE, SWEEP, a_space, a_spec, a_trial, at

SPACE = a_space(
    lr=Float(low=1e-4, high=1.0, log=True),
    hidden=Int(low=16, high=256),
    act=Categorical(choices=("relu", "tanh")),
)
EVIL = "<script>alert(1)</script> [x](javascript:alert(1)) | `a` **b**\n# heading"


def a_snapshot(
    value: Callable[[Configuration], float | None],
    *,
    n: int = 60,
    space: SearchSpace = SPACE,
    objective: Objective = LOSS,
    state: SweepState = SweepState.COMPLETED,
    **changes: Any,
) -> SweepSnapshot:
    """A random search; None is a failure."""
    rng = np.random.default_rng(5)
    spec = dataclasses.replace(
        a_spec(space=space, objective=objective, max_trials=max(n, 1)), **changes
    )
    trials: list[Trial] = []
    for number in range(1, n + 1):
        configuration = space.sample(rng)
        found = value(configuration)
        ended = RunState.FAILED if found is None else RunState.COMPLETED
        reason = f"exit code 1: CUDA out of memory on step {number}" if found is None else ""
        trials.append(
            a_trial(
                number, state=ended, configuration=configuration, objective=found, reason=reason
            )
        )
    sweep = Sweep(
        sweep_id=SWEEP,
        spec=spec,
        state=state,
        requested=SweepRequest.RUN,
        created_by="ana",
        created_at=at(0),
        started_at=at(0),
        ended_at=at(100),
    )
    return SweepSnapshot(
        sweep=sweep,
        trials=tuple(trials),
        attempts=(),
        reports=(),
        suggestions=(),
        concluded=(),
        last_sequence=0,
    )


def facts(snapshot: SweepSnapshot, **changes: Any) -> EntryFacts:
    nothing = Annotations(tags=(), notes=(), links=())
    return EntryFacts(**{"snapshot": snapshot, "said": nothing, "read_at": at(200), **changes})


def log_lr(configuration: Configuration) -> float:
    return float(np.log10(float(configuration["lr"])))


def test_what_the_result_hangs_on_is_found() -> None:
    snapshot = a_snapshot(lambda c: (log_lr(c) + 2) ** 2 + (c["act"] == "tanh") * 0.5)

    found = importance(SPACE, losses(snapshot))

    assert list(found.shares) == ["lr", "act", "hidden"]
    assert found.shares["lr"] > 0.5
    assert found.shares["hidden"] < 0.05
    assert sum(found.shares.values()) == pytest.approx(1)
    assert importance(SPACE, losses(snapshot)) == found


def test_noise_is_not_explained() -> None:
    rng = np.random.default_rng(1)

    found = importance(SPACE, losses(a_snapshot(lambda _: rng.random())))

    assert found.shares == {}
    assert "noise" in found.doubt


@pytest.mark.parametrize(
    ("n", "word"), [(0, "too few"), (12, "too few"), (60, "the same")], ids=str
)
def test_where_nothing_can_be_said_that_is_said(n: int, word: str) -> None:
    found = importance(SPACE, losses(a_snapshot(lambda _: 1.0, n=n)))

    assert found.shares == {}
    assert word in found.doubt


def test_one_trial_that_diverged_changes_little() -> None:
    snapshot = a_snapshot(lambda c: (log_lr(c) + 2) ** 2)
    found = losses(snapshot)
    found[7] = (found[7][0], 1e300)

    assert next(iter(importance(SPACE, found).shares)) == "lr"


def test_a_range_whose_edge_is_best_is_to_be_widened() -> None:
    up = a_snapshot(log_lr, objective=SCORE)
    down = a_snapshot(log_lr, objective=LOSS)
    inside = a_snapshot(lambda c: (log_lr(c) + 2) ** 2)

    (upward,) = [a for a in advice(up, Importance(), []) if a.kind is AdviceKind.WIDEN]
    (downward,) = [a for a in advice(down, Importance(), []) if a.kind is AdviceKind.WIDEN]

    assert "upper edge of lr" in upward.sentence
    assert "upwards" in upward.sentence
    assert "lower edge of lr" in downward.sentence
    assert not [
        a for a in advice(inside, Importance(), [])
        if a.kind is AdviceKind.WIDEN and a.parameter == "lr"
    ]  # fmt: skip


def test_what_hardly_matters_is_to_be_fixed_and_what_matters_refined() -> None:
    snapshot = a_snapshot(lambda c: (log_lr(c) + 2) ** 2)

    proposed = advice(snapshot, importance(SPACE, losses(snapshot)), [])

    fixed = {one.parameter for one in proposed if one.kind is AdviceKind.FIX}
    refined = {one.parameter for one in proposed if one.kind is AdviceKind.REFINE}
    assert fixed == {"hidden", "act"}
    assert refined == {"lr"}


def test_failures_come_first_and_where_they_are_is_told() -> None:
    snapshot = a_snapshot(lambda c: None if float(c["lr"]) > 0.1 else 1.0 + log_lr(c))

    failed = failures(snapshot.trials)
    proposed = advice(snapshot, Importance(), failed)
    regions = bad_regions(snapshot)

    assert len(failed) == 1  # however the steps are numbered
    assert "CUDA out of memory" in failed[0].cause
    assert regions[0].words == "lr above 0.1"
    assert regions[0].n_failed == regions[0].n_trials
    n_failed = len(failed[0].numbers)
    is_many = n_failed / len(snapshot.trials) >= 0.2
    assert (proposed[0].kind is AdviceKind.MEND) == is_many


def test_a_choice_that_came_out_badly_is_told() -> None:
    snapshot = a_snapshot(lambda c: 0.0 if c["act"] == "relu" else 1.0 + float(c["lr"]))

    assert "act = tanh" in {region.words for region in bad_regions(snapshot)}


def test_a_page_says_all_of_it() -> None:
    snapshot = a_snapshot(lambda c: (log_lr(c) + 2) ** 2, expected_outcome="About 0.01 is best.")
    best = min(snapshot.trials, key=lambda trial: trial.objective or 9)
    entry = write_entry(
        facts(
            snapshot,
            cost=Cost(amount_usd=12.5, waste_usd=1.0, gpu_hours=3.0, core_hours=20.0),
            commit="abc123",
            image="registry/x@sha256:1",
            links={"VIS-1": "https://tracker.example/VIS-1", "OPS-2": None},
            tags_of_runs={best.run_id: ["keeper"]},
        )
    )

    page = rendered(entry.markdown)
    for heading in ("Takeaway", "Why", "What worked", "What did not", "Parameters", "Next",
                    "Cost", "Links"):  # fmt: skip
        assert f"<h2>{heading}</h2>" in page
    assert "About 0.01 is best." in page
    assert "$12.50, of which $1.00 wasted" in page
    assert 'href="https://tracker.example/VIS-1"' in page
    assert f'href="/lineage/run:{best.run_id}"' in page
    assert "<td>keeper</td>" in page
    assert "abc123" in page
    assert "proposed; nobody has confirmed it yet" in page
    assert f"at lr = {best.configuration['lr']:.4g}" in entry.proposal
    assert entry.proposal.count("matters most") == 1


def test_a_confirmed_takeaway_stands_in_for_the_proposal() -> None:
    snapshot = a_snapshot(log_lr, n=3)
    takeaway = Takeaway(text="Small steps are enough.", by="ben", at=at(300))

    entry = write_entry(facts(snapshot, takeaway=takeaway))

    assert "Small steps are enough." in entry.markdown
    assert "confirmed by ben" in entry.markdown
    assert "nobody has confirmed" not in entry.markdown


@pytest.mark.parametrize("state", [SweepState.FAILED, SweepState.CANCELLED])
@pytest.mark.parametrize("n", [0, 4])
def test_a_sweep_without_results_has_a_page(state: SweepState, n: int) -> None:
    entry = write_entry(facts(a_snapshot(lambda _: None, n=n, state=state)))

    assert "Nothing can be concluded" in entry.proposal
    assert "no trial has a result" in entry.markdown
    assert entry.importance == {}


def test_the_same_facts_give_the_same_page() -> None:
    snapshot = a_snapshot(lambda c: (log_lr(c) + 2) ** 2)

    assert write_entry(facts(snapshot)).digest == write_entry(facts(snapshot)).digest


def test_nothing_that_people_wrote_becomes_markup() -> None:
    said = Annotations(
        tags=[GivenTag(name="team", value=EVIL, set_by="x", set_at=at(0))],
        notes=[Note(note_id=1, version=1, text=EVIL, author=EVIL, written_at=at(0))],
        links=[Link(link_id=1, target=EVIL, added_by="x", added_at=at(0))],
    )
    snapshot = a_snapshot(
        lambda c: None if c["act"] == "tanh" else log_lr(c),
        experiment=EVIL,
        owner=EVIL,
        purpose=EVIL,
        expected_outcome=EVIL,
    )
    snapshot = dataclasses.replace(
        snapshot,
        trials=tuple(
            dataclasses.replace(t, reason=EVIL if t.reason else "") for t in snapshot.trials
        ),
    )

    entry = write_entry(
        facts(
            snapshot,
            said=said,
            links={EVIL: None},
            takeaway=Takeaway(text=EVIL, by=EVIL, at=at(1)),
            commit=EVIL,
            image=EVIL,
        )
    )

    page = rendered(entry.markdown)
    assert "<script" not in page
    assert 'href="javascript' not in page
    assert "<h1>heading" not in page
    assert "<strong>b</strong>" not in page
    assert "<script" not in entry.markdown.replace("\\<script", "")  # also elsewhere than here
