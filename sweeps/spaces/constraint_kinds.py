"""Kinds of values in constraints, so that none can fail on a word where a number belongs."""

import ast
import enum
from collections.abc import Mapping

from sweeps.spaces.constraints import Constraint, ConstraintFault
from sweeps.spaces.parameters import Float, Int, Parameter


class ValueKind(enum.StrEnum):
    """What an expression gives."""

    NUMBER = "a number"
    TEXT = "a word"
    TRUTH = "true or false"
    MIXED = "a choice of several kinds"
    UNKNOWN = "unknown"  #: a parameter that is wrong itself


_SAME_AS_ALL = {ValueKind.MIXED, ValueKind.UNKNOWN}


def kind_of(parameter: Parameter) -> ValueKind:
    """What a parameter's values are."""
    if isinstance(parameter, (Float, Int)):
        return ValueKind.NUMBER
    kinds = {_kind_of_value(value) for value in parameter.values() or ()}
    return kinds.pop() if len(kinds) == 1 else ValueKind.MIXED


def check(constraint: Constraint, kinds: Mapping[str, ValueKind]) -> None:
    """Raise when `constraint` is none for parameters of such kinds.

    Raises:
        ConstraintFault: What is wrong with it.
    """
    names = constraint.names
    unknown = [name for name in names if name not in kinds]
    if unknown:
        known = ", ".join([*kinds][:20])
        raise ConstraintFault(
            f"{', '.join(map(repr, unknown))} names no parameter",
            f"known: {known}; put words into quotes",
        )
    if not names:
        raise ConstraintFault(f"{constraint.text!r} names no parameter", "remove it")
    found = _kind(constraint.expression, kinds)
    if found not in {ValueKind.TRUTH, ValueKind.UNKNOWN}:
        raise ConstraintFault(
            f"{constraint.text!r} is {found}, not a condition", "compare it, for example with < 10"
        )


def _kind(node: ast.expr, kinds: Mapping[str, ValueKind]) -> ValueKind:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return _kind_of_value(value)
        case ast.Name(id=name):
            return kinds[name]
        case ast.BoolOp(values=operands):
            for operand in operands:
                _expect(ValueKind.TRUTH, operand, kinds)
            return ValueKind.TRUTH
        case ast.UnaryOp(op=op, operand=operand):
            wanted = ValueKind.TRUTH if isinstance(op, ast.Not) else ValueKind.NUMBER
            _expect(wanted, operand, kinds)
            return wanted
        case ast.BinOp(left=left, right=right):
            _expect(ValueKind.NUMBER, left, kinds)
            _expect(ValueKind.NUMBER, right, kinds)
            return ValueKind.NUMBER
        case ast.Call(args=arguments):
            for argument in arguments:
                _expect(ValueKind.NUMBER, argument, kinds)
            return ValueKind.NUMBER
        case ast.Compare(left=left, ops=ops, comparators=others):
            for op, one, other in zip(ops, [left, *others], others, strict=False):
                _compare(op, one, other, kinds)
            return ValueKind.TRUTH
        case _:  # the parser lets nothing else through
            raise TypeError(ast.dump(node))


def _compare(
    op: ast.cmpop, left: ast.expr, right: ast.expr, kinds: Mapping[str, ValueKind]
) -> None:
    if isinstance(op, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)):
        _expect(ValueKind.NUMBER, left, kinds)
        _expect(ValueKind.NUMBER, right, kinds)
        return
    if isinstance(left, ast.Tuple):
        raise ConstraintFault(
            f"a list is compared in {ast.unparse(left)!r}", "write two conditions, with and"
        )
    one = _kind(left, kinds)
    for item in right.elts if isinstance(right, ast.Tuple) else [right]:
        other = _kind(item, kinds)
        if one != other and not {one, other} & _SAME_AS_ALL:
            raise ConstraintFault(
                f"{ast.unparse(left)!r} is {one} and {ast.unparse(item)!r} is {other}: "
                "they are never equal",
                "compare values of one kind; words stand in quotes, numbers do not",
            )


def _expect(wanted: ValueKind, node: ast.expr, kinds: Mapping[str, ValueKind]) -> None:
    if isinstance(node, ast.Tuple):
        raise ConstraintFault(
            f"a list is compared in {ast.unparse(node)!r}", "write two conditions, with and"
        )
    found = _kind(node, kinds)
    if found not in {wanted, ValueKind.UNKNOWN}:
        hint = (
            "compare words with ==, != or in [..]; their order is that of the alphabet"
            if found in {ValueKind.TEXT, ValueKind.MIXED}
            else "compare it, for example with < 10"
        )
        raise ConstraintFault(f"{ast.unparse(node)!r} is {found}, not {wanted}", hint)


def _kind_of_value(value: object) -> ValueKind:
    if isinstance(value, bool):
        return ValueKind.TRUTH
    return ValueKind.TEXT if isinstance(value, str) else ValueKind.NUMBER
