"""Derived derivatives: the rules, the rewritings, and all declarations against mpmath."""

from __future__ import annotations

import inspect
import itertools
import linecache
import math
import random

import cases
import mpmath as mp
import oracle
import pytest
import torch

from neglog import REGISTRY, derivation
from neglog.derivation import rules
from neglog.derivation.graph import ARITHMETIC
from neglog.errors import DeclarationError
from neglog.likelihood import Elementwise
from neglog.primitives import reference
from neglog.primitives.binding import bind
from neglog.primitives.reference import (
    absolute,
    at_least,
    exp,
    log,
    log1p,
    sigmoid,
    softplus,
    where,
)
from neglog.support import real

PRIMITIVES = reference.NAMES


def derived(likelihood, fact):
    """Return a derived derivative of a declaration, whatever it states."""
    arguments = (*likelihood.term_inputs(), "y")
    inputs = likelihood.inputs if likelihood.elementwise else ("log_p",)
    return getattr(derivation, fact)(likelihood.nll, arguments, inputs, likelihood.smooth)


def text_of(formula, *inputs):
    """Return the derivative of a formula by its inputs, as text."""
    arguments = tuple(inspect.signature(formula).parameters)
    function = derivation.gradient(formula, arguments, inputs or arguments[:1])
    return inspect.getsource(function)


def test_every_primitive_has_a_rule():
    known = (*rules.RULES, *rules.BRANCHES, *rules.UNKNOWN)
    assert sorted(known) == sorted((*PRIMITIVES, *ARITHMETIC, "negative"))


PAIRS = {
    "difference": [(1.5, -2.0), (0.25, 3.0)],
    "digamma_difference": [(0.5, 2.0), (3.25, 40.0)],
    "log_beta": [(0.5, 2.0), (7.0, 0.25)],
    "log_rising": [(0.5, 2.0), (3.25, 40.0)],
    "power": [(0.5, 2.0), (3.0, 2.0), (2.0, -1.5), (7.0, 0.25)],
}
NUMBERS = [(-3.5,), (-0.25,), (0.125,), (0.75,), (2.5,), (20.0,)]
POSITIVE = ("log", "sqrt", "log_gamma", "digamma")
RULED = [name for name in PRIMITIVES if name in rules.RULES]


@pytest.mark.parametrize("name", RULED)
def test_the_rule_of_each_primitive(name):
    points = PAIRS.get(name, [p for p in NUMBERS if p[0] > 0 or name not in POSITIVE])
    points = [p for p in points if name != "log1p" or p[0] > -1]
    arguments = ("a", "b")[: len(points[0])]
    formula = eval(f"lambda {', '.join(arguments)}: {name}({', '.join(arguments)})")
    slopes = bind(derivation.gradient(formula, arguments, arguments), oracle.WORDS, mp.mpf)
    for point in points:
        numbers = [mp.mpf(number) for number in point]
        found = slopes(*numbers)
        for i, slope in enumerate(found if len(point) > 1 else (found,)):
            order = tuple(int(i == j) for j in range(len(point)))
            true = mp.diff(oracle.WORDS[name], tuple(numbers), order)
            assert abs(slope - true) < mp.mpf(10) ** -15 * max(abs(true), 1e-9), (name, point)


DERIVED = [c for c in cases.ELEMENTWISE if c.name != "logistic_interval"]


def grid(likelihood):
    """Return points of a declaration, ties of its terms among them."""
    inputs = [[-90, -17, -1.5, -1.25, -1e-8, 0, 0.25, 2, 20] for _ in likelihood.inputs]
    for i, domain in enumerate(likelihood.domains):
        inputs[i] = [x for x in inputs[i] if domain.contains(float(x))]
    given = [[s] for s in (*cases.given(likelihood), *cases.settings(likelihood))]
    targets = {*likelihood.support.members, 0.25, 2.0, 0.0}
    targets = [t for t in targets if abs(t) < 1e9 and likelihood.support.contains(t)]
    for point in itertools.product(*inputs, *given, targets):
        yield [mp.mpf(number) for number in point]


def has_floor(likelihood):
    """Return whether the stated derivatives are those at a floor, unlike the loss."""
    return "eps" in likelihood.settings or likelihood.name == "bernoulli_probability"


