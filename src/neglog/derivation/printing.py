"""Graphs as Python functions in the vocabulary, with source text."""

from __future__ import annotations

import ast
import hashlib
import linecache
from collections import Counter
from collections.abc import Sequence
from types import FunctionType
from typing import Any

from neglog.derivation.graph import COMPARISONS, Node

_BINARY: dict[str, ast.operator] = {
    "+": ast.Add(), "-": ast.Sub(), "*": ast.Mult(), "/": ast.Div(),
    "&": ast.BitAnd(), "|": ast.BitOr(),
}  # fmt: skip
_COMPARED: dict[str, ast.cmpop] = {
    "<": ast.Lt(), "<=": ast.LtE(), ">": ast.Gt(), ">=": ast.GtE(),
    "==": ast.Eq(), "!=": ast.NotEq(),
}  # fmt: skip


def as_function(
    results: Sequence[Node], name: str, arguments: tuple[str, ...], scope: dict[str, Any]
) -> FunctionType:
    """Return a function that computes the results, with a copy of `scope` as its globals.

    Its source text is in `linecache`, where `inspect`, and so Triton, looks it up.
    """
    text = _text(results, name, arguments)
    file = f"<neglog {name} {hashlib.sha256(text.encode()).hexdigest()[:12]}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names = dict(scope)
    exec(compile(text, file, "exec"), names)
    function: FunctionType = names[name]
    return function


def _text(results: Sequence[Node], name: str, arguments: tuple[str, ...]) -> str:
    writer = _Writer(results, arguments)
    values = [writer.written(result) for result in results]
    returned = values[0] if len(values) == 1 else ast.Tuple(values, ast.Load())
    lines = [f"def {name}({', '.join(arguments)}):"]
    lines += [f"    {variable} = {ast.unparse(value)}" for variable, value in writer.steps]
    return "\n".join([*lines, f"    return {ast.unparse(returned)}", ""])


class _Writer:
    """Writes each expression that is used more than once to a variable."""

    def __init__(self, results: Sequence[Node], arguments: tuple[str, ...]) -> None:
        self.steps: list[tuple[str, ast.expr]] = []
        self._taken = set(arguments)
        self._variables: dict[Node, str] = {}
        self._uses: Counter[Node] = Counter()
        for result in results:
            self._count(result)

    def _count(self, node: Node) -> None:
        self._uses[node] += 1
        if self._uses[node] == 1:
            for operand in node.args:
                self._count(operand)

    def written(self, node: Node) -> ast.expr:
        """Return an expression's text, after the steps that it requires."""
        if not node.args:
            return expression(node)
        if node in self._variables:
            return ast.Name(self._variables[node], ast.Load())
        value = _operation(node.op, [self.written(operand) for operand in node.args])
        if self._uses[node] == 1:
            return value
        variable = self._variables[node] = self._fresh()
        self.steps.append((variable, value))
        return ast.Name(variable, ast.Load())

    def _fresh(self) -> str:
        number = len(self.steps) + 1
        while f"t{number}" in self._taken:
            number += 1
        self._taken.add(f"t{number}")
        return f"t{number}"


def _operation(op: str, operands: list[ast.expr]) -> ast.expr:
    if op in _BINARY:
        return ast.BinOp(operands[0], _BINARY[op], operands[1])
    if op in COMPARISONS:
        return ast.Compare(operands[0], [_COMPARED[op]], [operands[1]])
    if op == "negative":
        return ast.UnaryOp(ast.USub(), operands[0])
    return ast.Call(ast.Name(op, ast.Load()), operands, [])


def expression(node: Node, depth: int = -1) -> ast.expr:
    """Return a node as one expression, with an ellipsis below a depth if that is not negative."""
    if node.op == "argument":
        return ast.Name(node.value, ast.Load())
    if node.op == "literal":
        return ast.Constant(node.value)
    if depth == 0:
        return ast.Name("…", ast.Load())
    return _operation(node.op, [expression(operand, depth - 1) for operand in node.args])
