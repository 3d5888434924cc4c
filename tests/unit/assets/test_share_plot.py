"""A share over time as a picture."""

import base64
import datetime as dt
from xml.etree import ElementTree as ET

import pytest

from assets.share_plot import share_plot, share_svg

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("n", [0, 1, 2, 60])
def test_each_period_is_a_point_and_few_have_a_label(n: int) -> None:
    points = [(dt.date(2026, 1, 5) + dt.timedelta(weeks=i), i / 60) for i in range(n)]

    picture = ET.fromstring(share_svg(points, title="a < b & c"))

    assert len(picture.findall(f"{SVG}circle")) == n
    texts = [text.text for text in picture.findall(f"{SVG}text")]
    assert texts[0] == "a < b & c"
    assert len(texts) <= 1 + 5 + 6


def test_higher_is_better_and_it_fits() -> None:
    day = dt.date(2026, 1, 5)
    picture = ET.fromstring(share_svg([(day, 0.0), (day + dt.timedelta(days=7), 1.0)], title="t"))

    low, high = picture.findall(f"{SVG}circle")
    assert float(high.attrib["cy"]) < float(low.attrib["cy"]) < 240
    assert float(low.attrib["cx"]) < float(high.attrib["cx"]) < 640


def test_markdown_carries_the_picture() -> None:
    text = share_plot([], title="t")

    assert b"<svg" in base64.b64decode(text.partition("base64,")[2].rstrip(")"))
