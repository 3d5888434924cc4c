"""YAML text to a plain document that remembers the line of everything in it.

Scalars follow YAML 1.2's core schema, not PyYAML's 1.1: `1e-4` is a number, and `on`, `off`,
`yes` and `no` stay the words their author wrote.
"""

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, cast

import yaml

from sweeps.errors import InvalidSweepFile, Problem

Path = tuple[str | int, ...]

MAX_CHARACTERS = 1_048_576
_MAX_NODES = 100_000  # aliases multiply: a small text can stand for a huge document


@dataclass(slots=True)
class Document:
    """A parsed file: plain values, and the line (from 1) where each of them begins."""

    value: object
    lines: dict[Path, int] = field(default_factory=dict[Path, int])
    problems: list[Problem] = field(default_factory=list[Problem])

    def line(self, path: Path) -> int | None:
        """The line of `path`, or of the nearest thing around it that has one."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


class _Loader(yaml.SafeLoader):
    """Safe, with the scalars of YAML 1.2."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(  # pyright: ignore[reportUnknownMemberType]
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first)
    )


def read_yaml(text: str, *, source: str) -> Document:
    """Parse one document.

    Raises:
        InvalidSweepFile: It is no YAML at all; what can be read goes on to be checked.
    """
    if len(text) > MAX_CHARACTERS:
        _fail(source, f"the file has {len(text)} characters", "a sweep file is a page or two")
    reader, value = _Reader(), None
    try:
        node = cast("yaml.Node | None", yaml.compose(text, Loader=_Loader))  # pyright: ignore[reportUnknownMemberType]
        value = None if node is None else reader.read(node, ())
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        hint = "indent with spaces, and put text with : or # into quotes"
        _fail(source, f"not YAML: {exc.problem or exc}", hint, mark.line + 1 if mark else None)
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        reason = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        _fail(source, f"not YAML: {reason}", "write plain UTF-8 text")
    return Document(value=value, lines=reader.lines, problems=reader.problems)


def _fail(source: str, message: str, hint: str, line: int | None = None) -> NoReturn:
    raise InvalidSweepFile(source, [Problem(path="file", message=message, hint=hint, line=line)])


class _Reader:
    """Turns nodes into values, noting lines and keys that appear twice."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []
        self._count = 0
        self._constructor = _Loader("")

    def read(self, node: yaml.Node, path: Path) -> object:
        self._count += 1
        if self._count > _MAX_NODES:
            raise ValueError("the file stands for too many values; use fewer aliases")
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, i)) for i, item in enumerate(node.value)]
        if not node.tag.startswith("tag:yaml.org,2002:"):
            raise ValueError(f"the tag {node.tag!r} is not supported")
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> Mapping[str, object]:
        out: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, Hashable) or key is None:
                raise ValueError(f"line {key_node.start_mark.line + 1}: a key must be a word")
            name = key if isinstance(key, str) else str(key_node.value)
            line = key_node.start_mark.line + 1
            if name in out:
                self.problems.append(
                    Problem(
                        path=render_path((*path, name)),
                        message=f"{name!r} appears twice, first in line {self.lines[*path, name]}",
                        hint="keep one of them",
                        line=line,
                    )
                )
                continue
            self.lines[*path, name] = line
            out[name] = self.read(value_node, (*path, name))
        return out

    def _scalar(self, node: yaml.Node) -> object:
        if node.tag == "tag:yaml.org,2002:int":  # no octal surprises: 010 is ten
            text = str(node.value)
            return int(text, 16) if text.lower().startswith("0x") else int(text, 10)
        if node.tag == "tag:yaml.org,2002:float" and "." not in str(node.value):
            return float(str(node.value))
        if node.tag in {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:binary"}:
            raise ValueError(f"line {node.start_mark.line + 1}: write it as plain text")
        return cast("object", self._constructor.construct_object(node))  # pyright: ignore[reportUnknownMemberType]


def render_path(path: Path) -> str:
    """``space.lr.choices[2]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "file"
