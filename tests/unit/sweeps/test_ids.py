"""Names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps import ids
from sweeps.ids import AttemptId, RunId, SweepId


@given(experiment=st.text(), entropy=st.binary(min_size=5, max_size=5), number=st.integers(1, 9999))
def test_every_name_is_short_and_safe(experiment: str, entropy: bytes, number: int) -> None:
    sweep = ids.sweep_id(experiment, entropy=entropy)
    run = ids.run_id(sweep, number)
    attempt = ids.attempt_id(run, number)

    assert all(ids.is_name(name) and len(name) <= 63 for name in (sweep, run, attempt))
    assert ids.run_of(attempt) == run


def test_runs_sort_by_their_number() -> None:
    runs = [ids.run_id(SweepId("digits-aaaaaaaa"), number) for number in range(1, 2000)]

    assert runs == sorted(runs)


def test_a_scratch_run_says_that_it_is_one() -> None:
    run = ids.scratch_run_id(entropy=b"12345678")

    assert run.startswith("scratch-")
    assert len(run) == len("scratch-") + 12


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Digits MLP", "digits-mlp"),
        ("  --Ünïcode!! ", "n-code"),
        ("", "sweep"),
        ("§§§", "sweep"),
        ("a" * 29 + "-bcd", "a" * 29),
    ],
)
def test_a_slug_has_letters_digits_and_single_dashes(text: str, slug: str) -> None:
    assert ids.slug(text) == slug


@pytest.mark.parametrize("name", ["digits-00001", "digits-00001-a0", "digits-a1x", "-a1"])
def test_what_is_no_attempt_has_no_run(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of an attempt"):
        ids.run_of(AttemptId(name))


@pytest.mark.parametrize("text", ["", "..", "a/b", "-a", "a-", "A", "a\n", "a" * 64])
def test_what_could_leave_its_folder_is_no_name(text: str) -> None:
    assert not ids.is_name(text)


def test_an_attempt_of_an_odd_run_finds_its_way_back() -> None:
    run = RunId("x-a1")

    assert ids.run_of(ids.attempt_id(run, 2)) == run