JUMPS = {
    "gradient": [],
    "curvature": ["huber", "expectile"],
    "grad_target": ["relative_entropy"],
}  # at ties


@pytest.mark.parametrize("fact", JUMPS)
@pytest.mark.parametrize(
    "likelihood", [c for c in DERIVED if not has_floor(c)], ids=lambda c: c.name
)
def test_derived_and_stated_derivatives_agree(likelihood, fact):
    stated = oracle.formula(likelihood, "grad" if fact == "gradient" else fact)
    found = bind(derived(likelihood, fact), oracle.WORDS, mp.mpf)
    for point in grid(likelihood):
        jumps = not likelihood.smooth or likelihood.name in JUMPS[fact]
        if jumps and (
            len({*map(abs, point)}) < len(point) or 0 in point or differ_by_a_third(point)
        ):
            continue  # a tie, at which a stated derivative may choose a side
        if fact == "grad_target" and not likelihood.support.contains(point[-1] + mp.mpf("1e-9")):
            continue  # an end or a label: stated is the difference of both losses
        try:
            results = [found(*point), stated(*point)]
        except ZeroDivisionError:
            continue  # a pole
        results = [r if isinstance(r, tuple) else (r,) for r in results]
        for f, t in zip(*results, strict=True):
            # Literals, such as 1/√2, have sixteen digits.
            assert abs(f - t) <= mp.mpf("1e-14") * max(abs(t), mp.mpf("1e-9")), point


def differ_by_a_third(point):
    """Return whether two arguments differ by a third, as Huber's error and its delta."""
    return any(abs(a - b) in point for a, b in itertools.combinations(point, 2))


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (lambda x, y: log(sigmoid(x)), "sigmoid(-x)"),
        (lambda x, y: log(1.0 - sigmoid(x)), "-sigmoid(x)"),
        (lambda x, y: log1p(exp(x)), "sigmoid(x)"),
        (lambda x, y: log(1.0 + exp(x)), "sigmoid(x)"),
        (lambda x, y: 0.5 * (x - y) * (x - y), "x - y"),
        (lambda x, y: where(y == 0.0, 0.0, x * y), "y"),
        (lambda x, y: absolute(x) + 2.0 * softplus(-absolute(x)), None),
    ],
)
def test_a_derivative_is_simplified(formula, text):
    found = text_of(formula)
    assert text is None or found.endswith(f"return {text}\n")
    slope = bind(derivation.gradient(formula, ("x", "y"), ("x",)), oracle.WORDS, mp.mpf)
    values = bind(formula, oracle.WORDS, mp.mpf)
    for x in (mp.mpf("-3.5"), mp.mpf("0.25"), mp.mpf(4)):
        true = mp.diff(lambda t: values(t, mp.mpf("0.75")), x)
        assert abs(slope(x, mp.mpf("0.75")) - true) < 1e-20


def test_kinks_that_cancel_leave_the_derivative_of_a_tie():
    """|x|, its comparison and softplus(−|x|) each have a kink at 0; the loss has none."""
    slope = derived(REGISTRY["bernoulli"], "gradient")
    y = torch.tensor([0.0, 0.25, 1.0], dtype=torch.float64)
    assert torch.equal(slope(torch.zeros_like(y), y), 0.5 - y)


def test_a_kink_has_the_mean_of_both_slopes():
    def hinge(x, y):
        return at_least(1.0 - x * y, 0.0)

    slope = derivation.gradient(hinge, ("x", "y"), ("x",), smooth=False)
    found = slope(torch.tensor([0.0, 1.0, 2.0]), torch.ones(3))
    assert found.tolist() == [-1.0, -0.5, 0.0]
    right = derivation.gradient(hinge, ("x", "y"), ("x",))
    assert right(torch.tensor([0.0, 1.0, 2.0]), torch.ones(3)).tolist() == [-1.0, 0.0, 0.0]

    def tilted(x, y):
        return where(x > y, 2.0 * (x - y), y - x)

    slope = derivation.gradient(tilted, ("x", "y"), ("x",), smooth=False)
    found = slope(torch.tensor([0.0, 1.0, 2.0]), torch.ones(3))
    assert found.tolist() == [-1.0, 0.5, 2.0]


SETS = {"x": real.contains, "y": real.contains}


