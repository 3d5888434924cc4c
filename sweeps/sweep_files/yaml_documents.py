"""YAML text to a plain document that remembers the line of everything in it.

Scalars follow YAML 1.2's core schema, not PyYAML's 1.1: `1e-4` is a number, and `on`, `off`,
`yes` and `no` stay the words their author wrote. A whole number in decimal may start with zeros.
"""

import re
from collections.abc import Callable
from typing import cast

import yaml

from sweeps.sweep_files.documents import MAX_DEPTH, MAX_VALUES, Document, Path, refuse

MAX_CHARACTERS = 1_048_576
_TAG = "tag:yaml.org,2002:"
_CONVERSIONS: dict[str, Callable[[str], object]] = {
    f"{_TAG}null": lambda _: None,
    f"{_TAG}bool": lambda text: {"true": True, "false": False}[text.lower()],
    f"{_TAG}int": lambda text: int(text, 16 if text.lower().startswith("0x") else 10),
    f"{_TAG}float": lambda text: float(re.sub(r"\.(inf|nan)$", r"\1", text.lower())),
    f"{_TAG}str": str,
}


class _TooLarge(Exception):
    """More than a person writes."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.line = line


class _Loader(yaml.SafeLoader):
    """Makes nodes, never objects; gives up early on what no person wrote."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._count = self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._count, self._depth = self._count + 1, self._depth + 1
        if self._count > MAX_VALUES:
            raise _TooLarge(f"more than {MAX_VALUES} values", self._line())
        if self._depth > MAX_DEPTH:
            raise _TooLarge("nested too deep", self._line())
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _line(self) -> int:
        mark = self.peek_event().start_mark  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - untyped
        return cast("yaml.Mark", mark).line + 1


_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("null", r"~|null|Null|NULL|", [*"~nN", ""]),
    ("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+", [*"-+0123456789"]),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        [*"-+.0123456789"],
    ),
):
    _Loader.add_implicit_resolver(  # pyright: ignore[reportUnknownMemberType] - untyped
        f"{_TAG}{_name}", re.compile(rf"^(?:{_pattern})$"), _first
    )


def read_yaml(text: str, *, source: str, what: str = "sweep file") -> Document:
    """Parse one document.

    Args:
        source: Name of the file, for messages.
        what: What people call such a file, for messages.

    Raises:
        InvalidSweepFile: It is no YAML at all; what can be read goes on to be checked.
    """
    if len(text) > MAX_CHARACTERS:
        refuse(source, f"the file has {len(text)} characters", f"a {what} is a page or two")
    document = Document(value=None, what=what)
    try:
        node = cast("yaml.Node | None", yaml.compose(text, Loader=_Loader))  # pyright: ignore[reportUnknownMemberType] - untyped
        if node is not None:
            document.value = _NodeReader(document).read(node, ())
    except _TooLarge as exc:
        refuse(source, str(exc), f"a {what} is a page or two", exc.line)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        refuse(
            source,
            f"not YAML: {exc.problem or exc}",
            _hint(exc),
            None if mark is None else mark.line + 1,
        )
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        refuse(source, f"not text: character {exc.position} cannot be printed", "remove it", line)
    except (ValueError, OverflowError):  # from chr() inside PyYAML
        refuse(source, "not YAML: an escape such as \\U stands for no character", "remove it")
    return document


def _hint(exc: yaml.MarkedYAMLError) -> str:
    reason = exc.problem or ""
    if "\\t" in reason:
        return "indent with spaces, not with tabs"
    if "another document" in reason:
        return "keep one document in a file, without --- between"
    return "indent with spaces, and put text with : or # or { into quotes"


class _NodeReader:
    """Turns nodes into values, noting lines, spellings, and keys that appear twice."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._count = 0

    def read(self, node: yaml.Node, path: Path) -> object:
        """The value of `node`."""
        line = node.start_mark.line + 1
        self._count += 1
        if self._count > MAX_VALUES or len(path) > MAX_DEPTH:
            # Aliases multiply: a small text can stand for a huge document, or an endless one.
            raise _TooLarge("aliases make the file too large or too deep", line)
        self._document.lines.setdefault(path, line)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if node.tag not in {f"{_TAG}map", f"{_TAG}seq"}:
            self._document.note(path, f"the tag {node.tag!r} is not supported", "remove it")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        return [self.read(item, (*path, i)) for i, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        lines, out = self._document.lines, dict[str, object]()
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._document.note(path, f"a key in line {line} is no word", "write key: value")
                continue
            name = _joined(str(key_node.value))  # as written: a key `on` or `1` is that word
            at = (*path, name)
            if name in out:
                first = lines[at]
                lines[at] = line  # for this note only
                self._document.note(
                    at, f"{name!r} appears twice, first in line {first}", "keep one"
                )
                lines[at] = first
                continue
            lines[at] = line
            if name == "<<":
                self._document.note(at, "'<<' is not supported", "write the keys out")
                continue
            out[name] = self.read(value_node, at)
        return out

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> object:
        text = _joined(str(node.value))
        convert = _CONVERSIONS.get(node.tag)
        if convert is None:
            self._document.note(path, f"the tag {node.tag!r} is not supported", "remove it")
            return text
        try:
            value = convert(text)
        except (ValueError, KeyError):  # only an explicit tag, or thousands of digits, get here
            self._document.note(path, f"{text[:40]!r} is not what its tag says", "remove the tag")
            return text
        if isinstance(value, (int, float)):
            self._document.spellings[path] = text
        return value


def _joined(text: str) -> str:
    """`text` with JSON's pairs of escapes, which PyYAML reads one by one, as one character."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:  # half a pair: `check_storable` refuses it
        return text
