"""Figures: matplotlib's become PNG, plotly's JSON, each by its own means."""

import io
from typing import Any

from sweepworks.media.content import Content, NotMedia


def figure_content(figure: Any) -> Content:
    """A figure as it is now: neither library lets another thread draw it later.

    Raises:
        NotMedia: It is none.
    """
    if hasattr(figure, "savefig"):
        file = io.BytesIO()
        figure.savefig(file, format="png")
        return Content.of("png", file.getvalue())
    if hasattr(figure, "to_json"):
        return Content.of("json", str(figure.to_json()).encode("utf-8", "replace"))
    raise NotMedia(f"{type(figure).__name__} is no figure of matplotlib or plotly")
