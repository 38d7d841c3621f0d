"""Derivatives of formulas, as formulas: what a declaration does not state is derived from `nll`.

`graph` traces a formula, `differentiate` applies the rules of `rules`, `simplify` replaces forms
that cancel or overflow, and `printing` writes a function in the primitives, which every backend
compiles like one that is written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

from neglog.derivation import smoothness
from neglog.derivation.differentiate import Derivative
from neglog.derivation.graph import Node, trace
from neglog.derivation.printing import as_function
from neglog.derivation.sides import Sides
from neglog.derivation.simplify import simplified
from neglog.primitives import reference

Formula = Callable[..., Any]


def gradient(
    nll: Formula, arguments: tuple[str, ...], inputs: tuple[str, ...], smooth: bool = True
) -> FunctionType:
    """Return the derivative of a formula by its input, or a tuple for several.

    Args:
        nll: the formula.
        arguments: the names of all its arguments.
        inputs: the names of those it is differentiated by.
        smooth: whether the derivative has no jump; otherwise it is the mean of the derivatives
            from both sides.
    """
    root = _traced(nll, arguments, inputs)
    sides = Sides(smooth)
    return _printed("grad", [_first(root, by, sides) for by in inputs], arguments)


def curvature(
    nll: Formula, arguments: tuple[str, ...], inputs: tuple[str, ...], smooth: bool = True
) -> FunctionType:
    """Return the second derivative; for several inputs the upper triangle, row by row."""
    root = _traced(nll, arguments, inputs)
    pairs = [(a, b) for i, a in enumerate(inputs) for b in inputs[i:]]
    sides = Sides(smooth)
    results = [_second(root, *pair, sides) for pair in pairs]
    return _printed("curvature", results, arguments)


def grad_target(
    nll: Formula, arguments: tuple[str, ...], inputs: tuple[str, ...], smooth: bool = True
) -> FunctionType:
    """Return the derivative of a formula by its last argument, the target."""
    root = _traced(nll, arguments, inputs)
    return _printed("grad_target", [_first(root, arguments[-1], Sides(smooth))], arguments)


def is_smooth(
    nll: Formula,
    arguments: tuple[str, ...],
    inputs: tuple[str, ...],
    sets: Mapping[str, Callable[[Any], Any]],
) -> bool:
    """Return whether no derivative of a formula by an input jumps, as far as drawn points tell.

    Args:
        nll: the formula.
        arguments: the names of all its arguments.
        inputs: the names of those it is differentiated by.
        sets: whether a number is valid, for arguments of which not all are.
    """
    root = _traced(nll, arguments, inputs)
    gaps = smoothness.ties(root)
    valid = [sets.get(name, lambda x: x > 0.0) for name in arguments]
    for by in inputs:
        right, left = (Derivative(by, side).of(root) for side in (1, -1))
        if right is left:
            continue
        slope = _printed("grad", [right], arguments)
        for gap in gaps:
            size = _printed("gap", [gap], arguments)
            if _reads(gap, by) and smoothness.jumps(size, slope, valid, arguments.index(by)):
                return False
    return True


def information(curvature: Formula, arguments: tuple[str, ...]) -> FunctionType | None:
    """Return a curvature without its last argument, the target; None if it depends on it."""
    root = trace(curvature, arguments, reference.NAMES)
    if _reads(root, arguments[-1]):
        return None
    return _printed("information", [root], arguments[:-1])


def _reads(node: Node, argument: str) -> bool:
    if node.op == "argument":
        return bool(node.value == argument)
    return any(_reads(operand, argument) for operand in node.args)


def is_derived(formula: Formula) -> bool:
    """Return whether a formula was derived, not stated."""
    return formula.__code__.co_filename.startswith("<neglog ")


def _traced(nll: Formula, arguments: tuple[str, ...], inputs: tuple[str, ...]) -> Node:
    root = trace(nll, arguments, reference.NAMES)
    root.graph.inputs = inputs
    return simplified(root)


def _first(root: Node, by: str, sides: Sides) -> Node:
    right, left = (Derivative(by, side).of(root) for side in (1, -1))
    return sides.chosen(right, left)


def _second(root: Node, by: str, then_by: str, sides: Sides) -> Node:
    found = []
    for side in (1, -1):
        first = Derivative(by, side)
        found.append(Derivative(then_by, side, first).of(first.of(root)))
    return sides.chosen(found[0], found[1])


def _printed(name: str, results: Sequence[Node], arguments: tuple[str, ...]) -> FunctionType:
    scope = {word: getattr(reference, word) for word in reference.NAMES}
    return as_function(results, name, arguments, scope)