@pytest.mark.parametrize(
    ("formula", "smooth"),
    [
        (lambda x, y: absolute(x - y), False),
        (lambda x, y: at_least(1.0 - x * y, 0.0), False),
        (lambda x, y: where(x > y, 2.0 * (x - y), y - x), False),
        (lambda x, y: at_least(x, 0.0) * at_least(x, 0.0), True),
        (
            lambda x, y: where(
                absolute(x - y) < 1.0, (x - y) * (x - y), 2.0 * absolute(x - y) - 1.0
            ),
            True,
        ),
        (lambda x, y: absolute(x) + 2.0 * softplus(-absolute(x)), True),
        (lambda x, y: softplus(x) - x * y, True),
        (lambda x, y: where(y == 0.0, 0.0, x * y), True),
    ],
)
def test_whether_a_loss_is_smooth_is_derived(formula, smooth):
    assert derivation.is_smooth(formula, ("x", "y"), ("x",), SETS) is smooth


@pytest.mark.usefixtures("own_likelihoods")
def test_a_declaration_that_does_not_state_it_is_smooth_if_its_slope_has_no_jump():
    class Absolute(Elementwise):
        """Least absolute errors."""

        inputs = ("mean",)
        support = real

        @staticmethod
        def nll(mean, y):
            return absolute(mean - y)

    assert Absolute.smooth is False
    y = torch.tensor([0.0, 1.0, 2.0])
    assert Absolute.grad(torch.ones(3), y).tolist() == [1.0, 0.0, -1.0]
    assert all(REGISTRY[name].smooth for name in ("bernoulli", "huber", "poisson"))


def test_a_guard_does_not_hide_a_slope():
    """The equation holds where both are equal; the derivative there is that on either side."""

    def gap(a, b):
        return where(a == b, 0.0, a - b)

    assert text_of(gap, "a", "b").endswith("return (1.0, -1.0)\n")


def test_a_guard_against_a_pole_stays():
    def ratio(x, y):
        return where(x == 0.0, 1.0, (exp(x) - 1.0) / x)

    x = torch.tensor([0.0, 1.0], dtype=torch.float64)
    slope = derivation.gradient(ratio, ("x", "y"), ("x",))(x, x)
    assert slope[0] == 0.0 and abs(slope[1] - 1.0) < 1e-12


LIMITED = [REGISTRY[name] for name in (  # others state derivatives for the sake of their limits
    "bernoulli", "weighted_bernoulli", "signed_bernoulli", "poisson", "negative_binomial", "gamma",
    "normal", "laplace", "huber", "quantile", "relative_entropy", "relative_entropy_of_log",
)]  # fmt: skip


@pytest.mark.parametrize("likelihood", LIMITED, ids=lambda c: c.name)
def test_infinite_inputs_give_nan_only_where_the_stated_ones_do(likelihood):
    y = torch.tensor([m for m in likelihood.support.members if abs(m) < 1e9], dtype=torch.float64)
    inputs = [torch.full_like(y, math.inf)] * len(likelihood.inputs)
    rest = [torch.full_like(y, s) for s in (*cases.given(likelihood), *cases.settings(likelihood))]
    for sign in (1.0, -1.0):
        ends = [
            sign * x if d.contains(sign * math.inf) else x
            for x, d in zip(inputs, likelihood.domains, strict=True)
        ]
        for fact, stated in (("gradient", "grad"), ("grad_target", "grad_target")):
            found = (
                torch.as_tensor(derived(likelihood, fact)(*ends, *rest, y))
                if len(inputs) == 1
                else y
            )
            expected = getattr(likelihood, stated)(*ends, *rest, y) if len(inputs) == 1 else y
            assert not (torch.as_tensor(found).isnan() & ~torch.as_tensor(expected).isnan()).any()


