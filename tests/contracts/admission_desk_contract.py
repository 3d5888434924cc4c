"""What every `AdmissionDesk` promises, whichever way it keeps its queue."""

from dataclasses import replace
from typing import Protocol

import pytest

from sweeps.ids import AttemptId, SweepId
from sweeps.ports import AdmissionDesk
from sweeps.specs import PodOptions, Resources, SweepSpec, TrialSpec
from tests.factories import a_spec

FIRST, SECOND = SweepId("digits-aaaaaaaa"), SweepId("digits-bbbbbbbb")


class DeskWorld(Protocol):
    """A desk, rows of attempts, and a policy."""

    @property
    def desk(self) -> AdmissionDesk: ...

    def another_desk(self) -> AdmissionDesk:
        """Of another process."""
        ...

    def write(self, sweep_id: SweepId, spec: SweepSpec, count: int) -> list[AttemptId]:
        """Attempts of a sweep, as its controller writes them before anything is launched."""
        ...

    def end(self, attempt_id: AttemptId) -> None: ...

    def set_policy(self, text: str) -> None: ...


def gpu_spec(*, gpu: int = 1, nodes: int = 1, gpu_type: str = "", **changes: object) -> SweepSpec:
    """A sweep whose trials ask for GPUs."""
    trial = TrialSpec(
        command=("python", "train.py"),
        resources=Resources(gpu=gpu, gpu_type=gpu_type),
        pods=PodOptions(nodes=nodes),
    )
    return replace(a_spec(trial=trial), **changes)  # pyright: ignore[reportArgumentType]


TWO_GPUS = "other_tenants: {limits: {gpu: 2}}"


