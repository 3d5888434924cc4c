"""Named statements."""

import pytest

from storage import queries


@pytest.mark.parametrize("noun", queries.nouns())
def test_every_statement_has_a_description_and_ends_with_a_semicolon(noun: str) -> None:
    for name, statement in queries.load(noun).items():
        assert statement.startswith("-- "), name
        assert statement.endswith(";"), name


def test_a_statement_is_found_by_its_name() -> None:
    assert "FOR UPDATE" in queries.load("trials")["hold_lease"]


def test_an_unknown_noun_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        queries.load("dragons")
