"""Names of datasets and of their versions, and what makes two versions the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.datasets import (
    NAME,
    DatasetReference,
    FileEntry,
    InvalidDataset,
    check_dataset_name,
    content_hash,
    variable_of,
)
from sweeps.preprocessing_file import parse_steps
from tests.unit.sweeps.sweep_texts import problems_when

NAMES = st.from_regex(NAME, fullmatch=True)
FILES = st.lists(
    st.builds(
        FileEntry,
        path=st.text(min_size=1, max_size=9),
        size_bytes=st.integers(0, 2**40),
        sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    ),
    max_size=6,
    unique_by=lambda file: file.path,
)


@given(NAMES, st.none() | st.integers(1, 999_999_999))
def test_a_reference_is_read_back_as_it_is_written(name: str, number: int | None) -> None:
    reference = DatasetReference(name=name, number=number)

    assert DatasetReference.parse(str(reference)) == reference


def test_the_newest_version_has_two_names() -> None:
    assert DatasetReference.parse("iris@latest") == DatasetReference.parse("iris")


@pytest.mark.parametrize(
    "text",
    ["", "@3", "iris@", "iris@0", "iris@-1", "iris@03", "iris@3.0", "iris@new", "Iris", "a b", "-a",
     "a-", "a/b", "../a", "a_b", "a" * 64, "iris@3@4", "iris@99999999999", "iris\n"],
)  # fmt: skip
def test_what_names_no_dataset_is_refused(text: str) -> None:
    with pytest.raises(InvalidDataset):
        DatasetReference.parse(text)


@pytest.mark.parametrize("name", ["", "iris@3", "Iris", "a.b", "a--", "ä"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidDataset):
        check_dataset_name(name)


@given(NAMES, NAMES)
def test_two_datasets_never_share_a_variable(one: str, other: str) -> None:
    assert (variable_of(one) == variable_of(other)) == (one == other)


@given(FILES, st.randoms())
def test_content_is_the_same_in_whatever_order_files_come(
    files: list[FileEntry], random: object
) -> None:
    shuffled = list(files)
    random.shuffle(shuffled)  # pyright: ignore[reportAttributeAccessIssue]  hypothesis says too little

    assert content_hash(files) == content_hash(shuffled)


@given(FILES, FILES)
def test_other_files_are_other_content(one: list[FileEntry], other: list[FileEntry]) -> None:
    is_same = {(f.path, f.sha256, f.size_bytes) for f in one} == {
        (f.path, f.sha256, f.size_bytes) for f in other
    }

    assert (content_hash(one) == content_hash(other)) == is_same


def test_a_file_of_steps_has_names_and_options_in_order() -> None:
    text = "steps:\n  - {name: scale, options: {by: mean}}\n  - name: split\n"

    assert parse_steps(text, source="x") == (("scale", {"by": "mean"}), ("split", {}))


def test_every_mistake_in_a_file_of_steps_has_its_line() -> None:
    text = "steps:\n  - {nam: scale}\n  - {name: split, options: 3}\n"

    problems = problems_when(lambda: parse_steps(text, source="x"))

    assert [(p.path, p.line) for p in problems] == [
        ("steps[0].nam", 2), ("steps[0].name", 2), ("steps[1].options", 3),
    ]  # fmt: skip
