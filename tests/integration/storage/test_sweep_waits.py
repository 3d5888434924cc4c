"""Sweeps that wait for others: who may start, who ends with whom, and what is refused."""

import contextlib
import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from storage.budgets.gate import PostgresBudgetGate
from storage.budgets.predictions import PostgresPredictor
from storage.budgets.store import BudgetStore
from storage.database import transaction
from storage.policy_store import PolicyStore
from storage.sweeps.graveyard import PostgresGraveyard
from storage.sweeps.submission_checks import check_policies
from storage.sweeps.waits import SweepWaits
from sweeps.errors import InvalidSweepFile, StateConflict
from sweeps.ids import SweepId, TenantId
from sweeps.specs import SweepSpec
from sweeps.states import RunState, SweepRequest, SweepState
from sweeps.trials import Changes, SweepChange
from sweeps.waits import Awaited, AwaitedEnd
from tests.factories import a_spec, a_suggestion, a_trial, at
from tests.integration.storage.conftest import PostgresWorld

A, B, C, D = (SweepId(f"{letter}-aaaaaaaa") for letter in "abcd")
ANY = AwaitedEnd.ANY


def spec_after(*after: SweepId | Awaited, tenant: str = "default") -> SweepSpec:
    awaited = tuple(a if isinstance(a, Awaited) else Awaited(sweep_id=a) for a in after)
    return replace(a_spec(tenant=tenant), after=awaited)


def begin(world: PostgresWorld, sweep_id: SweepId, *, n_results: int) -> int:
    """Let a sweep that was claimed have so many trials, which have not ended; its lease."""
    lease = world.store.take_over(sweep_id, controller="c")
    numbers = range(1, n_results + 1)
    started = Changes(
        at=at(0),
        suggestions=tuple(a_suggestion(n) for n in numbers),
        new_trials=tuple(a_trial(n, sweep_id=sweep_id) for n in numbers),
    )
    world.store.apply(sweep_id, lease, started)
    return lease


def end(world: PostgresWorld, sweep_id: SweepId, state: SweepState, *, n_results: int = 1) -> None:
    """Start and end a sweep."""
    assert world.claims.claim(sweep_id) is not None
    end_claimed(world, sweep_id, state, n_results=n_results)


def end_claimed(
    world: PostgresWorld, sweep_id: SweepId, state: SweepState, *, n_results: int
) -> None:
    """End a sweep that was claimed, its last results in the transaction in which it ends."""
    lease = begin(world, sweep_id, n_results=n_results)
    trials = tuple(
        a_trial(n, sweep_id=sweep_id, state=RunState.COMPLETED, objective=0.5, resource_level=1)
        for n in range(1, n_results + 1)
    )
    last = Changes(at=at(9), trials=trials, sweep=SweepChange(state=state, reason="so it was"))
    world.store.apply(sweep_id, lease, last)


def states(world: PostgresWorld, *sweep_ids: SweepId) -> list[SweepState]:
    return [world.catalog.get(sweep_id).state for sweep_id in sweep_ids]


def refusal(world: PostgresWorld, spec: SweepSpec) -> Sequence[str]:
    with pytest.raises(InvalidSweepFile) as caught:
        world.submit(D, spec)
    return [problem.message for problem in caught.value.problems]


# Starting


def test_who_waits_is_started_by_nobody_until_the_last_one_has_succeeded(
    world: PostgresWorld,
) -> None:
    world.submit(A, a_spec())
    world.submit(B, a_spec())
    world.submit(C, spec_after(A, B))

    assert world.claims.unclaimed() == (A, B)
    assert world.claims.claim(C) is None
    end(world, A, SweepState.COMPLETED)
    assert world.claims.claim(C) is None
    end(world, B, SweepState.COMPLETED)

    assert world.claims.unclaimed() == (C,)
    assert world.claims.due() == (C,)
    assert world.claims.claim(C) is not None
    assert world.claims.claim(C) is None
    assert world.claims.due() == ()


