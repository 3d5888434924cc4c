"""The sweep that measures a candidate."""

import pytest

from governance.promotion.evaluations import (
    Subjects,
    evaluation_id,
    evaluation_sweep,
    evaluation_sweep_id,
)
from governance.promotion.gates.facts import Subject
from sweeps.ids import RunId, is_name
from sweeps.searchers.grid_search import grid_size
from sweeps.specs import SweepSpec, as_document
from sweeps.sweep_files import parse_document
from tests.unit.governance.promotion.worlds import a_rule

CANDIDATE, PRODUCTION = "digits-aaaaaaaa-00001/model.pkl", "digits-bbbbbbbb-00007/model.pkl"


def the_sweep(production: str | None = None, *, experiment: str = "digits") -> SweepSpec:
    return evaluation_sweep(
        a_rule(),
        tenant="default",
        experiment=experiment,
        owner="ana",
        subjects=Subjects(candidate=CANDIDATE, production=production),
        image="team/train@sha256:" + "a" * 64,
    )


@pytest.mark.parametrize(("production", "runs"), [(None, 3), (PRODUCTION, 6)])
def test_every_file_is_measured_with_every_seed(production: str | None, runs: int) -> None:
    spec = the_sweep(production)

    assert spec.limits.max_trials == runs == grid_size(spec.space, points_per_parameter=5)
    assert spec.trial.data == ("holdout@1",)
    assert spec.trial.image == "team/train@sha256:" + "a" * 64


def test_what_is_stored_of_it_is_read_back() -> None:
    spec = the_sweep(PRODUCTION)

    assert parse_document(as_document(spec)) == spec


def test_its_runs_are_in_an_experiment_of_their_own() -> None:
    assert the_sweep().experiment == "digits-evaluation"
    long = the_sweep(experiment="x" * 100).experiment
    assert len(long) == 100
    assert long.endswith("-evaluation")


def test_names_are_the_same_for_the_same_evaluation() -> None:
    first = evaluation_id(RunId("digits-aaaaaaaa-00001"), 1)

    assert first == "digits-aaaaaaaa-00001-e1"
    assert evaluation_sweep_id("digits", first) == evaluation_sweep_id("digits", first)
    assert evaluation_sweep_id("digits", first) != evaluation_sweep_id("digits", first + "1")
    assert is_name(evaluation_sweep_id("Ein Experiment mit langem Namen!", first))


def test_whose_file_a_run_has_measured() -> None:
    subjects = Subjects(candidate=CANDIDATE, production=PRODUCTION)

    assert subjects.of(CANDIDATE) is Subject.CANDIDATE
    assert subjects.of(PRODUCTION) is Subject.PRODUCTION
    assert subjects.of("something/else") is None