class AdmissionDeskContract:
    """Subclass it and provide the fixture `world`."""

    def test_without_a_limit_everybody_is_admitted(self, world: DeskWorld) -> None:
        names = world.write(FIRST, gpu_spec(), 3)

        answers = world.desk.ask(FIRST, gpu_spec(), names)

        assert all(answers[name].is_admitted for name in names)

    def test_no_more_than_the_limit_are_admitted_and_the_others_have_reasons(
        self, world: DeskWorld
    ) -> None:
        world.set_policy(TWO_GPUS)
        names = world.write(FIRST, gpu_spec(), 4)

        answers = world.desk.ask(FIRST, gpu_spec(), names)

        assert [answers[name].is_admitted for name in names] == [True, True, False, False]
        assert answers[names[2]].reason == "tenant default may hold 2 GPUs at once"
        assert [answers[name].place for name in names] == [None, None, 1, 2]

    def test_asking_again_changes_nothing_whoever_asks(self, world: DeskWorld) -> None:
        world.set_policy(TWO_GPUS)
        names = world.write(FIRST, gpu_spec(), 3)
        first = world.desk.ask(FIRST, gpu_spec(), names)

        again = world.another_desk().ask(FIRST, gpu_spec(), names)

        assert {n: a.is_admitted for n, a in again.items()} == {
            n: a.is_admitted for n, a in first.items()
        }

    def test_what_ended_attempts_held_is_free(self, world: DeskWorld) -> None:
        world.set_policy(TWO_GPUS)
        names = world.write(FIRST, gpu_spec(), 3)
        world.desk.ask(FIRST, gpu_spec(), names)

        world.end(names[0])
        answers = world.another_desk().ask(FIRST, gpu_spec(), names[2:])

        assert answers[names[2]].is_admitted

    def test_limits_hold_across_sweeps_and_desks(self, world: DeskWorld) -> None:
        world.set_policy(TWO_GPUS)
        first = world.write(FIRST, gpu_spec(), 2)
        second = world.write(SECOND, gpu_spec(), 2)

        world.desk.ask(FIRST, gpu_spec(), first)
        answers = world.another_desk().ask(SECOND, gpu_spec(), second)

        assert not any(answer.is_admitted for answer in answers.values())

    def test_all_nodes_of_an_attempt_count(self, world: DeskWorld) -> None:
        world.set_policy("other_tenants: {limits: {gpu: 4}}")
        spec = gpu_spec(nodes=3)
        names = world.write(FIRST, spec, 2)

        answers = world.desk.ask(FIRST, spec, names)

        assert [answers[name].is_admitted for name in names] == [True, False]

    def test_types_count(self, world: DeskWorld) -> None:
        world.set_policy("other_tenants: {limits: {gpu_types: {a100: 1}}}")
        spec = gpu_spec(gpu_type="A100-80GB")
        names = world.write(FIRST, spec, 2)

        answers = world.desk.ask(FIRST, spec, names)

        assert [answers[name].is_admitted for name in names] == [True, False]
        assert answers[names[1]].reason == "tenant default may hold 1 a100 GPU at once"

    def test_who_asks_for_more_than_there_ever_is_hopes_in_vain(self, world: DeskWorld) -> None:
        world.set_policy(TWO_GPUS)
        (large,) = world.write(FIRST, gpu_spec(gpu=3), 1)
        small = world.write(SECOND, gpu_spec(), 3)

        hopeless = world.desk.ask(FIRST, gpu_spec(gpu=3), [large])[large]
        waits = world.desk.ask(SECOND, gpu_spec(), small)[small[2]]

        assert (hopeless.is_admitted, hopeless.is_hopeless) == (False, True)
        assert (waits.is_admitted, waits.is_hopeless) == (False, False)

    def test_higher_classes_go_first(self, world: DeskWorld) -> None:
        world.set_policy(
            "classes: {normal: {value: 1}, high: {value: 2}}\nother_tenants: {limits: {gpu: 1}}"
        )
        (held,) = world.write(FIRST, gpu_spec(), 1)
        world.desk.ask(FIRST, gpu_spec(), [held])
        usual, urgent = gpu_spec(), gpu_spec(priority="high")
        second = SweepId("digits-cccccccc")
        (slow,) = world.write(SECOND, usual, 1)
        (fast,) = world.write(second, urgent, 1)
        world.desk.ask(SECOND, usual, [slow])
        world.desk.ask(second, urgent, [fast])

        world.end(held)

        assert not world.desk.ask(SECOND, usual, [slow])[slow].is_admitted
        assert world.desk.ask(second, urgent, [fast])[fast].is_admitted

    def test_who_withdraws_gives_back_what_it_held(self, world: DeskWorld) -> None:
        world.set_policy(TWO_GPUS)
        first = world.write(FIRST, gpu_spec(), 2)
        second = world.write(SECOND, gpu_spec(), 1)
        world.desk.ask(FIRST, gpu_spec(), first)
        assert not world.desk.ask(SECOND, gpu_spec(), second)[second[0]].is_admitted

        world.desk.withdraw(first[:1])

        assert world.desk.ask(SECOND, gpu_spec(), second)[second[0]].is_admitted
        assert not world.desk.ask(FIRST, gpu_spec(), first[:1])[first[0]].is_admitted

    def test_who_gives_way_lets_others_pass_until_it_asks_again(self, world: DeskWorld) -> None:
        world.set_policy("other_tenants: {limits: {gpu: 1}}")
        (first,) = world.write(FIRST, gpu_spec(), 1)
        (second,) = world.write(SECOND, gpu_spec(), 1)
        world.desk.ask(FIRST, gpu_spec(), [first])
        world.desk.ask(SECOND, gpu_spec(), [second])

        world.desk.give_way([first], reason="it is peak")

        assert world.desk.ask(SECOND, gpu_spec(), [second])[second].is_admitted
        world.end(second)
        world.desk.ask(SECOND, gpu_spec(), [second])
        assert not world.desk.begin_launch(FIRST, first)
        assert world.another_desk().ask(FIRST, gpu_spec(), [first])[first].is_admitted

    @pytest.mark.parametrize("is_admitted", [True, False])
    def test_who_gives_way_keeps_its_place(self, world: DeskWorld, is_admitted: bool) -> None:
        world.set_policy("other_tenants: {limits: {gpu: 1}}")
        third = SweepId("digits-cccccccc")
        (early,) = world.write(FIRST, gpu_spec(), 1)
        (held,) = world.write(SECOND, gpu_spec(), 1)
        (late,) = world.write(third, gpu_spec(), 1)
        if is_admitted:
            world.desk.ask(SECOND, gpu_spec(), [held])
            world.desk.ask(FIRST, gpu_spec(), [early])
        else:
            world.desk.ask(FIRST, gpu_spec(), [early])
            world.desk.ask(SECOND, gpu_spec(), [held])
        world.desk.give_way([held], reason="it is peak")
        assert world.desk.ask(FIRST, gpu_spec(), [early])[early].is_admitted
        assert world.desk.ask(third, gpu_spec(), [late])[late].place == 1

        again = world.desk.ask(SECOND, gpu_spec(), [held])

        assert again[held].place == 1
        assert world.desk.ask(third, gpu_spec(), [late])[late].place == 2

    def test_only_who_is_admitted_may_be_launched(self, world: DeskWorld) -> None:
        world.set_policy(TWO_GPUS)
        names = world.write(FIRST, gpu_spec(), 3)
        world.desk.ask(FIRST, gpu_spec(), names)

        assert [world.desk.begin_launch(FIRST, name) for name in names] == [True, True, False]
        assert world.another_desk().begin_launch(FIRST, names[0])

    def test_who_withdrew_or_has_ended_may_not_be_launched(self, world: DeskWorld) -> None:
        names = world.write(FIRST, gpu_spec(), 2)
        world.desk.ask(FIRST, gpu_spec(), names)

        world.desk.withdraw(names[:1])
        world.end(names[1])

        assert not world.desk.begin_launch(FIRST, names[0])
        assert not world.desk.begin_launch(FIRST, names[1])

    def test_of_an_ended_attempt_nothing_is_told(self, world: DeskWorld) -> None:
        (name,) = world.write(FIRST, gpu_spec(), 1)
        world.end(name)

        assert name not in world.desk.ask(FIRST, gpu_spec(), [name])

    @pytest.mark.parametrize("count", [0, 1])
    def test_a_limit_of_nothing_is_one(self, world: DeskWorld, count: int) -> None:
        world.set_policy(f"other_tenants: {{limits: {{trials: {count}}}}}")
        names = world.write(FIRST, gpu_spec(gpu=0), 2)

        answers = world.desk.ask(FIRST, gpu_spec(gpu=0), names)

        assert sum(answer.is_admitted for answer in answers.values()) == count
