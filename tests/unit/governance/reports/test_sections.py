"""Numbers of reports, each reckoned by hand beside it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.periods import Span
from governance.quotas.quota import Amounts, Quotas, TenantQuota
from governance.reports.composing import SECTIONS, compose
from governance.reports.limits import calibration
from governance.reports.model import Chart, Figures, Report, Scope, Section, Sentence, Table, Unit
from governance.reports.rows import (
    Activity,
    DaySpent,
    Deleted,
    EvaluationsEnded,
    Held,
    Learnt,
    ModelMoved,
    OutcomeSpent,
    Priced,
    Repeated,
    Spent,
    StoppedEarly,
    SweepFront,
)
from governance.reports.waste import by_kind
from sweeps.errors import StorageUnavailable
from sweeps.objectives import Direction
from tests.unit.governance.reports.world import NOW, WEEK, Told, spent

USD = Decimal


def made(facts: Told, *, scope: Scope | None = None, is_portfolio: bool = False) -> Report:
    return compose(facts, scope or Scope(), WEEK, now=NOW, is_portfolio=is_portfolio)


def section(report: Report, key: str) -> Section:
    (found,) = [one for one in report.sections if one.key == key]
    assert found.problem is None, found.problem
    return found


def table(report: Report, key: str, title: str) -> Table:
    (found,) = [
        block
        for block in section(report, key).blocks
        if isinstance(block, Table) and block.title == title
    ]
    return found


def sentences(report: Report, key: str) -> str:
    return " ".join(
        block.text for block in section(report, key).blocks if isinstance(block, Sentence)
    )


def test_cost_is_added_up_and_told_by_whom_it_was() -> None:
    facts = Told(
        spent_rows=[
            spent(amount_usd=USD("10.10"), gpu_hours=4.0),
            spent(sweep_id="digits-b", amount_usd=USD("20.20"), owner="ben", gpu_hours=2.0),
            spent(tenant="speech", experiment="words", sweep_id="", amount_usd=USD("9.70")),
        ],
        spent_before=[spent(amount_usd=USD("20.00"))],
        days=[DaySpent(day=dt.date(2026, 11, 16), amount_usd=USD(40), waste_usd=USD(0))],
    )

    report = made(facts)

    (figures,) = [b for b in section(report, "cost").blocks if isinstance(b, Figures)]
    cost, gpu_hours = figures.figures[:2]
    assert (cost.value, cost.before) == (USD("40.00"), USD("20.00"))
    assert gpu_hours.value == 6.0
    by_tenant = table(report, "cost", "Cost by tenant")
    assert [row[:4] for row in by_tenant.rows] == [
        ("vision", USD("30.30"), 0.7575, USD("20.00")),
        ("speech", USD("9.70"), 0.2425, USD(0)),
    ]
    by_user = table(report, "cost", "Cost by user")
    assert [row[:2] for row in by_user.rows] == [("ben", USD("20.20")), ("ana", USD("19.80"))]
    by_sweep = table(report, "cost", "Cost by sweep")
    assert [row[0] for row in by_sweep.rows] == [
        "digits-b",
        "digits-a",
        "speech / (outside sweeps)",
    ]


def test_a_tenants_own_report_has_no_table_of_tenants() -> None:
    report = made(Told(spent_rows=[spent(amount_usd=USD(1))]), scope=Scope(tenant="vision"))

    titles = [b.title for b in section(report, "cost").blocks if isinstance(b, Table)]
    assert titles == ["Cost by experiment", "Cost by sweep", "Cost by user"]


def test_what_has_no_price_is_said() -> None:
    report = made(Told(spent_rows=[spent(unpriced=3)]))

    assert "3 entries of the ledger have no price" in sentences(report, "cost")


def test_waste_counts_every_row_of_the_ledger_once() -> None:
    facts = Told(
        spent_rows=[spent(amount_usd=USD(100), gpu_hours=10.0, idle_gpu_hours=2.0)],
        outcomes=[
            an_outcome("completed", "60"),
            an_outcome("idle", "10", is_waste=True),
            an_outcome("failed", "15"),
            an_outcome("evicted", "4"),
            an_outcome("cancelled", "1"),
            an_outcome("stopped", "8"),
            an_outcome("", "2"),
        ],
        repeated_rows=[
            Repeated(tenant="vision", sweep_id="digits-a", trials=3, amount_usd=USD("6.5"))
        ],
    )

    report = made(facts)

    values = {name: report.figure("waste", name) for name in ("idle GPUs", "failed", "taken away")}
    assert values == {"idle GPUs": USD(10), "failed": USD(15), "taken away": USD(4)}
    assert report.figure("waste", "together") == USD(30)
    assert report.figure("waste", "of the cost") == 0.3
    assert "3 trials" in sentences(report, "waste")
    assert "$6.50" in sentences(report, "waste")
    (idle,) = table(report, "waste", "Idle GPUs").rows
    assert idle[3:5] == (2.0, 0.2)


def an_outcome(outcome: str, amount: str, *, is_waste: bool = False) -> OutcomeSpent:
    return OutcomeSpent(outcome=outcome, is_waste=is_waste, gpu_hours=1.0, amount_usd=USD(amount))


def test_the_dearest_choice_is_told_in_words_with_what_was_chosen() -> None:
    facts = Told(
        front_rows=[
            SweepFront(
                tenant="vision",
                experiment="digits",
                sweep_id="digits-a",
                metric="accuracy",
                direction=Direction.MAXIMIZE,
                trials=9,
                unpriced=1,
                front=(
                    Priced(number=4, objective=0.90, cost_usd=USD(1)),
                    Priced(number=7, objective=0.99, cost_usd=USD(2)),
                    Priced(number=2, objective=1.0, cost_usd=USD(20)),
                ),
            )
        ],
        tried={
            ("digits-a", 2): {"lr": 0.001, "hidden": 512, "act": "relu"},
            ("digits-a", 7): {"lr": 0.01, "hidden": 64, "act": "relu"},
        },
    )

    report = made(facts)

    said = sentences(report, "bargains")
    assert "trial 2 costs 10.0 times as much as trial 7 for 1.0% more of accuracy" in said
    assert "hidden 512 rather than 64, lr 0.001 rather than 0.01" in said
    assert "act" not in said.replace("accuracy", "")
    assert "1 trials with a result are left out" in said
    (row,) = table(report, "bargains", "The best, and the cheapest that is nearly as good").rows
    assert row[2:] == (1.0, USD(20), USD(2), 10.0, USD(2), 10.0, USD(2), 10.0)


def test_early_stopping_is_an_estimate_with_its_assumption() -> None:
    facts = Told(
        stopped=[
            StoppedEarly(
                tenant="vision",
                experiment="digits",
                sweep_id="digits-a",
                trials=5,
                unknown=1,
                amount_usd=USD(4),
                saved_usd=USD(12),
            )
        ]
    )

    report = made(facts)

    assert report.figure("early_stopping", "saved, an estimate") == USD(12)
    said = sentences(report, "early_stopping")
    assert "assumes that each resource level costs as much as those before it" in said
    assert "1 stopped trials are left out" in said


def test_one_section_that_fails_says_so_and_hides_no_other() -> None:
    class Broken(Told):
        def fronts(self, scope: Scope, period: Span) -> list[SweepFront]:
            raise StorageUnavailable("the database is away")

        def stopped_early(self, scope: Scope, period: Span) -> list[StoppedEarly]:
            raise ZeroDivisionError("a mistake")

    report = made(Broken(spent_rows=[spent(amount_usd=USD(7))]))

    assert [one.key for one in report.sections] == [key for key, _, _ in SECTIONS]
    assert report.problems == (
        "What the best costs: the database is away",
        "Saved by early stopping: ZeroDivisionError: a mistake",
    )
    assert report.figure("cost", "cost") == USD(7)


def test_an_error_in_a_portfolio_says_nothing_that_may_be_a_name() -> None:
    class Broken(Told):
        def spent(self, scope: Scope, period: Span) -> Sequence[Spent]:
            raise StorageUnavailable("vision is away")

    report = made(Broken(), is_portfolio=True)

    assert "vision" not in "".join(report.problems)
    assert report.problems[0].startswith("Portfolio: StorageUnavailable")


def test_nothing_at_all_is_a_report_too() -> None:
    report = made(Told())

    assert report.problems == ()
    assert report.figure("cost", "cost") == USD(0)
    assert "no entries" in sentences(report, "cost")


ROWS = st.lists(
    st.builds(
        spent,
        tenant=st.sampled_from("abcd"),
        experiment=st.sampled_from(["", "x", "y", "z"]),
        sweep_id=st.text("pqrstuvwxyz", max_size=2),
        owner=st.sampled_from(["", "ana", "ben"]),
        amount_usd=st.decimals(0, 10**6, places=10),
        gpu_hours=st.floats(0, 1e6),
        attempts=st.integers(0, 100),
    ).map(lambda row: replace(row, waste_usd=row.amount_usd / 4)),
    max_size=120,
)


@given(rows=ROWS, tenant=st.sampled_from([None, "a"]))
def test_every_table_of_costs_adds_up_to_the_cost(rows: list[Spent], tenant: str | None) -> None:
    scope = Scope(tenant=tenant)
    report = made(Told(spent_rows=rows), scope=scope)
    whole = sum((row.amount_usd for row in rows), USD(0))

    assert report.figure("cost", "cost") == whole
    for block in section(report, "cost").blocks:
        if not isinstance(block, Table):
            continue
        place = [column.name for column in block.columns].index("cost")
        assert sum((USD(str(row[place])) for row in block.rows), USD(0)) == whole
        assert shares_are_shares(block)


@given(
    rows=st.lists(
        st.builds(
            OutcomeSpent,
            outcome=st.sampled_from(["completed", "failed", "evicted", "idle", "cancelled", ""]),
            is_waste=st.booleans(),
            gpu_hours=st.floats(0, 100),
            amount_usd=st.decimals(0, 1000, places=10),
        ),
        max_size=12,
    )
)
def test_waste_is_never_more_than_what_was_spent(rows: list[OutcomeSpent]) -> None:
    whole = sum((row.amount_usd for row in rows), USD(0))
    facts = Told(spent_rows=[spent(amount_usd=whole)], outcomes=rows)

    report = made(facts)

    together = report.figure("waste", "together")
    assert together == sum(by_kind(rows).values(), USD(0))
    assert isinstance(together, Decimal)
    assert 0 <= together <= whole
    share = report.figure("waste", "of the cost")
    assert share is None if not whole else isinstance(share, float) and 0 <= share <= 1


def shares_are_shares(block: Table) -> bool:
    return all(
        value is None or -1e-9 <= float(str(value)) <= 1 + 1e-9
        for row in block.rows
        for value, column in zip(row, block.columns, strict=True)
        if column.unit is Unit.SHARE
    )


def words_of(report: Report) -> str:
    """Everything that a report says."""
    return repr(report.sections)


def test_a_portfolio_names_nobody() -> None:
    names = ["vision", "speech", "robots"]
    facts = Told(
        spent_rows=[
            spent(
                tenant=name,
                experiment=f"secret-{name}",
                sweep_id=f"sweep-{name}",
                owner=f"person-{name}",
                amount_usd=USD(amount),
            )
            for name, amount in zip(names, (50, 30, 20), strict=True)
        ],
        activity_rows=[
            Activity(tenant="vision", owner="person-vision", sweeps_submitted=1, sweeps_ended=1,
                     runs_ended=4, completed=2, stopped=1, failed=1, cancelled=0)
        ],
    )  # fmt: skip

    report = made(facts, is_portfolio=True)

    said = words_of(report)
    assert not [name for name in (*names, "secret", "sweep-", "person") if name in said]
    assert report.figure("portfolio", "cost") == USD(100)
    assert report.figure("portfolio", "failed") == 0.25
    shares = table(report, "portfolio", "Tenants")
    assert [row[:2] for row in shares.rows] == [
        ("tenant A", 0.5),
        ("tenant B", 0.3),
        ("tenant C", 0.2),
    ]


def test_two_tenants_would_know_each_other() -> None:
    rows = [spent(tenant=name, amount_usd=USD(1)) for name in ("vision", "speech")]

    report = made(Told(spent_rows=rows), is_portfolio=True)

    charts = [b.title for b in section(report, "portfolio").blocks if isinstance(b, Chart)]
    assert charts == ["Cost by period"]


@given(rows=ROWS)
def test_shares_of_a_portfolio_add_up(rows: list[Spent]) -> None:
    report = made(Told(spent_rows=rows), is_portfolio=True)

    whole = sum((row.amount_usd for row in rows), USD(0))
    for block in section(report, "portfolio").blocks:
        if isinstance(block, Table):
            assert shares_are_shares(block)
            if block.title == "Tenants" and whole:
                assert abs(sum(float(str(row[1])) for row in block.rows) - 1) < 1e-9


def held(**changes: Any) -> Held:
    defaults: dict[str, Any] = {
        "tenant": "vision",
        "most_gpus": 8,
        "hours_at_most_gpus": 20.0,
        "most_trials": 3,
        "hours_at_most_trials": 1.0,
        "gpu_hours": 336.0,
        "waiting": 2,
        "median_wait_seconds": 60.0,
        "longest_wait_seconds": 7200.0,
    }
    return Held(**{**defaults, **changes})


def a_policy(*, gpu: int | None = None, trials: int | None = None) -> Quotas:
    limits = Amounts(gpu=gpu, trials=trials)
    return Quotas(tenants={"vision": TenantQuota(limits=limits)})


def test_a_limit_that_is_in_the_way_is_told_and_one_that_is_too_wide() -> None:
    report = made(Told(held_rows=[held()], policy=a_policy(gpu=8, trials=10)))

    said = sentences(report, "quotas")
    assert "vision held all of its 8 GPUs for 20 hours: its limit was in the way" in said
    assert "vision never held more than 3 of its 10 trials" in said
    (row,) = table(report, "quotas", "Held at once").rows
    assert row[:5] == ("vision", 8, 8, 20.0, 2.0)  # 336 GPU-hours in a week of 168


@pytest.mark.parametrize(
    "row",
    [
        held(hours_at_most_gpus=16.0),  # of 168: less than a tenth
        held(most_gpus=7),
        held(most_gpus=5),
    ],
)
def test_a_limit_that_fits_is_not_talked_about(row: Held) -> None:
    assert calibration(row, a_policy(gpu=8), hours=168) == []


def test_what_has_no_limit_is_not_talked_about() -> None:
    assert calibration(held(), Quotas(), hours=168) == []


def test_a_part_of_a_tenants_work_is_not_held_against_its_limits() -> None:
    facts = Told(held_rows=[held()], policy=a_policy(gpu=8))

    report = made(facts, scope=Scope(tenant="vision", experiment="digits"))

    assert sentences(report, "quotas") == ""
    (row,) = table(report, "quotas", "Held at once").rows
    assert row[2] is None


def test_what_retention_freed_is_told_by_rule() -> None:
    facts = Told(
        deletions=[
            Deleted(tenant="vision", kind="artifact", rule="old", things=3, size_bytes=300),
            Deleted(tenant="", kind="tier", rule="raw", things=1, size_bytes=1000),
        ]
    )

    report = made(facts)

    assert report.figure("retention", "freed") == 1300
    assert report.figure("retention", "deleted") == 4
    rows = table(report, "retention", "Deleted by rule").rows
    assert [row[:3] for row in rows] == [("(all)", "tier", "raw"), ("vision", "artifact", "old")]


def test_promotions_are_told_beside_what_was_not_promoted() -> None:
    facts = Told(
        moves=[
            ModelMoved(tenant="vision", model="digits", alias="production", kind="rolled_back",
                       from_number=3, number=2, moved_by="ana", moved_at=NOW)
        ],
        evaluations=[
            EvaluationsEnded(tenant="vision", state="promoted", evaluations=1),
            EvaluationsEnded(tenant="vision", state="rejected", evaluations=2),
        ],
    )  # fmt: skip

    report = made(facts)

    assert report.figure("promotions", "promoted") == 1
    assert report.figure("promotions", "not promoted") == 2
    (row,) = table(report, "promotions", "Models that moved").rows
    assert row[1:7] == ("digits", "production", "rolled back", 3, 2, "ana")


def test_days_that_the_ledger_lacks_are_named() -> None:
    days = [dt.date(2026, 11, 16) + dt.timedelta(days=n) for n in range(9)]

    said = sentences(made(Told(missing_days=days)), "cost")

    assert "2026-11-16, 2026-11-17" in said
    assert "and 2 more" in said


def test_what_was_learnt_is_told_with_who_says_so() -> None:
    facts = Told(
        lessons=[
            Learnt(tenant="vision", sweep_id="digits-a", title="Digits", takeaway="relu wins",
                   confirmed_by="ana")
        ]
    )  # fmt: skip

    rows = table(made(facts), "lessons", "Sweeps that ended").rows

    assert rows == (("digits-a", "Digits", "relu wins", "ana"),)
