"""Formulas as graphs: identical expressions are one node, so that each is computed once.

A node's operators build nodes: a formula that is run on nodes leaves its graph.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import add, eq, ge, gt, le, lt, mul, ne, sub, truediv
from typing import Any

from neglog.primitives.binding import bind

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne,
}  # fmt: skip
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": add, "-": sub, "*": mul, "/": truediv}
_COMMUTES = ("+", "*", "&", "|", "==", "!=")


class Node:
    """An argument, a literal or an operation; identical ones are the same object.

    Attributes:
        graph: to which it belongs.
        op: an operator, "negative", the name of a primitive, "argument" or "literal".
        args: the operands.
        value: of a literal; the name of an argument.
    """

    __slots__ = ("args", "graph", "op", "value")
    __hash__ = object.__hash__

    def __init__(self, graph: Graph, op: str, args: tuple[Node, ...], value: Any) -> None:
        self.graph, self.op, self.args, self.value = graph, op, args, value

    def __add__(self, other: Any) -> Node:
        return self.graph.build("+", self, other)

    def __radd__(self, other: Any) -> Node:
        return self.graph.build("+", other, self)

    def __sub__(self, other: Any) -> Node:
        return self.graph.build("-", self, other)

    def __rsub__(self, other: Any) -> Node:
        return self.graph.build("-", other, self)

    def __mul__(self, other: Any) -> Node:
        return self.graph.build("*", self, other)

    def __rmul__(self, other: Any) -> Node:
        return self.graph.build("*", other, self)

    def __truediv__(self, other: Any) -> Node:
        return self.graph.build("/", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return self.graph.build("/", other, self)

    def __neg__(self) -> Node:
        return self.graph.build("negative", self)

    def __lt__(self, other: Any) -> Node:
        return self.graph.build("<", self, other)

    def __le__(self, other: Any) -> Node:
        return self.graph.build("<=", self, other)

    def __gt__(self, other: Any) -> Node:
        return self.graph.build(">", self, other)

    def __ge__(self, other: Any) -> Node:
        return self.graph.build(">=", self, other)

    def __eq__(self, other: object) -> Any:  # a comparison: identity is tested with `is`
        return self.graph.build("==", self, other)

    def __ne__(self, other: object) -> Any:
        return self.graph.build("!=", self, other)

    def __and__(self, other: Any) -> Node:
        return self.graph.build("&", self, other)

    def __or__(self, other: Any) -> Node:
        return self.graph.build("|", self, other)

    def is_literal(self, *values: float | bool) -> bool:
        """Return whether the node is a literal, of one of the values if any are passed."""
        return self.op == "literal" and (not values or self.value in values)


class Graph:
    """All nodes of one formula and its derivatives.

    Attributes:
        names: of the primitives that it may use.
        inputs: the names of the arguments that may be infinite.
        simplify: returns a simpler node for an operation, or None; used once it is set. A formula
            is traced without it: ``x - x == 0.0`` is a guard against infinity and must stay.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.inputs: tuple[str, ...] = ()
        self._nodes: dict[Any, Node] = {}
        self.simplify: Callable[[Graph, str, tuple[Node, ...]], Node | None] | None = None

    def argument(self, name: str) -> Node:
        """Return an argument of the formula."""
        return self._node("argument", (), name)

    def literal(self, value: float | bool) -> Node:
        """Return a number, or a condition that always or never holds."""
        return self._node("literal", (), value)

    def lift(self, value: Any) -> Node:
        """Return a node as it is and a number as a literal."""
        return value if isinstance(value, Node) else self.literal(value)

    def build(self, op: str, *operands: Any) -> Node:
        """Return the node of an operation, simplified."""
        args = tuple(map(self.lift, operands))
        if self.simplify is not None:
            simpler = self.simplify(self, op, args)
            if simpler is not None:
                return simpler
        return self.plain(op, args)

    def plain(self, op: str, args: tuple[Node, ...]) -> Node:
        """Return the node of an operation as it is."""
        if op in _COMMUTES and (op, args[::-1], None) in self._nodes:
            args = args[::-1]
        return self._node(op, args, None)

    def _node(self, op: str, args: tuple[Node, ...], value: Any) -> Node:
        key = (op, args, repr(value) if op == "literal" else value)  # 0.0 == -0.0
        if key not in self._nodes:
            self._nodes[key] = Node(self, op, args, value)
        return self._nodes[key]


def trace(formula: Callable[..., Any], arguments: tuple[str, ...], names: tuple[str, ...]) -> Node:
    """Run a formula on nodes, with primitives of the given names as its globals."""
    graph = Graph(names)
    vocabulary = {name: _tracing(graph, name) for name in names}
    return graph.lift(bind(formula, vocabulary)(*map(graph.argument, arguments)))


def _tracing(graph: Graph, name: str) -> Callable[..., Node]:
    return lambda *operands: graph.build(name, *operands)
