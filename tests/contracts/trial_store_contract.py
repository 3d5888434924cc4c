"""What every `TrialStore` promises, whichever way it keeps its rows."""

import datetime as dt
from dataclasses import replace
from typing import Any, Protocol

import pytest

from sweeps import ids
from sweeps.errors import LeaseLost, StateConflict, StorageError, SweepNotFound
from sweeps.ids import RunId, SweepId
from sweeps.ports import TrialStore
from sweeps.spaces import Categorical, Constant, Float, Int
from sweeps.specs import SweepSpec
from sweeps.states import (
    AttemptState,
    Decision,
    ExitReason,
    RunState,
    SweepRequest,
    SweepState,
)
from sweeps.trials import Changes, ConcludedTrial, Exit, Report, SweepChange, SweepSnapshot
from sweeps.waits import Awaited
from tests.factories import (
    SWEEP,
    a_run_id,
    a_space,
    a_spec,
    a_suggestion,
    a_trial,
    an_attempt,
    an_exit,
    at,
)


class World(Protocol):
    """A store, and what people and gateways do to it."""

    @property
    def store(self) -> TrialStore: ...

    def submit(self, sweep_id: SweepId, spec: SweepSpec) -> None: ...

    def request(self, sweep_id: SweepId, requested: SweepRequest) -> None: ...

    def report(self, run_id: RunId, level: int, value: float, *, reported_at: dt.datetime) -> None:
        """A report as the gateway stores it."""
        ...

    def beat(self, run_id: RunId, *, seen_at: dt.datetime) -> None: ...

    def control(self, run_id: RunId) -> Decision: ...


def some_changes(**changes: Any) -> Changes:
    return Changes(at=at(0), **changes)


def two_trials() -> Changes:
    """The first tick of a sweep."""
    return some_changes(
        suggestions=(a_suggestion(1), a_suggestion(2)),
        new_trials=(a_trial(1), a_trial(2)),
        new_attempts=(an_attempt(1), an_attempt(2)),
        sweep=SweepChange(state=SweepState.RUNNING),
    )