def test_of_eight_who_come_at_its_turn_one_starts_it(world: PostgresWorld) -> None:
    world.submit(A, a_spec())
    world.submit(B, spec_after(A))
    assert world.claims.claim(A) is not None
    lease = begin(world, A, n_results=1)
    trial = a_trial(1, sweep_id=A, state=RunState.COMPLETED, objective=0.5, resource_level=1)
    last = Changes(at=at(9), trials=(trial,), sweep=SweepChange(state=SweepState.COMPLETED))
    over = threading.Event()

    def come(_: int) -> list[str]:
        claims: list[str] = []
        while not over.is_set():
            claims += filter(None, [world.claims.claim(B)])
        return [*claims, *filter(None, [world.claims.claim(B)])]

    with ThreadPoolExecutor(6) as pool:
        coming = [pool.submit(come, n) for n in range(6)]
        world.store.apply(A, lease, last)
        over.set()
        claims = [claim for one in coming for claim in one.result()]

    assert len(claims) == 1


def test_in_whatever_way_one_ends_counts_where_that_is_asked(world: PostgresWorld) -> None:
    world.submit(A, a_spec())
    world.submit(B, spec_after(Awaited(sweep_id=A, ended=ANY)))

    world.request(A, SweepRequest.CANCEL)

    assert states(world, A, B) == [SweepState.CANCELLED, SweepState.SUBMITTED]
    assert world.claims.claim(B) is not None


def test_what_has_succeeded_already_is_not_waited_for(world: PostgresWorld) -> None:
    world.submit(A, a_spec())
    end(world, A, SweepState.COMPLETED)

    world.submit(B, spec_after(A))

    assert world.claims.unclaimed() == (B,)


def test_a_dagster_run_that_somebody_starts_by_hand_does_not_get_it(world: PostgresWorld) -> None:
    world.submit(A, a_spec())
    world.submit(B, spec_after(A))

    with pytest.raises(StateConflict) as caught:
        world.claims.attach(B, dagster_run_id="by-hand")

    assert caught.value.current == f"waiting for {A} (submitted)"
    assert world.catalog.get(B).dagster_run_id is None
    end(world, A, SweepState.COMPLETED)
    world.claims.attach(B, dagster_run_id="by-hand")
    assert states(world, B) == [SweepState.RUNNING]


def test_one_that_is_paused_rests_when_its_turn_comes_until_it_is_resumed(
    world: PostgresWorld,
) -> None:
    world.submit(A, a_spec())
    world.submit(B, spec_after(A))
    world.request(B, SweepRequest.PAUSE)
    end(world, A, SweepState.COMPLETED)

    assert world.claims.unclaimed() == ()
    assert world.claims.claim(B) is None

    world.request(B, SweepRequest.RUN)

    assert world.claims.unclaimed() == (B,)


# Ending otherwise


@pytest.mark.parametrize(
    ("state", "n_results", "told"),
    [
        (SweepState.CANCELLED, 1, "was cancelled: so it was"),
        (SweepState.FAILED, 1, "failed: so it was"),
        (SweepState.COMPLETED, 0, "has no trial with a result: so it was"),
    ],
)
def test_who_waits_for_success_fails_without_it_and_says_whose(
    world: PostgresWorld, state: SweepState, n_results: int, told: str
) -> None:
    world.submit(A, a_spec())
    world.submit(B, spec_after(A))

    end(world, A, state, n_results=n_results)

    sweep = world.catalog.get(B)
    assert sweep.state is SweepState.FAILED
    assert sweep.reason == f"waited for {A} to succeed, which {told}"
    assert sweep.ended_at is not None
    assert sweep.started_at is None
    assert world.claims.claim(B) is None


def test_those_behind_it_fail_likewise_and_others_go_on(world: PostgresWorld) -> None:
    world.submit(A, a_spec())
    world.submit(B, spec_after(A))
    world.submit(C, spec_after(B))
    world.submit(D, spec_after(Awaited(sweep_id=B, ended=ANY)))

    world.request(A, SweepRequest.CANCEL)

    assert states(world, B, C, D) == [SweepState.FAILED, SweepState.FAILED, SweepState.SUBMITTED]
    assert world.catalog.get(C).reason.startswith(f"waited for {B} to succeed, which failed: ")
    assert world.claims.unclaimed() == (D,)


def test_who_waits_can_be_cancelled_and_those_behind_it_end(world: PostgresWorld) -> None:
    world.submit(A, a_spec())
    world.submit(B, spec_after(A))
    world.submit(C, spec_after(B))

    world.request(B, SweepRequest.CANCEL)

    assert states(world, A, B, C) == [
        SweepState.SUBMITTED, SweepState.CANCELLED, SweepState.FAILED,
    ]  # fmt: skip


