"""Labels that are legal whatever a person typed."""

import re

from hypothesis import given
from hypothesis import strategies as st

from compute.kubernetes.names import label_value

LEGAL = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")


@given(st.text(max_size=400))
def test_any_text_becomes_a_legal_value(text: str) -> None:
    assert LEGAL.fullmatch(label_value(text))


@given(st.lists(st.text(max_size=100), unique=True, min_size=2, max_size=5))
def test_different_texts_stay_different(texts: list[str]) -> None:
    assert len({label_value(text) for text in texts}) == len(texts)


def test_names_are_kept_and_others_are_recognised() -> None:
    assert label_value("digits-mlp.v1_a") == "digits-mlp.v1_a"
    assert label_value("Поиск") != label_value("Опыт")
    assert label_value("my best experiment!").startswith("my-best-experiment-")
    assert len(label_value("a" * 300)) == 63