class TrialStoreContract:
    """Subclass it and provide the fixture `world`."""

    @pytest.fixture
    def store(self, world: World) -> TrialStore:
        world.submit(SWEEP, a_spec())
        return world.store

    @pytest.fixture
    def lease(self, store: TrialStore) -> int:
        lease = store.take_over(SWEEP, controller="first")
        store.apply(SWEEP, lease, two_trials())
        return lease

    # What it learns from

    def test_of_sweeps_that_it_has_waited_for_also_results_after_its_submission_count(
        self, world: World
    ) -> None:
        """At its submission there were none of them yet."""
        earlier, other = SweepId("earlier-aaaaaaaa"), SweepId("other-aaaaaaaa")
        for name in (earlier, other):
            world.submit(name, a_spec())
        world.submit(
            SWEEP,
            replace(a_spec(), warm_start=(other, earlier), after=(Awaited(sweep_id=earlier),)),
        )
        for name in (earlier, other):
            lease = world.store.take_over(name, controller="c")
            new = a_trial(1, sweep_id=name)
            world.store.apply(
                name, lease, some_changes(suggestions=(a_suggestion(1),), new_trials=(new,))
            )
            ended = replace(
                new, state=RunState.COMPLETED, objective=0.5, ended_at=at(0).replace(year=2100)
            )
            world.store.apply(name, lease, some_changes(trials=(ended,)))

        snapshot = world.store.load(SWEEP)

        assert [trial.run_id for trial in snapshot.earlier] == [ids.run_id(earlier, 1)]

    # Who may write

    def test_an_unknown_sweep_is_reported_by_name(self, world: World) -> None:
        store, unknown = world.store, SweepId("nothing-aaaaaaaa")

        for call in (
            lambda: store.take_over(unknown, controller="x"),
            lambda: store.load(unknown),
            lambda: store.poll(unknown),
        ):
            with pytest.raises(SweepNotFound, match="nothing-aaaaaaaa"):
                call()

    def test_every_lease_has_a_higher_number_than_the_one_before(self, store: TrialStore) -> None:
        leases = [store.take_over(SWEEP, controller=name) for name in ("a", "b", "c")]

        assert leases == sorted(set(leases))

    def test_a_sweep_starts_when_its_first_controller_comes(self, store: TrialStore) -> None:
        submitted = store.load(SWEEP).sweep
        store.take_over(SWEEP, controller="first")
        first = store.load(SWEEP).sweep.started_at
        store.take_over(SWEEP, controller="second")

        assert submitted.started_at is None
        assert first is not None
        assert first >= submitted.created_at
        assert store.load(SWEEP).sweep.started_at == first

    def test_a_lease_that_was_taken_over_writes_nothing(self, store: TrialStore) -> None:
        former = store.take_over(SWEEP, controller="first")
        store.take_over(SWEEP, controller="second")

        with pytest.raises(LeaseLost) as caught:
            store.apply(SWEEP, former, two_trials())

        assert caught.value.sweep_id == SWEEP
        assert store.load(SWEEP).trials == ()

    def test_even_an_empty_write_finds_out_that_the_lease_is_lost(self, store: TrialStore) -> None:
        former = store.take_over(SWEEP, controller="first")
        store.take_over(SWEEP, controller="second")

        with pytest.raises(LeaseLost):
            store.apply(SWEEP, former, some_changes())

    # What comes back

    def test_a_new_sweep_is_empty(self, store: TrialStore) -> None:
        snapshot = store.load(SWEEP)

        assert snapshot.sweep.sweep_id == SWEEP
        assert snapshot.sweep.spec == a_spec()
        assert snapshot.sweep.state is SweepState.SUBMITTED
        assert snapshot.sweep.requested is SweepRequest.RUN
        assert snapshot.trials == snapshot.attempts == snapshot.reports == ()
        assert snapshot.suggestions == snapshot.concluded == ()
        assert snapshot.last_sequence == 0

    def test_new_trials_come_back_as_they_were_written(self, store: TrialStore, lease: int) -> None:
        snapshot = store.load(SWEEP)

        assert lease > 0
        assert snapshot.trials == (a_trial(1), a_trial(2))
        assert snapshot.attempts == (an_attempt(1), an_attempt(2))
        assert snapshot.suggestions == (a_suggestion(1), a_suggestion(2))
        assert snapshot.last_sequence == 2
        assert snapshot.sweep.state is SweepState.RUNNING

    def test_trials_and_attempts_come_in_the_order_of_their_numbers(
        self, store: TrialStore, lease: int
    ) -> None:
        store.apply(SWEEP, lease, some_changes(new_attempts=(an_attempt(2, 2), an_attempt(1, 2))))

        attempts = store.load(SWEEP).attempts

        assert attempts == (
            an_attempt(1, 1),
            an_attempt(1, 2),
            an_attempt(2, 1),
            an_attempt(2, 2),
        )

    def test_a_running_attempt_comes_back_with_its_machine(
        self, store: TrialStore, lease: int
    ) -> None:
        trial = a_trial(1, state=RunState.RUNNING, started_at=at(1.25))
        attempt = an_attempt(
            1,
            state=AttemptState.RUNNING,
            started_at=at(1.25),
            node="gpu-box",
            gpus=("GPU-0", "GPU-1"),
            gpu_model="NVIDIA L4",
            gpu_count=2,
            capacity="spot",
            region="eu-central-1",
            instance_type="g6.12xlarge",
        )

        store.apply(SWEEP, lease, some_changes(trials=(trial,), attempts=(attempt,)))

        snapshot = store.load(SWEEP)
        assert snapshot.trials[0] == trial
        assert snapshot.attempts[0] == attempt

    def test_an_ended_attempt_comes_back_with_its_exit(self, store: TrialStore, lease: int) -> None:
        attempt = an_attempt(
            1,
            state=AttemptState.ENDED,
            ended_at=at(9),
            exit=an_exit(ExitReason.SCRIPT_FAILED, code=3, message="Traceback\nValueError: ü"),
        )
        killed = an_attempt(
            2, state=AttemptState.ENDED, ended_at=at(9), exit=an_exit(ExitReason.KILLED, signal=9)
        )

        store.apply(SWEEP, lease, some_changes(attempts=(attempt, killed)))

        assert store.load(SWEEP).attempts == (attempt, killed)

    @pytest.mark.parametrize(
        "state",
        [
            RunState.PENDING,
            RunState.QUEUED,
            RunState.RUNNING,
            RunState.PAUSED,
            RunState.COMPLETED,
            RunState.STOPPED,
            RunState.FAILED,
            RunState.CANCELLED,
        ],
    )
    def test_every_state_of_a_trial_comes_back(
        self, store: TrialStore, lease: int, state: RunState
    ) -> None:
        trial = a_trial(1, state=state, reason="because", objective=0.25, resource_level=4)

        store.apply(SWEEP, lease, some_changes(trials=(trial,)))

        assert store.load(SWEEP).trials[0] == trial

    @pytest.mark.parametrize("reason", list(ExitReason))
    def test_every_exit_reason_comes_back(
        self, store: TrialStore, lease: int, reason: ExitReason
    ) -> None:
        attempt = an_attempt(1, state=AttemptState.ENDED, ended_at=at(2), exit=an_exit(reason))

        store.apply(SWEEP, lease, some_changes(attempts=(attempt,)))

        assert store.load(SWEEP).attempts[0] == attempt

    def test_values_of_all_types_keep_type_and_value(self, world: World) -> None:
        configuration = {
            "lr": 0.1 + 0.2,
            "tiny": 1e-300,
            "huge": 1e22,
            "whole": 2.0,
            "n": 3,
            "flag": True,
            "name": "gelu ✓",
            "fixed": 1.5,
        }
        space = a_space(
            lr=Float(low=0.0, high=1.0),
            tiny=Float(low=1e-300, high=1.0, log=True),
            huge=Float(low=1.0, high=1e25, log=True),
            whole=Float(low=1.0, high=3.0),
            n=Int(low=1, high=9),
            flag=Categorical(choices=(True, 1, "true")),
            name=Categorical(choices=("relu", "gelu ✓")),
            fixed=Constant(value=1.5),
        )
        world.submit(SWEEP, a_spec(space=space))
        lease = world.store.take_over(SWEEP, controller="first")

        world.store.apply(
            SWEEP,
            lease,
            some_changes(
                suggestions=(a_suggestion(1, configuration=configuration),),
                new_trials=(a_trial(1, configuration=configuration),),
            ),
        )

        snapshot = world.store.load(SWEEP)
        for stored in (snapshot.trials[0].configuration, snapshot.suggestions[0].configuration):
            assert stored == configuration
            assert {k: type(v) for k, v in stored.items()} == {
                k: type(v) for k, v in configuration.items()
            }

    def test_no_text_is_too_broken_to_be_stored(self, store: TrialStore, lease: int) -> None:
        garbage = "\x00\x1b[31m\udcff ü"
        attempt = an_attempt(
            1,
            state=AttemptState.ENDED,
            ended_at=at(2),
            exit=an_exit(ExitReason.SCRIPT_FAILED, code=1, message=garbage),
            node=garbage,
        )
        trial = a_trial(1, state=RunState.FAILED, reason=garbage)

        store.apply(
            SWEEP,
            lease,
            some_changes(
                attempts=(attempt,),
                trials=(trial,),
                sweep=SweepChange(state=SweepState.FAILED, reason=garbage),
            ),
        )

        snapshot = store.load(SWEEP)
        assert snapshot.trials[0].reason.endswith("ü")
        assert snapshot.sweep.reason.endswith("ü")

    def test_the_end_of_a_sweep_comes_back_with_reason_and_time(
        self, store: TrialStore, lease: int
    ) -> None:
        store.apply(
            SWEEP,
            lease,
            Changes(at=at(60), sweep=SweepChange(state=SweepState.COMPLETED, reason="all done")),
        )

        sweep = store.load(SWEEP).sweep
        assert (sweep.state, sweep.reason, sweep.ended_at) == (
            SweepState.COMPLETED,
            "all done",
            at(60),
        )

    # The journal

    def test_results_are_told_in_journal_order_with_the_value_that_counts(
        self, store: TrialStore, lease: int
    ) -> None:
        first = a_trial(1, state=RunState.COMPLETED, objective=0.5, resource_level=1)
        second = a_trial(2, state=RunState.FAILED, objective=0.1, resource_level=1)

        store.apply(
            SWEEP,
            lease,
            some_changes(
                trials=(first, second),
                concluded=(
                    ConcludedTrial(number=2, sequence=3, value=None, level=1),
                    ConcludedTrial(number=1, sequence=4, value=0.5, level=1),
                ),
            ),
        )

        snapshot = store.load(SWEEP)
        assert snapshot.concluded == (
            ConcludedTrial(number=2, sequence=3, value=None, level=1),
            ConcludedTrial(number=1, sequence=4, value=0.5, level=1),
        )
        assert snapshot.last_sequence == 4

    def test_a_promotion_is_an_entry_of_the_journal(
        self, world: World, store: TrialStore, lease: int
    ) -> None:
        world.report(a_run_id(1), 1, 0.5, reported_at=at(1))
        (report,) = store.poll(SWEEP).reports
        paused = replace(report, decision=Decision.PAUSE, sequence=3)
        store.apply(SWEEP, lease, some_changes(decided=(paused,)))
        told = [world.control(a_run_id(1))]
        first = an_attempt(
            1, state=AttemptState.ENDED, ended_at=at(2), exit=Exit(reason=ExitReason.PAUSED)
        )
        promoted = an_attempt(1, 2, promoted_sequence=7)

        store.apply(
            SWEEP,
            lease,
            Changes(
                at=at(2),
                attempts=(first,),
                new_attempts=(promoted,),
                control={first.run_id: Decision.CONTINUE},
            ),
        )

        snapshot = store.load(SWEEP)
        of_trial = [a for a in snapshot.attempts if a.run_id == first.run_id]
        assert [a.promoted_sequence for a in of_trial] == [None, 7]
        assert [*told, world.control(a_run_id(1))] == [Decision.PAUSE, Decision.CONTINUE]
        assert snapshot.last_sequence == 7

    def test_suggestions_come_in_journal_order_with_what_they_had_seen(
        self, store: TrialStore, lease: int
    ) -> None:
        third = a_suggestion(3, sequence=7, seen_through=5)

        store.apply(SWEEP, lease, some_changes(suggestions=(third,), new_trials=(a_trial(3),)))

        assert store.load(SWEEP).suggestions[-1] == third
        assert store.load(SWEEP).last_sequence == 7

    def test_decided_reports_come_in_journal_order(
        self, world: World, store: TrialStore, lease: int
    ) -> None:
        world.report(a_run_id(1), 1, 0.5, reported_at=at(1))
        world.report(a_run_id(2), 1, 0.6, reported_at=at(1))
        one, two = store.poll(SWEEP).reports
        decided = (
            replace(two, decision=Decision.CONTINUE, sequence=3),
            replace(one, decision=Decision.STOP, sequence=4),
        )

        store.apply(SWEEP, lease, some_changes(decided=decided))

        assert store.load(SWEEP).reports == decided
        assert store.load(SWEEP).last_sequence == 4

    def test_a_configuration_is_suggested_once(self, store: TrialStore, lease: int) -> None:
        with pytest.raises(StorageError):
            store.apply(
                SWEEP,
                lease,
                some_changes(suggestions=(a_suggestion(2, sequence=9),), new_trials=(a_trial(2),)),
            )

        assert store.load(SWEEP).last_sequence == 2

    def test_an_attempt_is_written_down_once(self, store: TrialStore, lease: int) -> None:
        with pytest.raises(StorageError):
            store.apply(SWEEP, lease, some_changes(new_attempts=(an_attempt(1),)))

    # All or nothing, and what is finished

    @pytest.mark.parametrize(
        "state", [RunState.COMPLETED, RunState.STOPPED, RunState.FAILED, RunState.CANCELLED]
    )
    def test_a_finished_trial_cannot_change_and_nothing_of_the_tick_is_written(
        self, store: TrialStore, lease: int, state: RunState
    ) -> None:
        store.apply(SWEEP, lease, some_changes(trials=(a_trial(1, state=state),)))
        before = store.load(SWEEP)

        with pytest.raises(StateConflict) as caught:
            store.apply(
                SWEEP,
                lease,
                some_changes(
                    suggestions=(a_suggestion(3),),
                    new_trials=(a_trial(3),),
                    trials=(a_trial(1, state=RunState.RUNNING),),
                ),
            )

        assert (caught.value.what, caught.value.current) == (a_run_id(1), state)
        assert store.load(SWEEP) == before

    def test_a_finished_trial_may_be_written_again_unchanged(
        self, store: TrialStore, lease: int
    ) -> None:
        trial = a_trial(1, state=RunState.COMPLETED, objective=0.5, resource_level=1)
        store.apply(SWEEP, lease, some_changes(trials=(trial,)))

        store.apply(SWEEP, lease, some_changes(trials=(trial,)))

        assert store.load(SWEEP).trials[0] == trial

    def test_an_ended_sweep_does_not_start_again(self, store: TrialStore, lease: int) -> None:
        store.apply(SWEEP, lease, some_changes(sweep=SweepChange(state=SweepState.CANCELLED)))

        with pytest.raises(StateConflict):
            store.apply(SWEEP, lease, some_changes(sweep=SweepChange(state=SweepState.RUNNING)))

        assert store.load(SWEEP).sweep.state is SweepState.CANCELLED

    def test_a_decision_is_final(self, world: World, store: TrialStore, lease: int) -> None:
        world.report(a_run_id(1), 1, 0.5, reported_at=at(1))
        (report,) = store.poll(SWEEP).reports
        stop = replace(report, decision=Decision.STOP, sequence=3)
        store.apply(SWEEP, lease, some_changes(decided=(stop,)))

        with pytest.raises(StateConflict):
            store.apply(
                SWEEP,
                lease,
                some_changes(decided=(replace(stop, decision=Decision.CONTINUE, sequence=4),)),
            )

        assert store.load(SWEEP).reports == (stop,)

    # What others did

    @pytest.mark.parametrize("requested", list(SweepRequest))
    def test_what_a_person_wants_is_seen(
        self, world: World, store: TrialStore, requested: SweepRequest
    ) -> None:
        world.request(SWEEP, requested)

        assert store.poll(SWEEP).requested is requested
        assert store.load(SWEEP).sweep.requested is requested

    def test_a_report_is_seen_until_it_is_decided(
        self, world: World, store: TrialStore, lease: int
    ) -> None:
        world.report(a_run_id(1), 5, 0.5, reported_at=at(1.5))

        undecided = store.poll(SWEEP).reports
        decided = replace(undecided[0], decision=Decision.CONTINUE, sequence=3)
        store.apply(SWEEP, lease, some_changes(decided=(decided,)))

        assert undecided == (
            Report(run_id=a_run_id(1), resource_level=5, value=0.5, reported_at=at(1.5)),
        )
        assert store.poll(SWEEP).reports == ()

    def test_the_same_level_reported_twice_is_one_report(
        self, world: World, store: TrialStore, lease: int
    ) -> None:
        world.report(a_run_id(1), 1, 0.5, reported_at=at(1))
        world.report(a_run_id(1), 1, 0.9, reported_at=at(2))

        assert lease > 0
        assert [report.value for report in store.poll(SWEEP).reports] == [0.5]

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
    def test_a_report_that_is_no_number_is_a_report(
        self, world: World, store: TrialStore, lease: int, value: float
    ) -> None:
        world.report(a_run_id(1), 1, value, reported_at=at(1))

        assert lease > 0
        assert repr(store.poll(SWEEP).reports[0].value) == repr(value)

    def test_reports_come_oldest_first(self, world: World, store: TrialStore, lease: int) -> None:
        for run, level in ((2, 1), (1, 1), (2, 2), (1, 2)):
            world.report(a_run_id(run), level, 0.5, reported_at=at(level))

        seen = [(r.run_id, r.resource_level) for r in store.poll(SWEEP).reports]

        assert lease > 0
        assert seen == [(a_run_id(2), 1), (a_run_id(1), 1), (a_run_id(2), 2), (a_run_id(1), 2)]

    def test_a_new_trial_was_last_seen_when_it_was_written(
        self, store: TrialStore, lease: int
    ) -> None:
        assert lease > 0
        assert store.poll(SWEEP).last_seen == {a_run_id(1): at(0), a_run_id(2): at(0)}

    def test_signs_of_life_are_seen_while_a_trial_lives(
        self, world: World, store: TrialStore, lease: int
    ) -> None:
        world.beat(a_run_id(1), seen_at=at(7))
        world.beat(a_run_id(2), seen_at=at(8))
        store.apply(SWEEP, lease, some_changes(trials=(a_trial(2, state=RunState.COMPLETED),)))

        assert store.poll(SWEEP).last_seen == {a_run_id(1): at(7)}

    def test_a_script_is_told_the_last_decision_that_is_not_to_go_on(
        self, world: World, store: TrialStore, lease: int
    ) -> None:
        world.report(a_run_id(1), 1, 0.5, reported_at=at(1))
        world.report(a_run_id(2), 1, 0.5, reported_at=at(1))
        decisions = (Decision.STOP, Decision.CONTINUE)
        decided = tuple(
            replace(report, decision=decision, sequence=3 + place)
            for place, (report, decision) in enumerate(
                zip(store.poll(SWEEP).reports, decisions, strict=True)
            )
        )

        store.apply(SWEEP, lease, some_changes(decided=decided))

        assert world.control(a_run_id(1)) is Decision.STOP
        assert world.control(a_run_id(2)) is Decision.CONTINUE

    def test_sweeps_do_not_see_each_other(
        self, world: World, store: TrialStore, lease: int
    ) -> None:
        other = SweepId("other-bbbbbbbb")
        world.submit(other, a_spec(experiment="other"))
        other_lease = store.take_over(other, controller="another")
        store.apply(
            other,
            other_lease,
            some_changes(
                suggestions=(a_suggestion(1),),
                new_trials=(a_trial(1, sweep_id=other),),
                new_attempts=(an_attempt(1, sweep_id=other),),
            ),
        )
        world.report(ids.run_id(other, 1), 1, 0.5, reported_at=at(1))

        snapshot: SweepSnapshot = store.load(SWEEP)
        signals = store.poll(SWEEP)

        assert lease > 0
        assert len(store.load(other).trials) == 1
        assert [trial.number for trial in snapshot.trials] == [1, 2]
        assert signals.reports == ()
        assert ids.run_id(other, 1) not in signals.last_seen
