"""Puts a report together, section by section: one that fails says so, and hides no other."""

import datetime as dt
from collections.abc import Callable, Sequence

from governance.periods import Span
from governance.reports.asked import Asked
from governance.reports.budgets import budgets
from governance.reports.comparing import bargains, early_stopping
from governance.reports.configurations import configurations
from governance.reports.facts import ReportFacts
from governance.reports.failing import failures
from governance.reports.keeping import retention
from governance.reports.limits import quotas
from governance.reports.model import Report, Scope, Section
from governance.reports.outcomes import lessons, promotions
from governance.reports.portfolio import portfolio
from governance.reports.spending import spending
from governance.reports.waste import waste
from governance.reports.working import activity, waiting
from sweeps.errors import SweepsError

SectionMaker = Callable[[ReportFacts, Asked], Section]

#: In the order in which they are shown: key, title, and who makes it.
SECTIONS: tuple[tuple[str, str, SectionMaker], ...] = (
    ("cost", "Cost", spending),
    ("budgets", "Budgets", budgets),
    ("waste", "Waste", waste),
    ("bargains", "What the best costs", bargains),
    ("early_stopping", "Saved by early stopping", early_stopping),
    ("promotions", "Promotions", promotions),
    ("lessons", "What was learnt", lessons),
    ("configurations", "Configurations", configurations),
    ("failures", "Failures", failures),
    ("activity", "Work", activity),
    ("quotas", "Quotas", quotas),
    ("waits", "Waiting", waiting),
    ("retention", "Retention", retention),
)
PORTFOLIO: tuple[tuple[str, str, SectionMaker], ...] = (("portfolio", "Portfolio", portfolio),)


def compose(
    facts: ReportFacts,
    scope: Scope,
    period: Span,
    *,
    now: dt.datetime,
    is_portfolio: bool = False,
    sections: Sequence[tuple[str, str, SectionMaker]] | None = None,
) -> Report:
    """The report of a period.

    Args:
        is_portfolio: For leads: sums, shares and trends, without names or parameters.
        sections: Other ones than usual.
    """
    asked = Asked(scope, period)
    makers = sections or (PORTFOLIO if is_portfolio else SECTIONS)
    return Report(
        period=period,
        scope=scope,
        made_at=now,
        is_portfolio=is_portfolio,
        sections=tuple(_made(facts, asked, *maker, names_nobody=is_portfolio) for maker in makers),
    )


def _made(
    facts: ReportFacts,
    asked: Asked,
    key: str,
    title: str,
    make: SectionMaker,
    *,
    names_nobody: bool,
) -> Section:
    try:
        return make(facts, asked)
    except Exception as exc:  # noqa: BLE001 - a mistake in one section must not hide the others
        problem = str(exc) if isinstance(exc, SweepsError) else f"{type(exc).__name__}: {exc}"
        if names_nobody:  # words of an error may be somebody's
            problem = f"{type(exc).__name__}, which the log of a report of everybody explains"
        return Section(key=key, title=title, problem=problem)
