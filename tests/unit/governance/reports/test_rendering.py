"""Reports as Markdown and HTML, whatever people call their things."""

import re
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from governance.reports.charts import chart_svg
from governance.reports.composing import compose
from governance.reports.html import page, style
from governance.reports.markdown import escaped, markdown
from governance.reports.model import (
    Chart,
    ChartKind,
    Column,
    Figure,
    Figures,
    Report,
    Scope,
    Section,
    Sentence,
    Table,
    Unit,
)
from governance.reports.values import ABSENT, change, text
from tests.unit.governance.reports.world import NOW, WEEK, Told, spent

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "[click](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "a | b | c",
    "`code` **bold** _it_ ~~gone~~",
    "# heading\n\n- item",
    "\r\n\r\n<b>",
    "&lt;script&gt;",
    "http://evil.example <http://evil.example>",
    "</style><script>",
    "$x$ \\ ^ {}",
    "1. item",
    "1) item",
    "- item",
    "+ item",
    "---",
    "===",
    "    indented",
]
names = st.text(max_size=40) | st.sampled_from(HOSTILE)


def a_report(name: str) -> Report:
    return Report(
        period=WEEK,
        scope=Scope(tenant=name, experiment=name),
        made_at=NOW,
        is_portfolio=False,
        sections=(
            Section(
                key="cost",
                title=name,
                blocks=(
                    Sentence(f"It is {name}"),
                    Sentence(name),
                    Figures((Figure(name, Decimal(1), Unit.USD, Decimal(2)),)),
                    Table(name, (Column(name), Column("n", Unit.COUNT)), ((name, 1), (None, 2))),
                    Chart(name, ChartKind.BARS, Unit.USD, ((name, (1.0,)),)),
                    Chart(name, ChartKind.DAYS, Unit.USD, ((name, (1.0,)),)),
                ),
            ),
            Section(key="waste", title="Waste", problem=name),
        ),
    )


