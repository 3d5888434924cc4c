"""How metrics stand in a script's output: regular expressions, or lines of JSON."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

#: One metric of a line, as it is written there: name, value and step; a step may be missing.
Found = tuple[str, object, object]
Rule = Callable[[str], Iterator[Found]]


def compile_pattern(text: str, *, is_named: bool) -> re.Pattern[str]:
    """A regular expression that finds metrics.

    Args:
        is_named: Whether the name of the metric is given elsewhere, so that `text` finds values
            alone: by a group `value`, or by its only group. Otherwise it needs the groups `name`
            and `value`. A group `step` may be there, too.

    Raises:
        ValueError: It is none, and why.
    """
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError) as exc:
        raise ValueError(f"is no regular expression: {exc}") from exc
    groups = set(pattern.groupindex)
    if groups - {"name", "value", "step"}:
        strange = ", ".join(sorted(groups - {"name", "value", "step"}))
        raise ValueError(f"has a group {strange}; there are name, value and step")
    if is_named and "name" in groups:
        raise ValueError("has a group name, and the metric has its name already")
    if is_named and "value" not in groups and (pattern.groups != 1 or groups):
        raise ValueError("has no group (?P<value>…)")
    if not is_named and not groups >= {"name", "value"}:
        raise ValueError("needs the groups (?P<name>…) and (?P<value>…)")
    return pattern


def rule_of(document: Mapping[str, Any]) -> Rule:
    """What reads a line, from the `metrics` section of a sweep file.

    Raises:
        ValueError: The section makes no sense.
    """
    pattern: object = document.get("pattern")
    if document.get("format") == "jsonl":
        return _from_json
    if isinstance(pattern, str):
        return _by_pattern(None, compile_pattern(pattern, is_named=False))
    if isinstance(pattern, Mapping):
        rules = [
            _by_pattern(name, compile_pattern(str(text), is_named=True))
            for name, text in cast("Mapping[str, object]", pattern).items()
        ]
        return lambda line: (found for rule in rules for found in rule(line))
    raise ValueError("there is neither a pattern nor a format")


def _by_pattern(name: str | None, pattern: re.Pattern[str]) -> Rule:
    value_group = "value" if "value" in pattern.groupindex else 1
    has_step = "step" in pattern.groupindex

    def read(line: str) -> Iterator[Found]:
        for match in pattern.finditer(line):
            step = match["step"] if has_step else None
            yield match["name"] if name is None else name, match[value_group], step

    return read


def _from_json(line: str) -> Iterator[Found]:
    if not line.lstrip().startswith("{"):
        return  # scripts print other things, too
    try:
        document: Any = json.loads(line)
    except (ValueError, RecursionError):
        return
    if isinstance(document, dict):
        for name, value in cast("dict[str, object]", document).items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                yield name, value, None
