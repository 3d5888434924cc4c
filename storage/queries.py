"""Named SQL from `sql/queries/*.sql`; the only cast to `LiteralString` in the repository."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import LiteralString, cast

_FOLDER = Path(__file__).parent / "sql" / "queries"
_HEADING = re.compile(r"^-- (\w+) --$", re.MULTILINE)


@cache
def load(noun: str) -> Mapping[str, LiteralString]:
    """Every statement of `sql/queries/<noun>.sql`, by the name in its heading."""
    text = (_FOLDER / f"{noun}.sql").read_text(encoding="utf-8")
    _, *parts = _HEADING.split(text)
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{noun}.sql defines a query twice")
    # Safe: the text comes from files of this package, never from input.
    return {
        name: cast("LiteralString", body.strip()) for name, body in zip(names, bodies, strict=True)
    }


def prefixed(statement: LiteralString, prefix: str) -> LiteralString:
    """A statement as part of another one: its parameters called otherwise, without its end.

    Args:
        prefix: Letters, digits and underscores, chosen by the caller, never by input.
    """
    if not prefix.isidentifier():
        raise ValueError(f"{prefix!r} is no beginning of a name")
    renamed = statement.rstrip().removesuffix(";").replace("%(", f"%({prefix}")
    return cast("LiteralString", renamed + "\n")  # safe as above; the new line ends a comment


def nouns() -> tuple[str, ...]:
    """Names of all query files; a test plans every statement in them."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.sql")))
