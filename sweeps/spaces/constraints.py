"""Constraints between parameters: conditions in a small part of Python's expressions.

Only numbers, words, parameters, arithmetic, comparisons, ``and``, ``or``, ``not``, ``in`` and
``min``, ``max``, ``abs`` are let through; the rest is refused before anything is evaluated.
"""

import ast
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import TypeVar

from sweeps.spaces.parameters import Configuration

_Operator = TypeVar("_Operator", bound=ast.AST)

MAX_LENGTH = 200  #: characters; also bounds how deep an expression can be nested
EXAMPLE = "hidden_2 <= hidden_1"
FUNCTIONS = ("min", "max", "abs")
_WORDS = {"true": True, "false": False}  # as YAML writes them
_OPERATORS = (
    ast.And, ast.Or, ast.Not, ast.USub, ast.UAdd, ast.Add, ast.Sub, ast.Mult, ast.Div,
    ast.FloorDiv, ast.Mod, ast.Pow, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In,
    ast.NotIn,
)  # fmt: skip


class ConstraintFault(Exception):
    """What is wrong with the text of a constraint, and what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}; {hint}")
        self.message = message
        self.hint = hint


@dataclass(frozen=True)  # no slots: parsed once
class Constraint:
    """A condition that every configuration satisfies."""

    text: str

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters that it is about.

        Raises:
            ConstraintFault: The text is no constraint.
        """
        return tuple(self._parsed[1])

    @property
    def expression(self) -> ast.expr:
        """The condition with parameters as names, dots included."""
        return self._parsed[0]

    def holds(self, configuration: Configuration) -> bool:
        """Whether `configuration` satisfies it; one without a parameter that it names does.

        What cannot be computed, such as a division by zero, is not satisfied.
        """
        code, variables = self._compiled
        try:
            values = {variables[name]: configuration[name] for name in variables}
        except KeyError:
            return True
        try:
            # The expression has passed the list of what is let through, and has no builtins.
            return bool(eval(code, _GLOBALS, values))  # noqa: S307
        except (ArithmeticError, ValueError):
            return False

    @cached_property
    def _parsed(self) -> tuple[ast.expr, dict[str, None]]:
        reader = _Reader()
        try:
            return reader.visit(parse(self.text)), reader.names
        except RecursionError as exc:
            raise ConstraintFault("it is nested too deep", "write several constraints") from exc

    @cached_property
    def _compiled(self) -> tuple[CodeType, Mapping[str, str]]:
        variables = {name: f"p{index}" for index, name in enumerate(self.names)}
        # Read again: the compiler changes the tree that it is given.
        tree = ast.Expression(_Compiler(variables).visit(_Reader().visit(parse(self.text))))
        return compile(ast.fix_missing_locations(tree), "<constraint>", "eval"), variables


def parse(text: str) -> ast.expr:
    """The syntax tree of an expression.

    Raises:
        ConstraintFault: It is none.
    """
    if len(text) > MAX_LENGTH:
        raise ConstraintFault(
            f"{len(text)} characters are too many", "write several shorter constraints"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on style, such as an odd escape
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
        raise ConstraintFault(
            f"{text!r} is no expression", f"write for example {EXAMPLE!r}"
        ) from exc


class _Reader:
    """Copies a tree of what is let through, with dotted names made whole; notes the names."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}

    def visit(self, node: ast.AST) -> ast.expr:
        match node:
            case ast.Constant(value=bool() | int() | float() | str()):
                return ast.Constant(node.value)
            case ast.Name() | ast.Attribute():
                return self._name(node)
            case ast.BoolOp(op=op, values=values):
                return ast.BoolOp(_known(op), [self.visit(value) for value in values])
            case ast.UnaryOp(op=op, operand=operand):
                return ast.UnaryOp(_known(op), self.visit(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return ast.BinOp(self.visit(left), _known(op), self.visit(right))
            case ast.Compare(left=left, ops=ops, comparators=others):
                first = self.visit(left)
                sides = [
                    self._list(side) if isinstance(op, (ast.In, ast.NotIn)) else self.visit(side)
                    for op, side in zip(ops, others, strict=True)
                ]
                return ast.Compare(first, [_known(op) for op in ops], sides)
            case ast.Call(func=ast.Name(id=name), args=[_, *others] as given, keywords=[]) if (
                name in FUNCTIONS and not (name == "abs" and others)
            ):
                arguments = [self.visit(argument) for argument in given]
                return ast.Call(ast.Name(name, ast.Load()), arguments, [])
            case _:
                raise _refused(node)

    def _name(self, node: ast.Name | ast.Attribute) -> ast.expr:
        name = _dotted(node)
        if name is None:
            raise _refused(node)
        if name in _WORDS:
            return ast.Constant(_WORDS[name])
        self.names[name] = None
        return ast.Name(name, ast.Load())

    def _list(self, node: ast.expr) -> ast.expr:
        if not isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            raise ConstraintFault(
                f"'in {ast.unparse(node)}' names no list", "write for example x in [1, 2]"
            )
        return ast.Tuple([self.visit(item) for item in node.elts], ast.Load())


class _Compiler(ast.NodeTransformer):
    """Replaces parameters by variables, and powers by ones that cannot take forever."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Name(self._variables.get(node.id, node.id), ast.Load())

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Pow):
            return ast.Call(ast.Name("power", ast.Load()), [left, right], [])
        return ast.BinOp(left, node.op, right)


def _least(*values: float) -> float:
    return min(values)  # of a single value too, which `min` itself would take for a list


def _greatest(*values: float) -> float:
    return max(values)


_GLOBALS: dict[str, object] = {
    "__builtins__": {}, "min": _least, "max": _greatest, "abs": abs, "power": math.pow,
}  # fmt: skip


def _known(operator: _Operator) -> _Operator:
    if not isinstance(operator, _OPERATORS):
        raise ConstraintFault(
            f"{type(operator).__name__.lower()!r} is not allowed in a constraint",
            "use + - * / // % **, comparisons, and, or, not, in",
        )
    return operator


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value)
        return None if owner is None else f"{owner}.{node.attr}"
    return None


def _refused(node: ast.AST) -> ConstraintFault:
    text = ast.unparse(node)
    shown = text if len(text) <= 40 else f"{text[:37]}..."
    return ConstraintFault(
        f"{shown!r} is not allowed in a constraint",
        "use parameters, numbers, words in quotes, arithmetic, comparisons, and, or, not, in, "
        "min, max, abs",
    )
