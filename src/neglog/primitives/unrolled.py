"""Write a kernel once for any number of inputs, given tensors and settings.

Each of these numbers has a letter. A name that ends with the letter, such as `x_n`, stands for one
name per input, ``x_0``, ``x_1``, …, and `n` for their numbers:

- a statement that holds such a name is repeated, ``x_n = load(input_n[k])`` for every input;
- a starred name lists all: ``nll(*x_n, y)`` becomes ``nll(x_0, x_1, y)``;
- a parameter `input_n` becomes one parameter per input.

So the loops that Numba and Triton compile hold neither tuples nor calls of helpers, which cost
compile time.
"""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
from collections.abc import Mapping
from types import FunctionType
from typing import Any


def unrolled(function: Any, counts: Mapping[str, int]) -> FunctionType:
    """Return a function written out for the numbers that letters stand for."""
    tree = unrolled_source(function, counts)
    ast.increment_lineno(tree, function.__code__.co_firstlineno - 1)
    scope: dict[str, Any] = {}
    exec(compile(tree, function.__code__.co_filename, "exec"), scope)
    code = scope[function.__name__].__code__
    return FunctionType(code, function.__globals__, function.__name__)


def unrolled_source(function: Any, counts: Mapping[str, int]) -> ast.Module:
    """Return the syntax tree of the same, without decorators."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    (definition,) = tree.body
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    if counts:
        tree = _Unroller(counts).visit(tree)
    return ast.fix_missing_locations(tree)


class _Unroller(ast.NodeTransformer):
    def __init__(self, counts: Mapping[str, int]) -> None:
        self.counts = counts

    def visit_arguments(self, node: ast.arguments) -> ast.arguments:
        node.args = [each for argument in node.args for each in self._copies(argument, argument)]
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        return self._copies(self.generic_visit(node), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        return self._copies(self.generic_visit(node), node)

    def visit_Expr(self, node: ast.Expr) -> Any:
        return self._copies(self.generic_visit(node), node)

    def visit_If(self, node: ast.If) -> Any:
        return [self.generic_visit(each) for each in self._copies(node, node.test)]

    def visit_Starred(self, node: ast.Starred) -> Any:
        found = self._copies(node.value, node.value)
        return node if found == [node.value] else found

    def _copies(self, node: Any, mentions: ast.AST) -> list[Any]:
        """Return a copy of a node for each of the numbers that a part of it mentions."""
        letters = {_letter(name) for name in _names(mentions)} & self.counts.keys()
        if not letters:
            return [node]
        (letter,) = letters
        return [
            _Numbered(letter, number).visit(copy.deepcopy(node))
            for number in range(self.counts[letter])
        ]


class _Numbered(ast.NodeTransformer):
    def __init__(self, letter: str, number: int) -> None:
        self.letter, self.number = letter, number

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id == self.letter:
            return ast.copy_location(ast.Constant(self.number), node)
        node.id = self._numbered(node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg = self._numbered(node.arg)
        return node

    def _numbered(self, name: str) -> str:
        if _letter(name) != self.letter:
            return name
        return f"{name[: -len(self.letter)]}{self.number}"


def _names(node: ast.AST) -> list[str]:
    named = (n for n in ast.walk(node) if isinstance(n, (ast.Name, ast.arg)))
    return [n.id if isinstance(n, ast.Name) else n.arg for n in named]


def _letter(name: str) -> str:
    return name.rpartition("_")[2]