@pytest.mark.usefixtures("own_likelihoods")
def test_a_declaration_needs_no_derivatives():
    class Logistic(Elementwise):
        """Errors from a logistic distribution."""

        inputs = ("location", "log_scale")
        support = real

        @staticmethod
        def nll(location, log_scale, y):
            z = (y - location) * exp(-log_scale)
            return z + 2.0 * softplus(-z) + log_scale

        @staticmethod
        def distribution(location, log_scale):
            return None

        @staticmethod
        def constant(y):
            return 0.0

    point = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.3, -0.2, 1.7)]
    slopes = torch.autograd.grad(Logistic.nll(*point), point, create_graph=True)
    for found, true in zip(
        (*Logistic.grad(*point), Logistic.grad_target(*point)), slopes, strict=True
    ):
        torch.testing.assert_close(found, true)
    second = [
        torch.autograd.grad(slopes[i], point[j], retain_graph=True)[0]
        for i, j in ((0, 0), (0, 1), (1, 1))
    ]
    for found, true in zip(Logistic.curvature(*point), second, strict=True):
        torch.testing.assert_close(found, true)

    class Doubled(Logistic):
        """Twice as much: its derivatives are not inherited."""

        @staticmethod
        def nll(location, log_scale, y):
            return 2.0 * (location - y) * (location - y) + log_scale

    assert Doubled.grad(*point)[0] == 4.0 * (point[0] - point[2])


@pytest.mark.usefixtures("own_likelihoods")
def test_the_information_is_a_curvature_without_target():
    class Twice(REGISTRY["normal"]):
        """The normal likelihood again."""

        @staticmethod
        def nll(mean, y):
            return (mean - y) * (mean - y)

    assert Twice.information(torch.ones(2)) == 2.0
    assert derivation.information(REGISTRY["gamma"].curvature, ("log_mean", "shape", "y")) is None


def test_stated_derivatives_are_kept():
    huber = REGISTRY["huber"]
    assert "error" in inspect.getsource(huber.grad)


def test_a_primitive_without_a_derivative_is_named():
    formula = eval(f"lambda x, y: {rules.UNKNOWN[0]}(x)")
    with pytest.raises(DeclarationError, match=f"derivative of {rules.UNKNOWN[0]} is not a prim"):
        derivation.gradient(formula, ("x", "y"), ("x",))


def test_the_source_text_is_found_again():
    function = derived(REGISTRY["poisson"], "gradient")
    linecache.checkcache()
    assert inspect.getsource(function).startswith("def grad(log_rate, y):")


FUNCTIONS = (
    "exp",
    "sigmoid",
    "softplus",
    "centred_sigmoid",
    "tanh",
    "sin",
    "absolute",
    "expm1",
    "erf",
)


def drawn_formula(rng, depth):
    """Draw the text of a formula of a, b and y."""
    kind = rng.random()
    if depth <= 0 or kind < 0.15:
        return rng.choice(["a", "a", "b", "b", "y", "0.5", "2.0", "1.0", "3.25"])
    x, z = (drawn_formula(rng, depth - 1) for _ in range(2))
    if kind < 0.5:
        return f"({x} {rng.choice('+-*/+-*')} {z})"
    if kind < 0.6:
        return f"(-{x})"
    if kind < 0.7:
        condition = f"{drawn_formula(rng, depth - 2)} {rng.choice(['<', '<=', '>', '>='])} y"
        return f"where({condition}, {x}, {z})"
    if kind < 0.75:
        return f"{rng.choice(['maximum', 'minimum'])}({x}, {z})"
    name = rng.choice([*FUNCTIONS, "log", "sqrt", "log1p"])
    inner = x if name in FUNCTIONS else f"0.5 + ({x}) * ({x})"
    return f"{name}({inner})"


@pytest.mark.parametrize("seed", range(5))
def test_random_formulas(seed):
    rng, checked = random.Random(seed), 0
    while checked < 10:
        text = drawn_formula(rng, 5)
        formula = eval(f"lambda a, b, y: {text} + a * b")
        values = bind(formula, oracle.WORDS, mp.mpf)
        facts = (formula, ("a", "b", "y"), ("a", "b"))
        found = [
            bind(f(*facts), oracle.WORDS, mp.mpf)
            for f in (derivation.gradient, derivation.curvature)
        ]
        point = tuple(mp.mpf(rng.uniform(-2, 2)) for _ in range(3))
        orders = [[(1, 0, 0), (0, 1, 0)], [(2, 0, 0), (1, 1, 0), (0, 2, 0)]]
        try:
            true = [[mp.diff(values, point, order) for order in each] for each in orders]
            results = [f(*point) for f in found]
        except (ZeroDivisionError, OverflowError):
            continue  # a pole
        for f, t in zip(itertools.chain(*results), itertools.chain(*true), strict=True):
            assert abs(f - t) <= mp.mpf("1e-12") * max(1, abs(t)), (text, point)
        checked += 1