def test_a_dagster_run_that_was_launched_by_hand_and_cancelled_ends_none_that_waits(
    world: PostgresWorld,
) -> None:
    world.submit(A, a_spec())
    world.submit(B, spec_after(A))
    world.submit(C, spec_after(B))

    def cancel_run() -> bool:
        return world.claims.cancel_abandoned(
            B, dagster_run_id="by-hand", reason="its Dagster run was cancelled", ended={}
        )

    assert not cancel_run()

    assert states(world, B, C) == [SweepState.SUBMITTED, SweepState.SUBMITTED]
    end(world, A, SweepState.COMPLETED)
    assert cancel_run(), "its turn has come: the run was what should start it"
    assert states(world, B, C) == [SweepState.CANCELLED, SweepState.FAILED]


def test_an_end_that_dagster_is_to_be_told_of_is_given_to_one(world: PostgresWorld) -> None:
    world.submit(A, a_spec())
    world.submit(B, spec_after(A))
    world.submit(C, a_spec())
    world.request(C, SweepRequest.CANCEL)
    assert world.claims.untold_ends() == ()

    world.request(A, SweepRequest.CANCEL)

    assert world.claims.untold_ends() == (B,)
    assert world.claims.claim_end(B) == world.catalog.get(B).reason
    assert world.claims.claim_end(B) is None
    assert world.claims.untold_ends() == ()
    with transaction(world.pool) as connection:  # who was about to tell it has died
        connection.execute("UPDATE sweeps SET claimed_at = now() - INTERVAL '2 minutes'")
    assert world.claims.claim_end(B) is not None
    world.claims.attach(B, dagster_run_id="told")
    assert world.claims.untold_ends() == ()
    assert states(world, B) == [SweepState.FAILED]


def test_the_page_of_one_that_never_started_says_why(world: PostgresWorld) -> None:
    graveyard = PostgresGraveyard(world.pool)
    world.submit(A, a_spec())
    world.submit(B, spec_after(A))
    world.request(A, SweepRequest.CANCEL)

    assert set(graveyard.due(limit=10)) == {A, B}
    for sweep_id in (A, B):
        graveyard.write(sweep_id)

    entry = graveyard.entry(B, tenant_id=TenantId("default"))
    assert f"waited for {A} to succeed" in entry.markdown


# Submitting


def test_what_cannot_be_waited_for_is_refused_together_and_nothing_is_written(
    world: PostgresWorld,
) -> None:
    world.submit(A, a_spec())
    world.request(A, SweepRequest.CANCEL)
    world.submit(B, a_spec(tenant="vision"))

    told = refusal(world, spec_after(A, B, C))

    assert told == [
        f"{A} has ended already: cancelled, cancelled before it started",
        f"there is no sweep {B!r} of tenant default",
        f"there is no sweep {C!r} of tenant default",
    ]
    assert [row.sweep_id for row in world.catalog.list()] == [B, A]
    found = SweepWaits(world.pool).problems(spec_after(A, B, C), line=7)
    assert [problem.message for problem in found] == told
    assert {problem.line for problem in found} == {7}


def test_a_sweep_does_not_wait_for_itself(world: PostgresWorld) -> None:
    assert refusal(world, spec_after(D)) == [f"there is no sweep {D!r} of tenant default"]


def test_submitting_the_same_name_again_changes_nothing_though_others_have_ended(
    world: PostgresWorld,
) -> None:
    world.submit(A, a_spec())
    world.submit(B, spec_after(A))
    world.request(A, SweepRequest.CANCEL)

    policies = PolicyStore(world.pool)
    budgets = BudgetStore(world.pool, policies)
    predictor = PostgresPredictor(world.pool, book=budgets.book)
    gate = PostgresBudgetGate(budgets, predictor)
    check_policies(
        B, spec_after(A), policies=policies, waits=SweepWaits(world.pool),
        budgets=gate, source="sweep.yaml",
    )  # fmt: skip
    world.submit(B, spec_after(A))

    assert states(world, B) == [SweepState.FAILED]
    assert SweepWaits(world.pool).problems(spec_after(A), sweep_id=C), "another one cannot"


