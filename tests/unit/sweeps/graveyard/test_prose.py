"""Text of people within Markdown, as a page shows it."""

import html
import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gateway.markdown import rendered
from sweeps.graveyard.prose import link, plain, table

# What begins or ends something in Markdown or HTML, often; anything else, sometimes.
TEXTS = st.text(
    st.sampled_from("<>[](){}*_`~#+-=|\\!&;:/.\"' \n\t0123456789abjs")
    | st.characters(exclude_categories=("Cs", "Cc")),
    max_size=60,
)


def shown(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", page)).strip()


def words(text: str) -> list[str]:
    return text.split()


@given(TEXTS)
def test_a_text_is_shown_as_it_is_and_becomes_no_markup(text: str) -> None:
    page = rendered("Before " + plain(text))

    assert set(re.findall(r"<(/?\w+)", page)) == {"p", "/p"}
    assert words(shown(page)) == ["Before", *words(html.unescape(html.escape(text)))]


@given(TEXTS)
def test_a_text_at_the_beginning_of_a_line_begins_nothing(text: str) -> None:
    page = rendered(plain(text))

    assert set(re.findall(r"<(/?\w+)", page)) <= {"p", "/p"}


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_a_table_has_the_cells_that_it_was_given(cells: list[str]) -> None:
    columns = [f"c{place}" for place in range(len(cells))]

    page = rendered("\n".join(table(columns, [list(cells)])))

    found = re.findall(r"<td>(.*?)</td>", page, flags=re.DOTALL)
    assert [words(html.unescape(one)) for one in found] == [words(one) for one in cells]


@given(TEXTS, st.sampled_from(["/sweeps/a-b", "https://x.example/VIS-1?a=1#b"]))
def test_a_link_leads_where_it_says(text: str, target: str) -> None:
    page = rendered(f"- {link('to ' + text, target)}")

    assert re.findall(r'href="([^"]*)"', page) == [target]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](java&#115;cript:alert(1))",
        "[a](data:text/html,<script>)",
        "[a](vbscript:x)",
        "[a](//evil.example)",
        "[a](/\\evil.example)",
        "[a](file:///etc/passwd)",
        "<javascript:alert(1)>",
        "![a](https://evil.example/who-reads.png)",
        "[a]: javascript:alert(1)\n\n[a]",
        "<a href='javascript:alert(1)'>x</a>",
        "<!-- --><svg/onload=alert(1)>",
    ],
)
def test_even_markdown_that_is_not_ours_does_nothing(text: str) -> None:
    """A page is rendered as if all of it came from somebody else."""
    page = rendered(text)

    assert not re.search(r"<(?!/?(p|a|em|code|pre)\b)", page)
    for href in re.findall(r'href="([^"]*)"', page):
        assert re.match(r"https?://|/[^/\\]", href), page  # the web, or a path here
    assert "<img" not in page
