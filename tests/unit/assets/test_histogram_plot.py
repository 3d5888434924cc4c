"""Histograms as a picture."""

import base64
import xml.etree.ElementTree as ET

import pytest

from assets.histogram_plot import drift_plot, histogram_plot
from governance.datasets.drift import Comparison
from sweeps.data_profiles import ColumnKind, ColumnProfile, Histogram


def a_column(name: str, counts: tuple[int, ...]) -> ColumnProfile:
    histogram = Histogram(low=0.0, high=1.0, counts=counts)
    return ColumnProfile(
        name=name,
        kind=ColumnKind.NUMBER,
        dtype="float64",
        count=9,
        null_count=0,
        histogram=histogram,
    )


def picture(markdown: str) -> ET.Element:
    return ET.fromstring(base64.b64decode(markdown.partition("base64,")[2].rstrip(")")))


@pytest.mark.parametrize("name", ["age", "<script>&", "x" * 80])
def test_every_bucket_is_a_bar_and_a_name_is_only_text(name: str) -> None:
    svg = picture(histogram_plot([a_column(name, (1, 4, 0)), a_column("b", (0, 0))]))

    bars = [element for element in svg if element.tag.endswith("rect")]
    assert [float(bar.attrib["height"]) for bar in bars] == [22.5, 90.0, 0.0, 0.0, 0.0]
    first = next(element for element in svg if element.tag.endswith("text"))
    assert (first.text or "").rstrip("…") in name


def test_two_versions_stand_side_by_side_on_one_scale() -> None:
    both = Comparison(labels=("a", "b"), before=(0.5, 0.5), after=(1.0, 0.0))

    svg = picture(drift_plot([("x", both)]))

    bars = [element.attrib for element in svg if element.tag.endswith("rect")]
    assert [float(bar["height"]) for bar in bars] == [45.0, 45.0, 90.0, 0.0]
    assert len({bar["fill"] for bar in bars}) == 2


def test_nothing_is_an_empty_picture() -> None:
    assert len(picture(histogram_plot([]))) == 0
