"""The policy `budgets`: who may spend how much in which period, read and checked. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from governance.budgets.budget import BudgetScope
from governance.periods import Period
from sweeps.ids import SweepId
from sweeps.policies import PolicyKind
from sweeps.sweep_files.documents import Path, check_storable
from sweeps.sweep_files.kinds import SLUG, Boolean, OneOf, Text
from sweeps.sweep_files.quantities import Dollars, GpuHours
from sweeps.sweep_files.reading import Reader, as_list, shown
from sweeps.sweep_files.sections import Field, Section, Several
from sweeps.sweep_files.yaml_documents import read_yaml

WARN_AT = (0.5, 0.8, 1.0)  #: shares of a limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent in each period."""

    name: str
    scope: BudgetScope
    period: Period
    max_usd: Decimal | None = None
    max_gpu_hours: float | None = None
    warn_at: tuple[float, ...] = WARN_AT
    stops: bool = True  #: nothing new starts at the limit; False: it is told, and that is all
    finish_running: bool = True  #: live trials go on at the limit; False: they are ended in order


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """The whole policy."""

    budgets: tuple[Budget, ...] = ()


def own_budget(
    sweep_id: SweepId, *, max_usd: Decimal | None, max_gpu_hours: float | None
) -> Budget | None:
    """What a sweep's own file lets it spend; None: it does not say."""
    if max_usd is None and max_gpu_hours is None:
        return None
    return Budget(
        name=sweep_id,
        scope=BudgetScope(sweep_id=sweep_id),
        period=Period.TOTAL,
        max_usd=max_usd,
        max_gpu_hours=max_gpu_hours,
    )


@dataclass(frozen=True, slots=True)
class _Share:
    """A part of a limit: 0.8, or more than all of it."""

    def read(self, reader: Reader, path: Path, value: object) -> float | None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not _is_share(value):
            reader.problem(path, f"{shown(value)} is no share", "write for example 0.8 for 80 %")
            return None
        return float(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": 0.001, "maximum": 10, "examples": [0.8]}


def _is_share(value: float) -> bool:
    return 0.001 <= value <= 10


_NAME = Text("digits-mlp", 100, is_one_line=True)
_BUDGET = Section(
    doc="One budget. It counts what everybody spends whom all of tenant, experiment, user and "
    "sweep name; one that is left out names everybody.",
    fields={
        "name": Field(kind=Text("vision-month", 63, SLUG), doc="What it is called in reasons."),
        "tenant": Field(kind=Text("vision", 63, SLUG), doc="Whose sweeps.", default=None),
        "experiment": Field(kind=_NAME, doc="Of the tenant.", default=None),
        "user": Field(kind=_NAME, doc="Owner of sweeps.", default=None),
        "sweep": Field(
            kind=Text("digits-mlp-4f2kq7ab", 63, SLUG),
            doc="One sweep, beside what its own file says.",
            default=None,
        ),
        "period": Field(
            kind=OneOf(tuple(str(period) for period in Period)),
            doc="How long until all of it may be spent anew: in UTC, weeks from Monday on.",
        ),
        "max_cost_usd": Field(
            kind=Dollars(least=0), doc="Dollars; with 0 nothing starts.", default=None
        ),
        "max_gpu_hours": Field(
            kind=GpuHours(least=0), doc="Hours that GPUs are held, each counted.", default=None
        ),
        "warn_at": Field(
            kind=Several(_Share(), [0.5, 0.8, 1.0], most=20),
            doc="Shares of the limit at which it is told, once each in a period and of a limit.",
            default=list(WARN_AT),
        ),
        "at_limit": Field(
            kind=OneOf(("stop", "warn")),
            doc="stop: nothing new starts, and sweeps that can never go on end with what they have.",
            default="stop",
        ),
        "finish_running": Field(
            kind=Boolean(),
            doc="Whether live trials go on when all is spent; else they are ended in order.",
            default=True,
        ),
    },
)
_EXAMPLE = "[{name: vision-month, tenant: vision, period: month, max_cost_usd: 500}]"


@dataclass(frozen=True, slots=True)
class _BudgetList:
    """All of them."""

    def read(self, reader: Reader, path: Path, value: object) -> tuple[Budget, ...] | None:
        given = as_list(value)
        if given is None:
            hint = f"write for example {_EXAMPLE}"
            reader.problem(path, f"{shown(value)} is no list", hint)
            return None
        found: list[Budget] = []
        names: set[str] = set()
        for index, item in enumerate(given):
            here: Path = (*path, index)
            read = _BUDGET.read(reader, here, item)
            name = None if read is None else read["name"]
            if name is not None and name in names:
                message = f"{name!r} appears twice"
                reader.problem((*here, "name"), message, "give each budget a name of its own")
            names |= set() if name is None else {name}
            budget = _budget(reader, here, read)
            found += [] if budget is None else [budget]
        return tuple(found)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": _BUDGET.schema()}


_FILE = Section(
    doc="Budgets of an installation.",
    fields={"budgets": Field(kind=_BudgetList(), doc="All of them.", default=[], example=_EXAMPLE)},
)


def parse_budgets(text: str, *, source: str) -> Budgets:
    """The policy of a file: ``budgets: [{name, tenant, period, max_cost_usd, …}, …]``.

    Raises:
        InvalidSweepFile: Everything that is wrong, each with its line.
    """
    document = read_yaml(text, source=source, what="file of the policy budgets")
    check_storable(document, source=source)
    reader = Reader(document)
    read = _FILE.read(reader, (), document.value if document.value is not None else {})
    reader.raise_problems(source)
    assert read is not None  # or there was a problem
    return Budgets(budgets=read["budgets"])


def _budget(reader: Reader, path: Path, read: dict[str, Any] | None) -> Budget | None:
    """A budget that makes sense, or None when something about it was noted."""
    if read is None:
        return None
    if read["max_cost_usd"] is None and read["max_gpu_hours"] is None:
        is_wrong = any(reader.is_noted((*path, key)) for key in ("max_cost_usd", "max_gpu_hours"))
        if not is_wrong:
            hint = "add for example max_cost_usd: 500 or max_gpu_hours: 200"
            reader.problem(path, "it limits nothing", hint)
    if read["experiment"] is not None and read["tenant"] is None:
        hint = "add for example tenant: default"
        reader.problem((*path, "experiment"), "whose experiment it is, is missing", hint)
    if read["finish_running"] is False and read["at_limit"] == "warn":
        hint = "remove it, or write at_limit: stop"
        reader.problem((*path, "finish_running"), "a budget that only warns ends nothing", hint)
    if reader.is_noted_within(path):
        return None
    return Budget(
        name=read["name"],
        scope=BudgetScope(
            tenant=read["tenant"],
            experiment=read["experiment"],
            user=read["user"],
            sweep_id=read["sweep"],
        ),
        period=Period(read["period"]),
        max_usd=read["max_cost_usd"],
        max_gpu_hours=read["max_gpu_hours"],
        warn_at=tuple(sorted(set(read["warn_at"]))),
        stops=read["at_limit"] == "stop",
        finish_running=read["finish_running"],
    )


BUDGETS = PolicyKind("budgets", "governance.policies", parse_budgets, least="budgets: []")
