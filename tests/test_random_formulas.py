"""Derivatives of random formulas over the vocabulary, against torch's autograd in float64."""

from __future__ import annotations

import random

import pytest
import torch

from neglog import derivation
from neglog.errors.declaring import UndifferentiableError
from neglog.primitives import reference

ARGUMENTS, INPUTS = ("a", "b", "y"), ("a", "b")
POINTS = 8
FAST, SLOW = 200, 2000
LARGEST = 1e6
"""Of a value or a derivative: further away, rounding errors hide what is wrong."""
ANY = (
    "cos", "sin", "tanh", "sigmoid", "centred_sigmoid", "softplus", "erf", "erfc", "gaussian",
    "log_ndtr", "inverse_mills", "absolute", "i0e", "log_i0", "exp", "expm1", "bessel_ratio",
)  # fmt: skip
# Without i1e: the second derivative of i1e(where(c, x, 0.0)) divides the literals 0 / 0.
POSITIVE = ("log", "log1p", "sqrt", "log_gamma", "digamma")
PAIRS = ("maximum", "minimum", "at_least", "difference")
POSITIVE_PAIRS = ("power", "log_beta", "log_rising")
ONCE = ("digamma", "bessel_ratio", "inverse_mills")
"""Primitives whose second derivatives are no primitives: curvatures must be stated."""
SCOPE = {name: getattr(reference, name) for name in reference.NAMES}


def formula(draw: random.Random, depth: int) -> str:
    """Return the text of an expression that may have any value."""
    if depth == 0:
        argument = draw.choice(ARGUMENTS)
        number = (draw.randrange(32) + 0.5) / 16 * draw.choice([-1, 1])  # which float32 holds
        changed = f"({argument} + {number})", f"{number} * {argument}"
        return draw.choice([argument, argument, *changed])
    one, other = (formula(draw, depth - 1) for _ in "ab")
    kind = draw.randrange(6)
    if kind == 0:
        return f"{draw.choice(ANY)}({one})"
    if kind == 1:
        return f"{draw.choice(POSITIVE)}({positive(draw, depth - 1)})"
    if kind == 2:
        return f"{draw.choice(PAIRS)}({one}, {other})"
    if kind == 3:
        condition = f"({one} {draw.choice(['<', '<=', '>', '>='])} {other})"
        condition += draw.choice(["", " & (a > y)", " | (b < 0.5)"])
        return f"where({condition}, {formula(draw, depth - 1)}, {draw.choice([one, '0.0', 'y'])})"
    if kind == 4:
        pair = positive(draw, depth - 1), positive(draw, depth - 1)
        return f"{draw.choice(POSITIVE_PAIRS)}({pair[0]}, {pair[1]})"
    operator = draw.choice(["+", "-", "*", "/"])
    return f"({one} {operator} {positive(draw, depth - 1) if operator == '/' else other})"


def positive(draw: random.Random, depth: int) -> str:
    """Return the text of an expression above 0."""
    inner = formula(draw, max(0, depth - 1))
    return draw.choice([
        f"(0.5 + {inner} * {inner})", f"(0.1 + softplus({inner}))", f"exp(sin({inner}))",
        f"(1.5 + sigmoid({inner}))",
    ])  # fmt: skip


def autograd(function, columns):
    """Return value, gradient, second derivatives and the derivative by the target, as columns."""
    leaves = [column.clone().requires_grad_() for column in columns]
    value = torch.as_tensor(function(*leaves), dtype=torch.float64).expand(POINTS)

    def slopes(of):
        if not of.requires_grad:
            return [torch.zeros(POINTS).double() for _ in leaves]
        found = torch.autograd.grad(of.sum(), leaves, create_graph=True, materialize_grads=True)
        return list(found)

    by_a, by_b, by_y = slopes(value)
    (aa, ab, _), (_, bb, _) = slopes(by_a), slopes(by_b)
    return value, [by_a, by_b], [aa, ab, bb], [by_y]


def columns(found):
    values = found if isinstance(found, tuple) else (found,)
    return [torch.as_tensor(value, dtype=torch.float64).expand(POINTS) for value in values]


def compare(seed: int) -> int:
    """Compare the derivatives of one formula; return at how many points."""
    draw = random.Random(seed)
    text = formula(draw, draw.choice([2, 3, 4]))
    function = eval(f"lambda a, b, y: {text}", dict(SCOPE))
    generator = torch.Generator().manual_seed(seed)
    points = list(torch.randn(3, POINTS, generator=generator, dtype=torch.float64))
    value, *true = autograd(function, points)
    facts = (derivation.gradient, derivation.curvature, derivation.grad_target)
    finite = value.isfinite() & (value.abs() < LARGEST)
    for column in (c for group in true for c in group):
        finite &= column.isfinite() & (column.abs() < LARGEST)
    for derive, group in zip(facts, true, strict=True):
        try:
            derived = derive(function, ARGUMENTS, INPUTS, draw.choice([True, False]))
        except UndifferentiableError:
            assert derive is derivation.curvature
            assert any(name in text for name in ONCE)
            continue
        for found, expected in zip(columns(derived(*points)), group, strict=True):
            error = (found - expected).abs() / (1.0 + expected.abs())
            worst = torch.where(finite, error, 0.0).max()
            assert worst < 1e-7, (seed, derive.__name__, text, found, expected)
    return int(finite.sum())


def test_derivatives_of_random_formulas():
    compared = sum(compare(seed) for seed in range(FAST))
    assert compared > 0.8 * FAST * POINTS


@pytest.mark.slow
def test_derivatives_of_many_random_formulas():
    compared = sum(compare(seed) for seed in range(FAST, SLOW))
    assert compared > 0.8 * (SLOW - FAST) * POINTS
