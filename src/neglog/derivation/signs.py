"""Which expressions have one sign whatever the arguments."""

from __future__ import annotations

from neglog.derivation.graph import Node

_POSITIVE = ("exp", "sigmoid", "softplus", "erfc", "inverse_mills", "i0e", "trigamma", "gaussian")


def sign(node: Node) -> int:
    """Return 1 or −1 for an expression above or below 0, and 0 for any other."""
    if node.op == "literal":
        return int(node.value > 0.0) - int(node.value < 0.0)
    if node.op == "negative":
        return -sign(node.args[0])
    if node.op in _POSITIVE:
        return 1
    if node.op == "log_ndtr":
        return -1
    if node.op in ("*", "/"):
        return sign(node.args[0]) * sign(node.args[1])
    if node.op in ("+", "where"):
        first, second = map(sign, node.args[-2:])
        return first if first == second else 0
    if node.op in ("at_least", "maximum"):
        return int(max(map(sign, node.args)) > 0)
    return 0
