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


def nouns() -> tuple[str, ...]:
    """Names of all query files; a test plans every statement in them."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.sql")))