def test_a_submission_that_meets_an_end_waits_for_it_and_sees_all_of_it(
    world: PostgresWorld,
) -> None:
    world.submit(A, a_spec())
    assert world.claims.claim(A) is not None
    lease = begin(world, A, n_results=1)
    locked, done = threading.Event(), threading.Event()

    def submit() -> None:
        locked.wait(20)
        world.submit(B, spec_after(A))
        done.set()

    with ThreadPoolExecutor(1) as pool:
        submitting = pool.submit(submit)
        with transaction(world.pool) as connection:
            connection.execute(
                "UPDATE runs SET state = 'completed', objective = 0.5, ended_at = now()"
                " WHERE sweep_id = %s",
                (A,),
            )
            connection.execute(
                "UPDATE sweeps SET state = 'completed', ended_at = now() WHERE lease = %s", (lease,)
            )
            locked.set()
            assert not done.wait(0.3)
        submitting.result(timeout=20)

    assert world.claims.unclaimed() == (B,)


# What there is to see


def test_both_ends_of_a_wait_say_so(world: PostgresWorld) -> None:
    waits = SweepWaits(world.pool)
    world.submit(A, a_spec())
    world.submit(B, a_spec())
    world.submit(C, spec_after(B, Awaited(sweep_id=A, ended=ANY)))
    end(world, A, SweepState.COMPLETED)

    of_c = waits.of(C)

    assert [(w.sweep, w.ended, w.is_met) for w in of_c.waits_for] == [
        (A, ANY, True),
        (B, AwaitedEnd.SUCCEEDED, False),
    ]
    assert [wait.words for wait in of_c.open] == [f"{B} (submitted)"]
    assert of_c.awaited_by == []
    assert [wait.sweep for wait in waits.of(A).awaited_by] == [C]
    assert waits.of(D).waits_for == []
    by_name = {row.sweep_id: row for row in world.catalog.list()}
    assert [wait.sweep for wait in by_name[C].waits_for] == [B]
    assert by_name[B].waits_for == ()
    (waiting,) = waits.waiting()
    assert (waiting.sweep_id, waiting.words) == (C, f"{B} (submitted)")
    assert waits.waiting(tenant_id="vision") == []


# Together


class Model:
    """What should come of sweeps that wait for others, computed anew from all ends so far."""

    def __init__(self) -> None:
        self.after: dict[SweepId, dict[SweepId, AwaitedEnd]] = {}
        self.ended: dict[SweepId, bool] = {}  #: whether with success

    def end(self, sweep_id: SweepId, *, succeeded: bool) -> None:
        self.ended[sweep_id] = succeeded
        for other, after in self.after.items():
            asked = after.get(sweep_id)
            if other not in self.ended and asked is AwaitedEnd.SUCCEEDED and not succeeded:
                self.end(other, succeeded=False)

    def may_start(self) -> list[SweepId]:
        return [
            name
            for name, after in self.after.items()
            if name not in self.ended and all(other in self.ended for other in after)
        ]


def draw_after(
    dice: random.Random, model: Model, names: Sequence[SweepId]
) -> dict[SweepId, AwaitedEnd]:
    """Some of those that are there and that may be waited for, each in some way."""
    chosen = dice.sample(names, k=min(len(names), dice.choice([0, 1, 1, 2, 3])))
    asked = {name: dice.choice(list(AwaitedEnd)) for name in chosen}
    return {name: how for name, how in asked.items() if how is ANY or model.ended.get(name, True)}


@pytest.mark.parametrize("seed", range(6))
def test_any_graph_with_any_ends_comes_out_as_it_should(world: PostgresWorld, seed: int) -> None:
    dice, model = random.Random(seed), Model()
    names: list[SweepId] = []
    for step in range(40):
        if step < 12 or dice.random() < 0.3:
            name = SweepId(f"s{step}-aaaaaaaa")
            after = draw_after(dice, model, names)
            awaited = [Awaited(sweep_id=one, ended=how) for one, how in after.items()]
            world.submit(name, spec_after(*awaited))
            model.after[name] = after
            names.append(name)
        elif (startable := model.may_start()) and dice.random() < 0.8:
            name = dice.choice(startable)
            state = dice.choice([SweepState.COMPLETED, SweepState.COMPLETED, SweepState.FAILED])
            n_results = dice.choice([0, 1, 2])
            end(world, name, state, n_results=n_results)
            model.end(name, succeeded=state is SweepState.COMPLETED and n_results > 0)
        elif waiting := [name for name in names if name not in model.ended]:
            name = dice.choice(waiting)
            world.request(name, SweepRequest.CANCEL)
            model.end(name, succeeded=False)

        assert set(world.claims.unclaimed()) == set(model.may_start())
    assert {name: world.catalog.get(name).state.is_terminal for name in names} == {
        name: name in model.ended for name in names
    }


