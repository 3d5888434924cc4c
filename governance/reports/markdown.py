"""A report as Markdown."""

import re

from governance.reports.charts import chart_uri
from governance.reports.model import Block, Chart, Figures, Report, Section, Sentence, Table, Unit
from governance.reports.values import change, text

# Wherever it stands. Parentheses and ! mean something only beside a bracket, which is among them. A
# dollar may begin or end a formula, but for one before a digit: that is money, and ends none.
_SPECIAL = re.compile(r"([\\`*_\[\]#|<>~&]|\$(?![0-9]))")
# At the beginning: of a list, a line, or a heading's underline.
_BEGINNING = re.compile(r"^([0-9]*)(\.(?=\s|$)|\)(?=\s|$)|[-+=](?=[-+=\s]|$))")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def markdown(report: Report, *, with_charts: bool = True) -> str:
    """All of it.

    Args:
        with_charts: As pictures inside of it.
    """
    parts = [f"# {escaped(report.title)}", _about(report)]
    if report.problems:
        parts.append(
            "\n".join(
                ["**Not everything could be told:**", ""]
                + [f"- {escaped(problem)}" for problem in report.problems]
            )
        )
    parts += [_section(section, with_charts=with_charts) for section in report.sections]
    return "\n\n".join(parts) + "\n"


def escaped(words: str) -> str:
    """Names of people and their things, as nothing but text: in a line, and in a table's cell."""
    return _BEGINNING.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", _CONTROL.sub(" ", words).strip()))


def _about(report: Report) -> str:
    before = report.period.previous
    return escaped(
        f"{report.period.first} to {report.period.last} in UTC, beside {before.name}. "
        f"Made at {report.made_at:%Y-%m-%d %H:%M}."
    )


def _section(section: Section, *, with_charts: bool) -> str:
    parts = [f"## {escaped(section.title)}"]
    if section.problem is not None:
        parts.append(f"**This section could not be made:** {escaped(section.problem)}")
    parts += [
        _block(block) for block in section.blocks if with_charts or not isinstance(block, Chart)
    ]
    return "\n\n".join(parts)


def _block(block: Block) -> str:
    match block:
        case Sentence():
            return escaped(block.text)
        case Figures():
            return _figures(block)
        case Table():
            return _table(block)
        case Chart():
            return f"![{escaped(block.title)}]({chart_uri(block)})"


def _figures(block: Figures) -> str:
    lines = ["| | | change |", "|---|---:|---:|"]
    for figure in block.figures:
        value = escaped(text(figure.value, figure.unit))
        lines.append(f"| {escaped(figure.name)} | **{value}** | {escaped(change(figure))} |")
    return "\n".join(lines)


def _table(block: Table) -> str:
    if not block.rows:
        return f"{escaped(block.title)}: none."
    names = [escaped(column.name) for column in block.columns]
    rules = ["---" if column.unit is Unit.TEXT else "---:" for column in block.columns]
    lines = [_line(names), _line(rules)]
    for row in block.rows:
        cells = zip(row, block.columns, strict=True)
        lines.append(_line([escaped(text(value, column.unit)) for value, column in cells]))
    return "\n".join([f"### {escaped(block.title)}", "", *lines])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
