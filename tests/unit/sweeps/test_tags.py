"""Tags, notes and links as text: what is taken, and what is refused."""

import string

import hypothesis.strategies as st
import pytest
from hypothesis import given

from sweeps.tags import (
    BASELINE,
    KEEPER,
    InvalidLink,
    InvalidNote,
    InvalidTag,
    NothingTagged,
    Subject,
    SubjectKind,
    SubjectNotFound,
    Tag,
    check_link,
    check_note,
    check_tag,
    is_web_address,
    parse_subject,
    parse_subjects,
    parse_tag,
)

SUBJECTS = [
    ("digits-mlp-ab12cd34", SubjectKind.SWEEP),
    ("digits-mlp-ab12cd34-00003", SubjectKind.RUN),
    ("digits-mlp-ab12cd34-1000000", SubjectKind.RUN),
    ("scratch-abcdefghijkl", SubjectKind.RUN),
    ("digits-22334455", SubjectKind.SWEEP),
]


@pytest.mark.parametrize(("text", "kind"), SUBJECTS)
def test_a_name_says_what_it_is_of(text: str, kind: SubjectKind) -> None:
    assert parse_subject(text) == Subject(kind, text)


def test_a_kind_before_the_name_counts() -> None:
    assert parse_subject("experiment:Digits, 2") == Subject(SubjectKind.EXPERIMENT, "Digits, 2")
    assert parse_subject("sweep:x-00003") == Subject(SubjectKind.SWEEP, "x-00003")


@pytest.mark.parametrize(
    "text", ["", "run:", "../x", "experiment:", "experiment:a\x00b", "run:A b"]
)
def test_what_nothing_is_called_is_not_found(text: str) -> None:
    with pytest.raises(SubjectNotFound):
        parse_subject(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("digits-mlp-ab12cd34-00003", "there is no run 'digits-mlp-ab12cd34-00003'"),
        ("scratch-abcdefghijkl", "there is no run 'scratch-abcdefghijkl'"),
        ("run:nope", "there is no run 'nope'"),
        ("sweep:nope", "there is no sweep 'nope'"),
        ("experiment:nope", "there is no experiment 'nope'"),
        ("nope", "there is no run or sweep 'nope'; an experiment is written as experiment:NAME"),
    ],
)
def test_what_is_not_there_is_called_what_it_was_asked_for_as(text: str, told: str) -> None:
    assert str(SubjectNotFound(parse_subject(text))) == told


def test_all_names_of_nothing_are_told() -> None:
    assert parse_subjects(["a", "run:b"]) == [parse_subject("a"), parse_subject("run:b")]

    with pytest.raises(SubjectNotFound, match="x y"):
        parse_subjects(["a", "x y"])
    with pytest.raises(NothingTagged) as told:
        parse_subjects(["x y", "a", "run:"])

    assert [str(problem)[:23] for problem in told.value.problems] == [
        "there is no run or swee",
        "there is no run ''",
    ]


@given(
    st.text(string.ascii_letters + string.digits + "_./-", min_size=1, max_size=63).map(
        "k".__add__
    ),
    st.text(string.ascii_letters + "=: äö", max_size=200),
)
def test_a_tag_is_read_as_it_is_written(name: str, value: str) -> None:
    tag = parse_tag(f"{name}={value}")

    assert tag == Tag(name, value.strip())
    assert parse_tag(str(tag)) == tag


@pytest.mark.parametrize(
    "text", ["", "=x", "a b", "-a", "a:b", "x" * 65, "a=" + "v" * 257, "a=b\nc", "a=\ud800", "ä"]
)
def test_what_is_no_tag_is_refused(text: str) -> None:
    with pytest.raises(InvalidTag):
        parse_tag(text)


def test_a_baseline_is_a_run() -> None:
    check_tag(Tag(BASELINE), SubjectKind.RUN)
    check_tag(Tag(KEEPER), SubjectKind.EXPERIMENT)

    with pytest.raises(InvalidTag, match="name one of its runs"):
        check_tag(Tag(BASELINE), SubjectKind.SWEEP)
    with pytest.raises(InvalidTag):
        check_tag(Tag("tier.fast"), SubjectKind.SWEEP)


@pytest.mark.parametrize(
    "target",
    [
        "VIS-123",
        "team/repo#12",
        "#7",
        "https://tracker.example/browse/VIS-123?x=1#c",
        "http://10.0.0.1:8080/a",
        "https://[::1]/a",
    ],
)
def test_tasks_and_web_addresses_are_links(target: str) -> None:
    assert check_link(f" {target} ") == target


@pytest.mark.parametrize(
    "target",
    [
        "",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)//VIS-1",
        "java\nscript:alert(1)",
        " \x01javascript:alert(1)",
        "data:text/html,<script>",
        "vbscript:x-1",
        "file:///etc/passwd",
        "//evil.example/VIS-1",
        "https:///VIS-1",
        "https://user:password@host/",
        "https://a b/",
        "https://a\\@b/",
        "https://host:99999999/",
        "https://[::1/",
        "https://x/" + "a" * 2000,
        "VIS-123 and more",
        "a\x00-1",
        "\ud800-1",
    ],
)
def test_what_a_browser_should_not_open_is_no_link(target: str) -> None:
    with pytest.raises(InvalidLink):
        check_link(target)


@given(st.text(max_size=60))
def test_a_web_address_is_of_the_web(text: str) -> None:
    if is_web_address(text):
        assert text.lower().startswith(("http://", "https://"))


def test_a_note_says_something() -> None:
    assert check_note("  it was the data \n") == "it was the data"

    for text in ("", " \n", "a\x00", "x" * 10_001, "\ud800"):
        with pytest.raises(InvalidNote):
            check_note(text)
