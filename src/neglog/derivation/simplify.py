"""Simplifications of graphs: folded literals, moved signs, forms that do not cancel.

Those of `+ - * /` keep every rounding: they fold 0 and 1, move signs and factors of two. Those of
primitives replace a form that cancels or overflows by one that does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from neglog.derivation.graph import ARITHMETIC, COMPARISONS, Graph, Node
from neglog.primitives import reference

Operands = tuple[Node, ...]


def simplify(graph: Graph, op: str, args: Operands) -> Node | None:
    """Return a simpler node for an operation, or None."""
    if op in ARITHMETIC and all(a.is_literal() for a in args):
        return _folded(graph, op, *args)
    if op in COMPARISONS:
        return _comparison(graph, op, *args)
    rule = _RULES.get(op)
    simpler = rule(graph, *args) if rule else None
    if simpler is None and op in graph.names and all(a.is_literal() for a in args):
        return _computed(graph, op, args)
    return simpler


def simplified(root: Node) -> Node:
    """Return a traced formula with all simplifications, which its graph makes from now on."""
    root.graph.simplify = simplify
    known: dict[Node, Node] = {}

    def again(node: Node) -> Node:
        if node not in known:
            known[node] = node.graph.build(node.op, *map(again, node.args)) if node.args else node
        return known[node]

    return again(root)


def _computed(graph: Graph, op: str, args: Operands) -> Node | None:
    """Return a primitive of literals, as exp(0·x) leaves it, as a literal if it is finite."""
    numbers = [torch.tensor(a.value, dtype=torch.float64) for a in args]
    value = float(getattr(reference, op)(*numbers))
    return graph.literal(value) if math.isfinite(value) else None


def _folded(graph: Graph, op: str, a: Node, b: Node) -> Node | None:
    if op == "/" and b.value == 0.0:
        return None
    value = ARITHMETIC[op](a.value, b.value)
    return graph.literal(value) if math.isfinite(value) else None


def _comparison(graph: Graph, op: str, a: Node, b: Node) -> Node | None:
    if a.is_literal() and b.is_literal():
        return graph.literal(bool(COMPARISONS[op](a.value, b.value)))
    if b.is_literal() and a.op == "where" and all(part.is_literal() for part in a.args[1:]):
        yes, no = (bool(COMPARISONS[op](part.value, b.value)) for part in a.args[1:])
        if yes is no:
            return graph.literal(yes)
        if yes and not no:
            return a.args[0]
        if no and not yes and a.args[0].op in _OPPOSITE:
            return graph.build(_OPPOSITE[a.args[0].op], *a.args[0].args)
    return None


_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def _sum(graph: Graph, a: Node, b: Node) -> Node | None:
    if a.is_literal(0.0):
        return b
    if b.is_literal(0.0):
        return a
    if b.op == "negative":
        return a - b.args[0]
    if a.op == "negative":
        return b - a.args[0]
    if b.is_literal() and b.value < 0.0:
        return graph.build("-", a, -b.value)
    if a is b:
        return 2.0 * a
    return _where_with_zero(graph, "+", a, b)


def _difference(graph: Graph, a: Node, b: Node) -> Node | None:
    if b.is_literal(0.0):
        return a
    if a.is_literal(0.0):
        return -b
    if b.op == "negative":
        return a + b.args[0]
    if a.is_literal(1.0) and b.op == "sigmoid":
        return graph.build("sigmoid", -b.args[0])
    if b.is_literal(1.0) and a.op == "exp":
        return graph.build("expm1", *a.args)
    if a.is_literal(1.0) and b.op == "exp":
        return -graph.build("expm1", *b.args)
    if a.op == b.op and a.op in _RISING:
        return _rise(graph, a, b)
    return _where_with_zero(graph, "-", a, b)


def _rise(graph: Graph, a: Node, b: Node) -> Node | None:
    """Replace f(r + y) − f(r), of a function f of the gamma family, or its negative."""
    for high, low in ((a, b), (b, a)):
        (base,), (total,) = low.args, high.args
        if total.op == "+" and any(part is base for part in total.args):
            step = total.args[1] if total.args[0] is base else total.args[0]
            rise = graph.build(_RISING[a.op], base, step)
            return rise if high is a else -rise
    return None


_RISING = {
    "log_gamma": "log_rising",
    "digamma": "digamma_difference",
    "trigamma": "trigamma_difference",
}


def _where_with_zero(graph: Graph, op: str, a: Node, b: Node) -> Node | None:
    """Combine ``where(c, 0, x) + where(c, y, z)``, of which the sum leaves one operation."""
    if not (a.op == b.op == "where" and a.args[0] is b.args[0]):
        return None
    if not any(part.is_literal() for part in (*a.args[1:], *b.args[1:])):
        return None
    return graph.build("where", a.args[0], *_branches(a, op, b))


def _branches(choice: Node, op: str, other: Node) -> tuple[Node, Node]:
    """Return the two results of an operation on each branch of a `where`."""
    condition, *parts = choice.args
    same = other.op == "where" and other.args[0] is condition
    yes, no = other.args[1:] if same else (other, other)
    return choice.graph.build(op, parts[0], yes), choice.graph.build(op, parts[1], no)


def _product(graph: Graph, a: Node, b: Node) -> Node | None:
    for one, other in ((a, b), (b, a)):
        if one.is_literal(0.0, 1.0):
            return one if one.value == 0.0 else other
        if one.is_literal(-1.0):
            return -other
        if one.op == "negative":
            return -(one.args[0] * other)
        if one.op == "/" and one.args[1] is other:
            return one.args[0]
    for one, other in ((a, b), (b, a)):
        factor, rest = _power_of_two(other)
        if factor != 1.0:
            return (factor * one) * rest if one.is_literal() else factor * (one * rest)
        if _distributes(one, other):
            return graph.build("where", one.args[0], *_branches(one, "*", other))
    return None


def _power_of_two(node: Node) -> tuple[float, Node]:
    """Return the factors of a product with a power of two, or 1 and the node."""
    if node.op == "*":
        for one, other in (node.args, node.args[::-1]):
            if one.is_literal() and abs(math.frexp(one.value)[0]) == 0.5 and not other.is_literal():
                return one.value, other
    return 1.0, node


def _distributes(choice: Node, factor: Node) -> bool:
    """Return whether a factor belongs inside a choice: one that has it too, or of 0, ±1, numbers.

    A sign is not multiplied by a number, which is moved to the front instead.
    """
    if choice.op != "where":
        return False
    if factor.op == "where" and factor.args[0] is choice.args[0]:
        return True
    yes, no = choice.args[1:]
    if yes.is_literal(0.0) or no.is_literal(0.0):
        return True
    return _is_sign(yes, no) != factor.is_literal() and yes.is_literal() and no.is_literal()


def _is_sign(yes: Node, no: Node) -> bool:
    """Return whether a choice is between 1 and −1."""
    return yes.is_literal(1.0, -1.0) and no.is_literal(1.0, -1.0)


def _quotient(graph: Graph, a: Node, b: Node) -> Node | None:
    if a.is_literal(0.0) or b.is_literal(1.0):
        return a
    if a.op == "negative":
        return -(a.args[0] / b)
    if b.op == "negative":
        return -(a / b.args[0])
    if a.op == "where" and any(part.is_literal(0.0) for part in a.args[1:]):
        return graph.build("where", a.args[0], *_branches(a, "/", b))
    factor, rest = _power_of_two(a)
    return factor * (rest / b) if factor != 1.0 else None


def _negative(graph: Graph, a: Node) -> Node | None:
    if a.is_literal():
        return graph.literal(-a.value if a.value else 0.0)
    if a.op == "negative":
        return a.args[0]
    if a.op == "-":
        return a.args[1] - a.args[0]
    if a.op == "*" and a.args[0].is_literal():
        return graph.build("*", -a.args[0], a.args[1])
    if a.op == "where" and any(part.is_literal() for part in a.args[1:]):
        return graph.build("where", a.args[0], *(-part for part in a.args[1:]))
    return None


def _where(graph: Graph, condition: Node, yes: Node, no: Node) -> Node | None:
    if condition.is_literal():
        return yes if condition.value else no
    yes, no = _under(condition, yes, 1), _under(condition, no, 2)
    if yes is no:
        return yes
    if yes.is_literal(0.0) and condition.op == "==" and condition.args[1].is_literal(0.0):
        guarded = condition.args[0]
        if _vanishes(no, guarded):
            return no  # where(x == 0, 0, x)
    if yes.is_literal() and no.is_literal() and not _is_sign(yes, no) and yes.value == -no.value:
        return graph.build("*", yes, graph.build("where", condition, 1.0, -1.0))
    if yes.op == no.op == "negative":
        return -graph.build("where", condition, yes.args[0], no.args[0])
    return _absolute(graph, condition, yes, no) or graph.plain("where", (condition, yes, no))


def _under(condition: Node, branch: Node, part: int) -> Node:
    """Return the branch of a choice with the same condition, as it is under this condition."""
    if branch.op == "where" and branch.args[0] is condition:
        return branch.args[part]
    if branch.op == "negative" and branch.args[0].op == "where":
        inner = branch.args[0]
        return -inner.args[part] if inner.args[0] is condition else branch
    return branch


def _vanishes(node: Node, x: Node) -> bool:
    """Return whether an expression is x up to signs, which may differ between branches."""
    if node.op == "negative":
        return _vanishes(node.args[0], x)
    if node.op == "where" and x.op == "where" and node.args[0] is x.args[0]:
        return _vanishes(node.args[1], x.args[1]) and _vanishes(node.args[2], x.args[2])
    return node is x


def _absolute(graph: Graph, condition: Node, yes: Node, no: Node) -> Node | None:
    """Replace ``where(x > 0, |x|, -|x|)`` by x."""
    if condition.op not in (">", ">=") or not condition.args[1].is_literal(0.0):
        return None
    x = condition.args[0]
    size = graph.plain("absolute", (x,))
    if yes is size and no.op == "negative" and no.args[0] is size:
        return x
    if no is size and yes.op == "negative" and yes.args[0] is size:
        return -x
    return None


def _both(graph: Graph, a: Node, b: Node) -> Node | None:
    for one, other in ((a, b), (b, a)):
        if one.is_literal():
            return other if one.value else one
    return a if a is b else None


def _either(graph: Graph, a: Node, b: Node) -> Node | None:
    for one, other in ((a, b), (b, a)):
        if one.is_literal():
            return one if one.value else other
    return a if a is b else None


def _exponential(graph: Graph, x: Node) -> Node | None:
    return graph.literal(1.0) if x.is_literal(0.0) else None


def _logarithm(graph: Graph, x: Node) -> Node | None:
    if x.op == "sigmoid":
        return -graph.build("softplus", -x.args[0])
    if x.op == "exp":
        return x.args[0]
    for one, other in (x.args, x.args[::-1]) if x.op == "+" else ():
        if one.is_literal(1.0):
            return graph.build("log1p", other)
    return None


def _logarithm_of_one_and(graph: Graph, x: Node) -> Node | None:
    return graph.build("softplus", *x.args) if x.op == "exp" else None


_RULES: dict[str, Callable[..., Node | None]] = {
    "+": _sum,
    "-": _difference,
    "*": _product,
    "/": _quotient,
    "negative": _negative,
    "where": _where,
    "&": _both,
    "|": _either,
    "exp": _exponential,
    "log": _logarithm,
    "log1p": _logarithm_of_one_and,
}
