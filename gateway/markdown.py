"""Markdown as HTML for pages: no markup of its authors, and links only to the web or to here."""

import functools

from markdown_it import MarkdownIt

from governance.page_access import is_own_path
from sweeps.tags import is_web_address


def rendered(text: str) -> str:
    """`text` as HTML that may stand in a page as it is.

    HTML within it is shown, not followed; pictures are left as their words, since what they load
    would tell others who reads; a link that leads to neither the web nor a page of ours is text.
    """
    return _renderer().render(text)


@functools.cache
def _renderer() -> MarkdownIt:
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    renderer.validateLink = lambda url: is_own_path(url) or is_web_address(url)
    return renderer
