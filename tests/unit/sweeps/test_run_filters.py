"""The language of `--where`."""

import datetime as dt

import hypothesis.strategies as st
import pytest
from hypothesis import given

from sweeps.run_filters import (
    RUN_FIELDS,
    TAGGED_WORDS,
    All,
    Any,
    Comparison,
    FieldType,
    Filter,
    InvalidFilter,
    Kind,
    Not,
    parse_filter,
)

A, B, C = (Comparison(Kind.LAST, name, ">", 1.0) for name in "abc")

READINGS: list[tuple[str, Filter]] = [
    ("a > 1", A),
    ("a>1", A),
    ("(((a > 1)))", A),
    ("a > 1 and b > 1 and c > 1", All((A, B, C))),
    ("a > 1 or b > 1 and c > 1", Any((A, All((B, C))))),
    ("(a > 1 or b > 1) and c > 1", All((Any((A, B)), C))),
    ("not a > 1 AND b > 1", All((Not(A), B))),
    ("not (a > 1 and not b > 1)", Not(All((A, Not(B))))),
    ("loss <= -1.5e-3", Comparison(Kind.LAST, "loss", "<=", -1.5e-3)),
    ("val/loss.mean == .5", Comparison(Kind.LAST, "val/loss.mean", "=", 0.5)),
    ('"odd name" != 2', Comparison(Kind.LAST, "odd name", "!=", 2.0)),
    ("min.loss < inf", Comparison(Kind.MIN, "loss", "<", float("inf"))),
    ("max.'a b' > 0", Comparison(Kind.MAX, "a b", ">", 0.0)),
    ("best.state > 0", Comparison(Kind.BEST, "state", ">", 0.0)),
    ("params.lr < 0.01", Comparison(Kind.PARAM, "lr", "<", 0.01)),
    ("params.relu = true", Comparison(Kind.PARAM, "relu", "=", True)),
    ("params.relu = 'true'", Comparison(Kind.PARAM, "relu", "=", "true")),
    ("param.opt = sgd", Comparison(Kind.PARAM, "opt", "=", "sgd")),
    ('params."learning rate" > 1', Comparison(Kind.PARAM, "learning rate", ">", 1.0)),
    ("tag.team = vision", Comparison(Kind.TAG, "team", "=", "vision")),
    ("tag.n = 12", Comparison(Kind.TAG, "n", "=", "12")),
    (r'tags.t = "a\"b\\"', Comparison(Kind.TAG, "t", "=", 'a"b\\')),
    ("tag = keeper", Comparison(Kind.TAGGED, "run", "=", "keeper")),
    ("tag != keeper", Not(Comparison(Kind.TAGGED, "run", "=", "keeper"))),
    ("sweep_tag = 3", Comparison(Kind.TAGGED, "sweep", "=", "3")),
    ('experiment_tag == "a b"', Comparison(Kind.TAGGED, "experiment", "=", "a b")),
    ("tier = fast", Comparison(Kind.TIER, "tier", "=", "fast")),
    ("state = completed", Comparison(Kind.FIELD, "state", "=", "completed")),
    ("trial >= 3", Comparison(Kind.FIELD, "trial", ">=", 3.0)),
    (
        "created > 2026-01-31",
        Comparison(Kind.FIELD, "created", ">", dt.datetime(2026, 1, 31, tzinfo=dt.UTC)),
    ),
    (
        'ended < "2026-01-31 18:00"',
        Comparison(Kind.FIELD, "ended", "<", dt.datetime(2026, 1, 31, 18, tzinfo=dt.UTC)),
    ),
]


@pytest.mark.parametrize(("text", "tree"), READINGS)
def test_what_is_written_is_what_is_meant(text: str, tree: Filter) -> None:
    assert parse_filter(text) == tree


