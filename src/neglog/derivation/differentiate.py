"""The derivative of a graph by one argument, from the right or from the left.

An exact form of a smooth loss may have kinks that cancel, as |z| has at 0. So where a comparison
is a tie, the whole graph, values included, is that of the points on one side.
"""

from __future__ import annotations

from neglog.derivation.graph import COMPARISONS, Node
from neglog.derivation.rules import BRANCHES, RULES, UNKNOWN, Tangent, call
from neglog.derivation.signs import sign
from neglog.errors.declaring import UndifferentiableError

_STRICT = {">": ">", ">=": ">", "<": "<", "<=": "<"}
_WEAK = {">": ">=", ">=": ">=", "<": "<=", "<=": "<="}
_HAVE_POLES = ("log", "log1p", "power", "sqrt", "log_gamma", "digamma")


class Derivative:
    """Differentiates a graph by one argument.

    Args:
        by: the name of the argument.
        side: 1 for the derivative from the right, −1 for that from the left.
        before: the derivation of the graph, if it is a derivative itself: then its comparisons
            are already those on one side, and stay.
    """

    def __init__(self, by: str, side: int, before: Derivative | None = None) -> None:
        self._by, self._side, self._before = by, side, before
        self._above: dict[Node, Node] = before._above if before else {}
        self._ties: set[Node] = before._ties if before else set()
        self._known: dict[Node, tuple[Node, Tangent]] = {}

    def of(self, root: Node) -> Node:
        """Return the derivative of an expression."""
        tangent = self._pair(root)[1]
        return root.graph.literal(0.0) if tangent is None else tangent

    def _pair(self, node: Node) -> tuple[Node, Tangent]:
        """Return the value on this side of a tie, and its tangent.

        The second of a condition is the condition under which a branch is differentiated.
        """
        if node not in self._known:
            self._known[node] = self._found(node)
        return self._known[node]

    def _found(self, node: Node) -> tuple[Node, Tangent]:
        if node.op == "argument":
            return node, node.graph.literal(1.0) if node.value == self._by else None
        if node.op == "literal":
            return node, None
        pairs = [self._pair(a) for a in node.args]
        values = tuple(value for value, _ in pairs)
        tangents = tuple(tangent for _, tangent in pairs)
        if node.op in COMPARISONS:
            return self._compared(node.op, values, tangents)
        result = node.graph.build(node.op, *values)
        if node.op in ("&", "|"):
            chosen = [value if tangent is None else tangent for value, tangent in pairs]
            same = all(tangent is None for tangent in tangents)
            return result, None if same else node.graph.build(node.op, *chosen)
        if all(tangent is None for tangent in tangents):
            return result, None
        return result, self._tangent(node.op, result, values, tangents)

    def _tangent(
        self, op: str, result: Node, args: tuple[Node, ...], tangents: tuple[Tangent, ...]
    ) -> Tangent:
        if op == "where":
            return self._of_where(args, tangents)
        if op in BRANCHES:
            return self._of_branches(op, result, args, tangents)
        if op in UNKNOWN or op not in RULES:
            raise UndifferentiableError(
                f"the derivative of {op} is not a primitive: state the derivatives of this formula."
            )
        return RULES[op](result, args, tangents)

    def _of_branches(
        self, op: str, result: Node, args: tuple[Node, ...], tangents: tuple[Tangent, ...]
    ) -> Tangent:
        zero = result.graph.literal(0.0)
        first = zero if tangents[0] is None else tangents[0]
        if op == "absolute":
            other, second, further = zero, -first, None
        else:
            other, further = args[1], tangents[1]
            second = zero if further is None else further
        if result not in self._above:
            self._above[result] = self._compared(">", (args[0], other), (tangents[0], further))[0]
        yes, no = (second, first) if op == "minimum" else (first, second)
        slope = call("where", self._above[result], yes, no)
        return None if slope.is_literal(0.0) else slope

    def _of_where(self, args: tuple[Node, ...], tangents: tuple[Tangent, ...]) -> Tangent:
        (condition, yes, no), (chosen, *parts) = args, tangents
        if all(part is None for part in parts):
            return None
        zero = condition.graph.literal(0.0)
        by_yes, by_no = (zero if part is None else part for part in parts)
        tie = chosen is not None and not (self._has_pole(no) or self._has_pole(yes))
        result = call("where", chosen if tie and chosen is not None else condition, by_yes, by_no)
        return None if result.is_literal(0.0) else result

    def _has_pole(self, node: Node) -> bool:
        """Return whether an expression may have a pole, against which an equation guards."""
        where = {"/": node.args[1:], **dict.fromkeys(_HAVE_POLES, node.args)}.get(node.op, ())
        return any(map(self._depends, where)) or any(map(self._has_pole, node.args))

    def _depends(self, node: Node) -> bool:
        if node.op == "argument":
            return bool(node.value == self._by)
        return any(map(self._depends, node.args))

    def _compared(
        self, op: str, args: tuple[Node, ...], tangents: tuple[Tangent, ...]
    ) -> tuple[Node, Tangent]:
        """Return a condition; and, of an equation, whether it holds on this side of a tie."""
        (a, b), (da, db) = args, tangents
        plain = a.graph.build(op, a, b)
        gap = _gap(da, db)
        if gap is None or _differ(a, b):
            return plain, None
        if plain in self._ties:
            return plain, None
        direction = self._side * (sign(b) if gap is a else sign(a) if gap is b else sign(gap))
        if op in ("==", "!="):  # a guard of the value, as against ∞ − ∞, unless it always holds
            return plain, _persisting(op, plain, gap if direction == 0 else None)
        if self._before is not None:
            return plain, None
        if direction:
            upward = op in (">", ">=")
            return a.graph.build((_WEAK if upward == (direction > 0) else _STRICT)[op], a, b), None
        beyond = gap if self._side > 0 else -gap
        equal = a.graph.build("==", a, b)
        self._ties.add(equal)
        tie = equal & a.graph.build(op, beyond, 0.0)
        return a.graph.build(_STRICT[op], a, b) | tie, None


def _persisting(op: str, plain: Node, gap: Tangent) -> Node:
    """Return whether an equation, or its opposite, holds next to a point at which it does."""
    graph = plain.graph
    if gap is None:
        return graph.literal(op == "!=")
    moves = graph.build("!=" if op == "!=" else "==", gap, 0.0)
    return graph.build("|" if op == "!=" else "&", plain, moves)


def _gap(da: Tangent, db: Tangent) -> Tangent:
    """Return the tangent of a − b, or None if it is 0."""
    if da is db:
        return None
    if da is None or db is None:
        return da if db is None else -db
    gap = da - db
    return None if gap.is_literal(0.0) else gap


def _differ(a: Node, b: Node) -> bool:
    """Return whether two expressions are never equal, unless one of them underflows."""
    return (
        sign(a) * sign(b) < 0
        or (sign(a) != 0 and b.is_literal(0.0))
        or (sign(b) != 0 and a.is_literal(0.0))
    )
