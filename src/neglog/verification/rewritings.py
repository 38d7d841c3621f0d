"""Forms that cancel or overflow, and the primitives that replace them."""

from __future__ import annotations

import ast
from typing import Any

import mpmath as mp

from neglog.derivation.graph import ARITHMETIC, COMPARISONS, Node, trace
from neglog.derivation.printing import expression
from neglog.derivation.simplify import simplified
from neglog.primitives import digits, reference
from neglog.verification.subject import Subject

NAMES = reference.NAMES
_DEPTH = 6


def rewritings(subject: Subject, overflows: bool = True) -> list[str]:
    """Name each part of `nll` for which a primitive is exact, and the primitive.

    Args:
        subject: the declaration.
        overflows: whether to name log1p(exp(x)) too, which is exact below 0 and overflows above.
    """
    root = trace(subject.likelihood.nll, subject.arguments, NAMES)
    nodes = _all(root)
    found = []
    for node in nodes:
        better = _replacement(node)
        if better is not None and (overflows or node.op != "log1p"):
            found.append(f"write {better} instead of {text(node)} in `nll`.")
    return list(dict.fromkeys(found))


def _all(root: Node) -> list[Node]:
    """Return all nodes of a graph, operands first."""
    found: dict[Node, None] = {}

    def visit(node: Node) -> None:
        if node not in found:
            for operand in node.args:
                visit(operand)
            found[node] = None

    visit(root)
    return list(found)


def text(node: Node) -> str:
    """Return the source text of an expression, with ellipses if it is long."""
    return ast.unparse(expression(node, _DEPTH))


def _replacement(node: Node) -> str | None:
    """Return the text of a better form of an operation, if one is known."""
    return next((better for rule in _RULES if (better := rule(node)) is not None), None)


def _by_simplifying(node: Node) -> str | None:
    """Return the form that a derivative is given: see `derivation.simplify`."""
    if node.op not in ("log", "log1p", "-") or (node.op == "-" and not _is_replaced(node)):
        return None
    graph, before = node.graph, node.graph.simplify
    better = simplified(node)
    graph.simplify = before
    same = better.op == node.op and len(better.args) == len(node.args)
    return None if same else text(better)


def _is_replaced(node: Node) -> bool:
    """Return whether a difference is one that cancels: 1 − σ(x), eˣ − 1 or of the gamma family."""
    a, b = node.args
    if a.is_literal(1.0):
        return b.op in ("sigmoid", "exp")
    if b.is_literal(1.0):
        return a.op == "exp"
    return a.op == b.op and a.op in ("log_gamma", "digamma", "trigamma")


def _cross_entropy(node: Node) -> str | None:
    """Softplus(z) − y · z cancels where z is large."""
    if node.op != "-" or node.args[0].op != "softplus" or node.args[1].op != "*":
        return None
    (z,) = node.args[0].args
    factors = node.args[1].args
    for one, y in (factors, factors[::-1]):
        if one is z:
            name, logit = text(y), text(z)
            return f"{name} * softplus(-{logit}) + (1.0 - {name}) * softplus({logit})"
    return None


def _normal_tail(node: Node) -> str | None:
    """Log of ½ erfc(−x / √2) underflows below −38."""
    if node.op == "log" and any(n.op in ("erf", "erfc") for n in _all(node)):
        return "log_ndtr(x), the logarithm of the normal distribution function,"
    return None


def _bessel(node: Node) -> str | None:
    if node.op == "+" and {a.op for a in node.args} == {"absolute", "log"}:
        logarithm = next(a for a in node.args if a.op == "log")
        if logarithm.args[0].op == "i0e":
            return f"log_i0({text(logarithm.args[0].args[0])})"
    return None


def _difference_of_squares(node: Node) -> str | None:
    if node.op == "-" and all(a.op == "*" and a.args[0] is a.args[1] for a in node.args):
        a, b = (text(square.args[0]) for square in node.args)
        return f"({a} - {b}) * ({a} + {b})"
    return None


_RULES = (_cross_entropy, _normal_tail, _bessel, _difference_of_squares, _by_simplifying)


def cancellation(subject: Subject, point: tuple[float, ...]) -> str | None:
    """Name the sum or difference of `nll` that loses most digits at a point."""
    root = trace(subject.likelihood.nll, subject.arguments, NAMES)
    values = _values(root, dict(zip(subject.arguments, point, strict=True)))
    worst, most = None, mp.mpf(1000)
    for node in _all(root):
        if node.op in ("+", "-") and not any(mp.isnan(values[n]) for n in (node, *node.args)):
            size = max(abs(values[a]) for a in node.args)
            inexact = any(a.args for a in node.args)
            if inexact and values[node] != 0 and size / abs(values[node]) > most:
                worst, most = node, size / abs(values[node])
    if worst is None:
        return None
    return (
        f"{text(worst)} cancels there: its terms are 10^{int(mp.log10(most))} times as large as "
        "their result, so that as many digits are lost."
    )


def _values(root: Node, arguments: dict[str, float]) -> dict[Node, Any]:
    """Return the value of every expression, in mpmath."""
    found: dict[Node, Any] = {}
    for node in _all(root):
        operands = [found[operand] for operand in node.args]
        if node.op == "argument":
            found[node] = mp.mpf(arguments[node.value])
        elif node.op == "literal":
            found[node] = mp.mpf(node.value)
        elif node.op == "negative":
            found[node] = -operands[0]
        else:
            found[node] = _FUNCTIONS[node.op](*operands)
    return found


_FUNCTIONS: dict[str, Any] = {
    **ARITHMETIC,
    **COMPARISONS,
    **digits.VOCABULARY,
    "&": lambda a, b: a and b,
    "|": lambda a, b: a or b,
}
