"""Text of people within Markdown: it says what it says, and is never markup."""

import re
from urllib.parse import quote

# CommonMark lets any ASCII punctuation be escaped; these can begin something within a line, or a
# table's next cell.
_SPECIAL = re.compile(r"([\\`*_\[\]<>&|~!#])")
_AT_START = re.compile(r"^(\s*)([-+=]|\d+[.)])", re.ASCII)
_BREAK = re.compile(r"\s*[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+\s*")


def plain(text: str) -> str:
    """One line of Markdown that is read as `text`, its line breaks as blanks."""
    line = _SPECIAL.sub(r"\\\1", _BREAK.sub(" ", text.strip()))
    # What begins a list or a heading: a number's mark is behind it.
    return _AT_START.sub(_escaped_start, line)


def _escaped_start(match: re.Match[str]) -> str:
    before, mark = match.groups()
    return before + (f"\\{mark}" if len(mark) == 1 else f"{mark[:-1]}\\{mark[-1]}")


def cell(value: object) -> str:
    """A value of a table."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.5g}"
    return "" if value is None else plain(str(value))


def link(words: str, target: str) -> str:
    """`words` that lead to `target`: a path of the gateway, or an address of the web."""
    return f"[{plain(words)}](<{quote(target, safe=':/?#@!$&*+,;=%-._~')}>)"


def table(columns: list[str], rows: list[list[object]]) -> list[str]:
    """A table of GitHub's kind."""
    return [
        "| " + " | ".join(plain(column) for column in columns) + " |",
        "|" + " --- |" * len(columns),
        *("| " + " | ".join(cell(value) for value in row) + " |" for row in rows),
    ]
