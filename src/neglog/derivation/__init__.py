"""Derivatives of formulas, as formulas: what a declaration does not state is derived from `nll`.

`graph` traces a formula, `differentiate` applies the rules of `rules`, `simplify` replaces forms
that cancel or overflow, and `printing` writes a function in the primitives, which every backend
compiles like one that is written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from neglog.derivation.differentiate import Derivative
from neglog.derivation.graph import Node, trace
from neglog.derivation.printing import as_function
from neglog.derivation.simplify import mean, simplified
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
    return _printed("grad", [_first(root, by, smooth) for by in inputs], arguments)


def curvature(
    nll: Formula, arguments: tuple[str, ...], inputs: tuple[str, ...], smooth: bool = True
) -> FunctionType:
    """Return the second derivative; for several inputs the upper triangle, row by row."""
    root = _traced(nll, arguments, inputs)
    pairs = [(a, b) for i, a in enumerate(inputs) for b in inputs[i:]]
    results = [_second(root, *pair, smooth) for pair in pairs]
    return _printed("curvature", results, arguments)


def grad_target(
    nll: Formula, arguments: tuple[str, ...], inputs: tuple[str, ...], smooth: bool = True
) -> FunctionType:
    """Return the derivative of a formula by its last argument, the target."""
    root = _traced(nll, arguments, inputs)
    return _printed("grad_target", [_first(root, arguments[-1], smooth)], arguments)


def _traced(nll: Formula, arguments: tuple[str, ...], inputs: tuple[str, ...]) -> Node:
    root = trace(nll, arguments, reference.NAMES)
    root.graph.inputs = inputs
    return simplified(root)


def _first(root: Node, by: str, smooth: bool) -> Node:
    """Return the derivative from the right, or the mean of those from both sides."""
    right = Derivative(by, 1).of(root)
    return right if smooth else mean(right, Derivative(by, -1).of(root))


def _second(root: Node, by: str, then_by: str, smooth: bool) -> Node:
    sides = []
    for side in (1,) if smooth else (1, -1):
        first = Derivative(by, side)
        sides.append(Derivative(then_by, side, first).of(first.of(root)))
    return mean(sides[0], sides[-1])


def _printed(name: str, results: Sequence[Node], arguments: tuple[str, ...]) -> FunctionType:
    scope = {word: getattr(reference, word) for word in reference.NAMES}
    return as_function(results, name, arguments, scope)