class Page(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


_TAGS = {
    "html", "head", "meta", "title", "style", "body", "article", "section", "h1", "h2", "h3", "p",
    "div", "ul", "li", "b", "small", "table", "thead", "tbody", "tr", "th", "td", "img",
}  # fmt: skip


@given(name=names)
def test_names_are_nothing_but_words_in_html(name: str) -> None:
    found = Page(page(a_report(name)))

    assert found.tags <= _TAGS
    assert not [one for one in found.attributes if one.startswith("on")]
    assert all(one.startswith("data:image/svg+xml;base64,") for one in found.addresses)
    said = "".join(found.words).replace("\r\n", "\n").replace("\r", "\n")
    assert f"It is {name}".replace("\r\n", "\n").replace("\r", "\n") in said


@given(name=names)
def test_names_are_nothing_but_words_in_pictures(name: str) -> None:
    for kind in ChartKind:
        svg = chart_svg(
            Chart(name, kind, Unit.USD, ((name, (1.0, 2.0)), ("b", (0.0, 0.0))), (name, "b"), 2.0)
        )

        assert Page(svg).tags <= {"svg", "rect", "text", "line"}


@given(
    values=st.lists(
        st.lists(st.floats(0, 1e12) | st.just(0.0), min_size=2, max_size=2).map(tuple), max_size=40
    ),
    kind=st.sampled_from(ChartKind),
    whole=st.none() | st.floats(1e-6, 1e6),
)
def test_whatever_is_drawn_stays_within_the_picture(
    values: list[tuple[float, ...]], kind: ChartKind, whole: float | None
) -> None:
    points = tuple((f"p{n}", pair) for n, pair in enumerate(values))

    svg = chart_svg(Chart("title", kind, Unit.COUNT, points, ("a", "b"), whole))

    _, _, width, height = map(float, re.findall(r'viewBox="(\S+) (\S+) (\S+) (\S+)"', svg)[0])
    for box in re.findall(r'<rect x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)"', svg):
        x, y, wide, tall = map(float, box)
        assert wide >= 0 <= tall
        assert x >= 0 <= y
        assert x + wide <= width + 0.2
        assert y + tall <= height + 0.2


def test_a_scale_has_round_numbers() -> None:
    points = tuple((f"{n}", (value,)) for n, value in enumerate([2350.0, 10.0]))

    svg = chart_svg(Chart("Attempts", ChartKind.DAYS, Unit.COUNT, points))

    assert [one for one in re.findall(r">([\d,]+)</text>", svg) if len(one) > 1] == [
        "1,000",
        "2,000",
        "3,000",
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_nothing_but_words_in_markdown(name: str) -> None:
    reader = MarkdownIt("commonmark", {"linkify": False}).enable(["table", "strikethrough"])

    reader.validateLink = lambda url: True  # the most that any reader would do

    tokens = reader.parse(markdown(a_report(name)))

    inline = [child for token in tokens for child in token.children or []]
    kinds = {token.type for token in tokens} | {child.type for child in inline}
    assert not kinds & {
        "html_block",
        "html_inline",
        "link_open",
        "code_inline",
        "em_open",
        "s_open",
        "code_block",
    }
    assert not kinds & {"bullet_list_open", "ordered_list_open", "blockquote_open", "fence"} - {
        "bullet_list_open"  # of the problems
    }
    pictures = [child for child in inline if child.type == "image"]
    assert len(pictures) == 2
    assert all(str(one.attrs["src"]).startswith("data:image/svg+xml;base64,") for one in pictures)
    cells = [token for token in tokens if token.type == "td_open"]
    assert len(cells) == 3 + 2 * 2  # a figure, and two rows of two


@given(name=st.text(max_size=60))
def test_escaped_words_stay_on_their_line(name: str) -> None:
    assert not set(escaped(name)) & set("\n\r\x00\u2028\u2029")


def test_what_could_not_be_told_comes_first() -> None:
    report = a_report("vision")

    for shown in (markdown(report), page(report)):
        assert shown.index("Not everything could be told") < shown.index("It is")
        assert "This section could not be made" in shown


def test_the_style_of_a_report_leaves_the_page_around_it_alone() -> None:
    rules = [line for line in style().splitlines() if "{" in line]

    assert rules
    assert all(one.startswith(".report ") for one in rules)


def test_a_page_needs_nothing_beside_it() -> None:
    document = page(
        compose(Told(spent_rows=[spent(amount_usd=Decimal(3))]), Scope(), WEEK, now=NOW)
    )

    assert "http" not in document.replace("http-equiv", "").replace("www.w3.org", "")
    assert "default-src 'none'" in document
    assert "<script" not in document


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (Decimal("1234.5"), Unit.USD, "$1,234.50"),
        (Decimal("0.0001"), Unit.USD, "$0.0001"),
        (Decimal("0.00001"), Unit.USD, "<$0.0001"),
        (Decimal(-3), Unit.USD, "-$3.00"),
        (0.1234, Unit.SHARE, "12.3 %"),
        (None, Unit.SHARE, ABSENT),
        (float("nan"), Unit.NUMBER, ABSENT),
        (1234567, Unit.COUNT, "1,234,567"),
        (2000.0, Unit.COUNT, "2,000"),
        (75.0, Unit.SECONDS, "1 m 15 s"),
        (3661.0, Unit.SECONDS, "1 h 01 m"),
        (10.0, Unit.TIMES, "10.0\u00d7"),
        (1536, Unit.BYTES, "1.5 KiB"),
    ],
)
def test_values_are_shown_with_their_unit(value: Decimal | float, unit: Unit, shown: str) -> None:
    assert text(value, unit) == shown


@pytest.mark.parametrize(
    ("now", "before", "unit", "shown"),
    [
        (Decimal(15), Decimal(10), Unit.USD, "+50.0 %"),
        (Decimal(5), Decimal(10), Unit.USD, "-50.0 %"),
        (Decimal(5), Decimal(0), Unit.USD, "new"),
        (Decimal(0), Decimal(0), Unit.USD, "as before"),
        (0.5, 0.25, Unit.SHARE, "+25.0 points"),
        (None, 0.25, Unit.SHARE, ""),
        (Decimal(5), None, Unit.USD, ""),
    ],
)
def test_changes_are_told_beside_the_period_before(
    now: Decimal | None, before: Decimal | None, unit: Unit, shown: str
) -> None:
    assert change(Figure("x", now, unit, before)) == shown


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("$0.00", "$0.00"),
        ("0.0", "0.0"),
        ("2026-11-26 to 2026-11-30 (UTC)", "2026-11-26 to 2026-11-30 (UTC)"),
        ("-3.5 %", "-3.5 %"),
        ("1. first", "1\\. first"),
        ("12) next", "12\\) next"),
        ("- item", "\\- item"),
        ("---", "\\---"),
        ("$x$", "\\$x\\$"),
        ("[a](b)", "\\[a\\](b)"),
    ],
)
def test_only_what_markdown_would_change_is_escaped(words: str, written: str) -> None:
    assert escaped(words) == written