WRONG: list[tuple[str, int, str]] = [
    ("", 1, "name"),
    ("loss", 5, "comparison"),
    ("loss >", 7, "value"),
    ("loss > and", 8, "none"),
    ("loss > 'x", 8, "closed"),
    ("loss > 1 lr < 2", 10, "`and`"),
    ("(loss > 1", 10, "parenthesis"),
    ("loss > 1)", 9, "`and`"),
    ("loss > 1 and", 13, "name"),
    ("loss ! 1", 6, "'!'"),
    ("loss > abc", 8, "number"),
    ("loss = 'abc'", 8, "text"),
    ("objective > high", 13, "number"),
    ("created > yesterday", 11, "2026-01-31"),
    ("params.relu < true", 13, "order"),
    ("moon.'x' > 1", 1, "params"),
    ("params. > 1", 1, "name"),
    ("a > 1 ; drop table runs", 7, "';'"),
    ("tag.x = '\x00'", 9, "NUL"),
    ("not " * 60 + "a > 1", 205, "nested"),
    (" and ".join(["a > 1"] * 51), 501, "50 comparisons"),
]


@pytest.mark.parametrize(("text", "column", "word"), WRONG)
def test_what_is_wrong_is_pointed_at(text: str, column: int, word: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse_filter(text)

    assert caught.value.column == column
    assert word in str(caught.value)


@given(st.text(max_size=60) | st.text("ab .\"'()<>=!andortgrsm013-", max_size=60))
def test_any_text_is_a_filter_or_is_refused_with_its_column(text: str) -> None:
    column = 1
    try:
        parse_filter(text)
    except InvalidFilter as exc:
        column = exc.column

    assert 1 <= column <= len(text) + 1


_NAMES = st.text(min_size=1, max_size=8).filter(lambda name: "\x00" not in name)
_NUMBERS = st.floats(allow_nan=False)
_ORDERS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
_COMPARISONS = st.one_of(
    st.builds(
        Comparison,
        st.sampled_from([Kind.LAST, Kind.MIN, Kind.MAX, Kind.BEST, Kind.PARAM]),
        _NAMES,
        _ORDERS,
        _NUMBERS.filter(lambda number: abs(number) != float("inf")),
    ),
    st.builds(Comparison, st.sampled_from([Kind.TAG, Kind.PARAM]), _NAMES, _ORDERS, _NAMES),
    st.builds(
        Comparison,
        st.just(Kind.TAGGED),
        st.sampled_from(sorted(TAGGED_WORDS.values())),
        st.just("="),
        _NAMES,
    ),
    st.builds(Comparison, st.just(Kind.TIER), st.just("tier"), st.just("="), _NAMES),
    st.builds(
        Comparison,
        st.just(Kind.FIELD),
        st.sampled_from([n for n, of in RUN_FIELDS.items() if of is FieldType.TEXT]),
        _ORDERS,
        _NAMES,
    ),
)
_FILTERS = st.recursive(
    _COMPARISONS,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Any(tuple(parts))),
    ),
    max_leaves=10,
)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _written(tree: Filter) -> str:
    match tree:
        case Not(part):
            return f"not ({_written(part)})"
        case All(parts):
            return " and ".join(f"({_written(part)})" for part in parts)
        case Any(parts):
            return " or ".join(f"({_written(part)})" for part in parts)
        case Comparison(kind, name, op, value):
            subject = name if kind in {Kind.FIELD, Kind.TIER} else f"{kind}.{_quoted(name)}"
            if kind is Kind.TAGGED:
                subject = next(word for word, of in TAGGED_WORDS.items() if of == name)
            written = _quoted(value) if isinstance(value, str) else repr(value)
            return f"{subject} {op} {written}"


@given(_FILTERS)
def test_a_filter_that_is_written_out_is_read_as_the_same(tree: Filter) -> None:
    assert parse_filter(_written(tree)) == tree


@pytest.mark.parametrize("word", ["sweep_tag", "experiment_tag"])
def test_a_tag_of_what_a_run_belongs_to_has_no_value_to_compare(word: str) -> None:
    with pytest.raises(InvalidFilter, match=f"write {word} = NAME"):
        parse_filter(f"{word}.team = vision")
