"""The derivatives of arithmetic and of the primitives: one rule each.

A rule takes the result, the operands and their tangents, `None` for those that are constant, and
returns the tangent of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neglog.derivation.graph import COMPARISONS, Node

Tangent = Node | None
Rule = Callable[[Node, tuple[Node, ...], tuple[Tangent, ...]], Tangent]
_PER_ROOT_PI = 1.1283791670955126  # 2 / √π


def call(name: str, *operands: Any) -> Node:
    """Return the node of a primitive, at least one of whose operands is a node."""
    graph = next(operand.graph for operand in operands if isinstance(operand, Node))
    return graph.build(name, *operands)


def total(*terms: Tangent) -> Tangent:
    """Return the sum of the tangents that are not 0."""
    result: Tangent = None
    for term in terms:
        if term is not None and not term.is_literal(0.0):
            result = term if result is None else result + term
    return result


def scaled(slope: Any, tangent: Tangent) -> Tangent:
    """Return slope · tangent; 0 where a slope that decays is 0 and the tangent may be infinite."""
    if tangent is None:
        return None
    product: Node = slope * tangent
    if isinstance(slope, Node) and _decays(slope) and is_unbounded(tangent):
        return call("where", slope == 0.0, 0.0, product)
    return product


def _decays(slope: Node) -> bool:
    """Return whether a slope becomes 0 faster than any power of its argument grows."""
    if slope.op in ("negative", "*"):
        return any(_decays(a) for a in slope.args)
    return slope.op in ("exp", "sigmoid", "gaussian", "inverse_mills")


def is_unbounded(tangent: Node) -> bool:
    """Return whether a tangent may be infinite at valid targets: whether an input enters it."""
    if tangent.op == "argument":
        return tangent.value in tangent.graph.inputs
    if tangent.op in ("sigmoid", "centred_sigmoid", "tanh", "sin", "cos", "erf", *COMPARISONS):
        return False
    parts = tangent.args[1:] if tangent.op == "where" else tangent.args
    return any(is_unbounded(a) for a in parts)


def _sum(result: Node, args: tuple[Node, ...], tangents: tuple[Tangent, ...]) -> Tangent:
    return total(*tangents)


def _difference(result: Node, args: tuple[Node, ...], tangents: tuple[Tangent, ...]) -> Tangent:
    da, db = tangents
    if da is db:
        return None
    return total(da, None if db is None else -db)


def _product(result: Node, args: tuple[Node, ...], tangents: tuple[Tangent, ...]) -> Tangent:
    (a, b), (da, db) = args, tangents
    if a is b:
        return None if da is None else 2.0 * (da * a)
    return total(_times(b, da), _times(a, db))


def _times(factor: Node, tangent: Tangent) -> Tangent:
    return None if tangent is None else tangent * factor


def _quotient(result: Node, args: tuple[Node, ...], tangents: tuple[Tangent, ...]) -> Tangent:
    (_, b), (da, db) = args, tangents
    change = total(da, None if db is None else -(result * db))
    return None if change is None else change / b


def _negative(result: Node, args: tuple[Node, ...], tangents: tuple[Tangent, ...]) -> Tangent:
    return None if tangents[0] is None else -tangents[0]


def _of_slope(slope: Callable[[Node, Node], Any]) -> Rule:
    """Return the rule of a function of one argument, given its derivative."""

    def rule(result: Node, args: tuple[Node, ...], tangents: tuple[Tangent, ...]) -> Tangent:
        return scaled(slope(result, args[0]), tangents[0]) if tangents[0] is not None else None

    return rule


def _over(divisor: Callable[[Node, Node], Any]) -> Rule:
    """Return the rule of a function of one argument, given the inverse of its derivative."""

    def rule(result: Node, args: tuple[Node, ...], tangents: tuple[Tangent, ...]) -> Tangent:
        return tangents[0] / divisor(result, args[0]) if tangents[0] is not None else None

    return rule


def _of_slopes(*slopes: Callable[[Node, Node, Node], Any]) -> Rule:
    """Return the rule of a function of two arguments, given its partial derivatives."""

    def rule(result: Node, args: tuple[Node, ...], tangents: tuple[Tangent, ...]) -> Tangent:
        pairs = zip(slopes, tangents, strict=True)
        return total(*(scaled(f(result, *args), t) for f, t in pairs if t is not None))

    return rule


def _sigmoid_slope(result: Node, x: Node) -> Node:
    return call("sigmoid", x) * call("sigmoid", -x)


def _power_by_base(result: Node, x: Node, p: Node) -> Node:
    return p * (x if p.is_literal(2.0) else call("power", x, p - 1.0))


def _power_by_exponent(result: Node, x: Node, p: Node) -> Node:
    return call("where", x == 0.0, 0.0, result * call("log", x))


def _bessel_slope(result: Node, x: Node) -> Node:
    """Return that of e^−|x| I₁: I₁′ = I₀ − I₁ / x, which is ½ at 0."""
    sign = call("where", x < 0.0, -1.0, 1.0)
    inner = call("i0e", x) - call("where", x == 0.0, 0.5, result / x)
    return inner - sign * result


RULES: dict[str, Rule] = {
    "+": _sum,
    "-": _difference,
    "*": _product,
    "/": _quotient,
    "negative": _negative,
    "difference": _difference,
    "exp": _of_slope(lambda e, x: e),
    "expm1": _of_slope(lambda e, x: call("exp", x)),
    "log": _over(lambda _, x: x),
    "log1p": _over(lambda _, x: 1.0 + x),
    "sqrt": _over(lambda root, x: 2.0 * root),
    "sigmoid": _of_slope(_sigmoid_slope),
    "centred_sigmoid": _of_slope(_sigmoid_slope),
    "softplus": _of_slope(lambda _, x: call("sigmoid", x)),
    "tanh": _of_slope(lambda _, x: 4.0 * _sigmoid_slope(x, 2.0 * x)),
    "sin": _of_slope(lambda _, x: call("cos", x)),
    "cos": _of_slope(lambda _, x: -call("sin", x)),
    "erf": _of_slope(lambda _, x: _PER_ROOT_PI * call("gaussian", x)),
    "erfc": _of_slope(lambda _, x: -(_PER_ROOT_PI * call("gaussian", x))),
    "gaussian": _of_slope(lambda g, x: -2.0 * (x * g)),
    "log_ndtr": _of_slope(lambda _, x: call("inverse_mills", x)),
    "inverse_mills": _of_slope(lambda m, x: -(m * call("inverse_mills_sum", x))),
    "log_gamma": _of_slope(lambda _, x: call("digamma", x)),
    "digamma": _of_slope(lambda _, x: call("trigamma", x)),
    "log_i0": _of_slope(lambda _, x: call("bessel_ratio", x)),
    "bessel_ratio": _of_slope(lambda _, x: call("bessel_ratio_slope", x)),
    "i0e": _of_slope(lambda i0, x: call("i1e", x) - call("where", x < 0.0, -1.0, 1.0) * i0),
    "i1e": _of_slope(_bessel_slope),
    "power": _of_slopes(_power_by_base, _power_by_exponent),
    "log_beta": _of_slopes(
        lambda _, a, b: -call("digamma_difference", a, b),
        lambda _, a, b: -call("digamma_difference", b, a),
    ),
    "log_rising": _of_slopes(
        lambda _, r, y: call("digamma_difference", r, y),
        lambda _, r, y: call("digamma", r + y),
    ),
    "digamma_difference": _of_slopes(
        lambda _, r, y: call("trigamma_difference", r, y),
        lambda _, r, y: call("trigamma", r + y),
    ),
}
BRANCHES = ("absolute", "at_least", "maximum", "minimum", "where")  # see `differentiate`
UNKNOWN = (  # whose derivatives no primitive computes
    "bessel_ratio_slope",
    "inverse_mills_sum",
    "trigamma",
    "trigamma_difference",
)
