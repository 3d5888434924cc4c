"""A report as a page of HTML that needs nothing beside it: no script, nothing to load."""

from html import escape

from governance.reports.charts import chart_uri
from governance.reports.model import Block, Chart, Figures, Report, Section, Sentence, Table, Unit
from governance.reports.values import change, text

_PAGE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2733; max-width: 1080px; margin: 32px auto; padding: 0 16px; }
"""
#: Of the report alone: it may stand in a page that looks otherwise.
_STYLE = """
.report h1 { font-size: 28px; }
.report h2 { font-size: 21px; margin: 36px 0 8px; border-bottom: 1px solid #d9dfe8; }
.report h3 { margin: 20px 0 6px; font-size: 15px; }
.report .about { color: #5b6879; }
.report .problem { color: #a3261d; background: #fdf0ef; border: 1px solid #f1c9c5; padding: 8px 12px; border-radius: 6px; }
.report .figures { display: flex; flex-wrap: wrap; gap: 12px; margin: 12px 0; padding: 0; list-style: none; }
.report .figures li { border: 1px solid #d9dfe8; border-radius: 8px; padding: 8px 14px; min-width: 120px; }
.report .figures b { display: block; font-size: 20px; }
.report .figures small { color: #5b6879; }
.report .wide { overflow-x: auto; }
.report table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.report th, .report td { padding: 4px 10px; border-bottom: 1px solid #e6eaf0; text-align: left; vertical-align: top; }
.report td { white-space: nowrap; }
.report td.long { white-space: normal; min-width: 360px; }
.report thead th { color: #5b6879; font-weight: 500; vertical-align: bottom; }
.report .n { text-align: right; }
.report img { max-width: 100%; }
"""

_BODY, _END = "<body>\n", "\n</body>\n"  # no report has the first: its angle brackets are escaped
_LONG = 48  # letters: what has more is broken into lines
_LONG_CLASS = ' class="long"'


def page(report: Report) -> str:
    """The whole page."""
    return page_around(fragment(report))


def page_around(article: str) -> str:
    """The whole page of a `fragment`."""
    title = article.partition("<h1>")[2].partition("</h1>")[0]  # escaped as it has to be here
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Whatever opens it: nothing is loaded, and no script runs.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
        f"<title>{title}</title>\n<style>{_PAGE}{_STYLE}</style>\n</head>\n"
        f"{_BODY}{article}{_END}</html>\n"
    )


def fragment_of(page: str) -> str:
    """The `fragment` within a page that was made here."""
    return page.partition(_BODY)[2].rpartition(_END)[0]


def style() -> str:
    """What a page that shows a `fragment` needs."""
    return _STYLE


def fragment(report: Report) -> str:
    """The report within a page."""
    before = report.period.previous
    parts = [
        '<article class="report">',
        f"<h1>{escape(report.title)}</h1>",
        (
            f'<p class="about">{report.period.first} to {report.period.last} in UTC, beside '
            f"{escape(before.name)}. Made at {report.made_at:%Y-%m-%d %H:%M}.</p>"
        ),
    ]
    if report.problems:
        lines = "".join(f"<li>{escape(problem)}</li>" for problem in report.problems)
        parts.append(f'<div class="problem">Not everything could be told:<ul>{lines}</ul></div>')
    parts += [_section(section) for section in report.sections]
    return "\n".join([*parts, "</article>"])


def _section(section: Section) -> str:
    parts = [f'<section id="{escape(section.key)}">', f"<h2>{escape(section.title)}</h2>"]
    if section.problem is not None:
        parts.append(
            f'<p class="problem">This section could not be made: {escape(section.problem)}</p>'
        )
    parts += [_block(block) for block in section.blocks]
    return "\n".join([*parts, "</section>"])


def _block(block: Block) -> str:
    match block:
        case Sentence():
            return f"<p>{escape(block.text)}</p>"
        case Figures():
            return _figures(block)
        case Table():
            return _table(block)
        case Chart():
            return f'<p><img alt="{escape(block.title)}" src="{chart_uri(block)}"></p>'


def _figures(block: Figures) -> str:
    items = "".join(
        f"<li>{escape(figure.name)}<b>{escape(text(figure.value, figure.unit))}</b>"
        f"<small>{escape(change(figure))}</small></li>"
        for figure in block.figures
    )
    return f'<ul class="figures">{items}</ul>'


def _table(block: Table) -> str:
    if not block.rows:
        return f"<p>{escape(block.title)}: none.</p>"
    head = "".join(
        f"<th{_numeric(column.unit)}>{escape(column.name)}</th>" for column in block.columns
    )
    body = "".join(
        "<tr>"
        + "".join(
            _cell(text(value, column.unit), column.unit)
            for value, column in zip(row, block.columns, strict=True)
        )
        + "</tr>\n"
        for row in block.rows
    )
    return (
        f'<h3>{escape(block.title)}</h3>\n<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{body}</tbody></table></div>"
    )


def _cell(words: str, unit: Unit) -> str:
    is_long = unit is Unit.TEXT and len(words) > _LONG
    return f"<td{_LONG_CLASS if is_long else _numeric(unit)}>{escape(words)}</td>"


def _numeric(unit: Unit) -> str:
    return "" if unit is Unit.TEXT else ' class="n"'