def test_many_who_end_at_once_never_wait_for_each_other(world: PostgresWorld) -> None:
    """A lattice of which all heads end at the same moment, those behind them together."""
    width, depth = 6, 4
    layers = [[SweepId(f"l{d}n{n}-aaaaaaaa") for n in range(width)] for d in range(depth)]
    dice = random.Random(1)
    for n, layer in enumerate(layers):
        for name in layer:
            before = [one for earlier in layers[:n] for one in earlier]
            world.submit(name, spec_after(*dice.sample(before, k=min(len(before), 5))))
    barrier = threading.Barrier(width)

    def cancel(name: SweepId) -> None:
        barrier.wait()
        world.request(name, SweepRequest.CANCEL)

    with ThreadPoolExecutor(width) as pool:
        list(pool.map(cancel, layers[0]))

    assert {row.state for row in world.catalog.list(limit=100)} == {"cancelled", "failed"}


def test_an_end_waits_for_nobody_and_whoever_is_left_over_ends_with_the_next_look(
    world: PostgresWorld,
) -> None:
    world.submit(A, a_spec())
    world.submit(B, spec_after(A))
    world.submit(C, spec_after(B))

    with transaction(world.pool) as connection:
        connection.execute("SELECT FROM sweeps WHERE sweep_id = %s FOR SHARE", (B,))
        world.request(A, SweepRequest.CANCEL)  # returns at once
        assert states(world, A, B, C)[1:] == [SweepState.SUBMITTED] * 2

    assert world.claims.unclaimed() == ()
    assert states(world, B, C) == [SweepState.FAILED] * 2


class Crowd:
    """Many who submit, start and end sweeps at once."""

    def __init__(self, world: PostgresWorld) -> None:
        self.world = world
        self.names: list[SweepId] = []
        self.claimed: list[SweepId] = []

    def come(self, seed: int) -> None:
        dice = random.Random(seed)
        for step in range(150):
            known = self.names[-40:]
            what = dice.random()
            if what < 0.45 or not known:
                self.submit(dice, SweepId(f"w{seed}n{step}-aaaaaaaa"), known)
            elif what < 0.6:
                with contextlib.suppress(StateConflict):  # somebody has ended it
                    self.world.request(dice.choice(known), SweepRequest.CANCEL)
            else:
                self.start_and_end(dice, dice.choice(known))

    def submit(self, dice: random.Random, name: SweepId, known: Sequence[SweepId]) -> None:
        chosen = dice.sample(known, k=min(len(known), dice.choice([0, 1, 2, 4])))
        after = [Awaited(sweep_id=one, ended=dice.choice(list(AwaitedEnd))) for one in chosen]
        with contextlib.suppress(InvalidSweepFile):  # one of these has ended otherwise
            self.world.submit(name, spec_after(*after))
            self.names.append(name)

    def start_and_end(self, dice: random.Random, name: SweepId) -> None:
        if self.world.claims.claim(name) is not None:
            self.claimed.append(name)
            state = dice.choice([SweepState.COMPLETED, SweepState.COMPLETED, SweepState.FAILED])
            with contextlib.suppress(StateConflict):  # a person was faster
                end_claimed(self.world, name, state, n_results=dice.choice([0, 1]))


def test_in_a_crowd_nobody_is_kept_waiting_and_every_wait_comes_out_right(
    world: PostgresWorld,
) -> None:
    crowd = Crowd(world)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(crowd.come, range(6)))
    world.claims.unclaimed()

    assert len(crowd.claimed) == len(set(crowd.claimed)) > 20
    with transaction(world.pool) as connection:
        wrong = connection.execute(
            """
            SELECT waits.sweep_id, waits.awaited_id, waits.is_met
            FROM sweep_waits AS waits
            JOIN sweeps ON sweeps.sweep_id = waits.sweep_id
            JOIN sweeps AS awaited ON awaited.sweep_id = waits.awaited_id
            WHERE waits.is_met <> (
                    awaited.ended_at IS NOT NULL
                    AND (NOT waits.must_succeed
                         OR has_succeeded(awaited.sweep_id, awaited.state)))
               OR (NOT waits.is_met AND sweeps.started_at IS NOT NULL)
               OR (NOT waits.is_met AND awaited.ended_at IS NOT NULL
                   AND sweeps.state = 'submitted')
            """
        ).fetchall()
    assert wrong == []
