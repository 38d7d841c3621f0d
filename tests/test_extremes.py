"""Derivatives at extreme numbers: both modes and both orders keep 0 · ∞ = 0.

The losses and slopes of every elementwise likelihood are those of `limits`, by mpmath.
"""

from __future__ import annotations

import itertools
import math

import limits
import pytest
import torch
from mpmath import mp
from torch.func import hessian, jacfwd, jacrev

from neglog import engine, likelihoods
from neglog import functional as F
from neglog.engine import ElementwiseProblem
from neglog.support import (
    anything,
    binary,
    counts,
    ends_of_unit_interval,
    nonnegative,
    positive,
    real,
    signs,
    unit_interval,
)

INF, NAN = math.inf, math.nan
REAL = [-INF, INF, -1e38, 1e38, 0.0, 0.5, -700.0]
LOG = [-INF, -1e38, -1.0, 0.0]
SHARES, SIGNS = [0.0, 0.3, 1.0], [-1.0, 1.0]
ROWS = [[-INF, 0.3, 0.0], [-INF, -INF, 1.0], [1e38, -1e38, 0.0], [40.0, 0.0, -700.0]]
SOFT = [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]
LABELS = torch.tensor([1, 2, 0, 0])
LOSSES = {  # each with its inputs and targets, every input meeting every target
    "bce logits": (F.binary_cross_entropy_with_logits, REAL, SHARES),
    "bce": (F.binary_cross_entropy, [0.0, 0.5, 1.0], SHARES),
    "soft margin": (F.soft_margin_loss, REAL, SIGNS),
    "kl": (F.kl_div, LOG, SHARES),
    "kl log": (lambda x, y, **o: F.kl_div(x, y, log_target=True, **o), LOG, LOG),
    "mse": (F.mse_loss, REAL, SHARES),
    "l1": (F.l1_loss, REAL, SHARES),
    "huber": (F.huber_loss, REAL, SHARES),
    "poisson": (F.poisson_nll_loss, REAL, [1.0, 2.0]),
    "gaussian": (lambda x, y, **o: F.gaussian_nll_loss(x, y, x * 0 + 1, **o), REAL[2:], SHARES),
    "soft classes": (F.cross_entropy, ROWS, SOFT),
    "labels": (lambda x, _, **o: F.cross_entropy(x, LABELS, **o), ROWS, SOFT),
    "nll": (lambda x, _, **o: F.nll_loss(x, LABELS, **o), ROWS, SOFT),
    "multilabel": (F.multilabel_soft_margin_loss, ROWS, SOFT),
}
losses = pytest.mark.parametrize("name", LOSSES)


def arguments(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    _, xs, ys = LOSSES[name]
    pairs = zip(xs, ys, strict=True) if xs is ROWS else itertools.product(xs, ys)
    x, y = zip(*pairs, strict=True)
    return torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-15, equal_nan=True)


@losses
@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_both_modes_have_the_slopes_of_the_kernels(name, reduction) -> None:
    x, y = arguments(name)
    loss = lambda x: LOSSES[name][0](x, y, reduction=reduction)  # noqa: E731
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(leaf).sum(), leaf)
    assert not expected.isnan().any()
    forward = jacfwd(loss)(x)
    close(forward, jacrev(loss)(x))
    close(jacfwd(lambda x: loss(x).sum())(x), expected)


@losses
def test_second_derivatives_agree(name) -> None:
    x, y = arguments(name)
    total = lambda x: LOSSES[name][0](x, y, reduction="sum")  # noqa: E731
    second = hessian(total)(x)
    assert not second.isnan().any()
    for outer, inner in itertools.product((jacfwd, jacrev), repeat=2):
        close(outer(inner(total))(x), second)
    close(torch.autograd.functional.hessian(total, x), second)


def test_the_limits_of_logits_that_cost_nothing() -> None:
    x, y = torch.tensor([[-INF, 0.3, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]])
    p = 1 / (1 + math.exp(-0.3))
    expected = torch.tensor([[0.0, p - 1, 1 - p]])
    torch.testing.assert_close(jacfwd(lambda x: F.cross_entropy(x, y))(x), expected)
    bias, label = torch.tensor([-INF, 0.3, 0.0]), torch.tensor([1])
    linear = lambda b: F.linear_cross_entropy(  # noqa: E731
        torch.ones(1, 2), torch.zeros(3, 2), label, linear_bias=b
    )
    torch.testing.assert_close(jacfwd(linear)(bias), expected[0])


@pytest.mark.parametrize("by", ["labels", "probabilities"])
def test_masked_rows_may_hold_nan_in_both_modes(by) -> None:
    x = torch.tensor([[NAN, NAN], [0.1, 0.2]], dtype=torch.float64)
    shares = torch.tensor([[NAN, 1.0], [0.0, 1.0]], dtype=torch.float64)
    y = torch.tensor([-100, 1]) if by == "labels" else shares
    options = {} if by == "labels" else {"mask": torch.tensor([False, True])}
    loss = lambda x: F.cross_entropy(x, y, **options)  # noqa: E731
    close(jacfwd(loss)(x), jacrev(loss)(x))
    for derivative in (jacfwd(loss)(x), hessian(loss)(x)):
        assert not derivative.isnan().any()
        assert (derivative[0] == 0).all()


def test_the_gradient_by_a_soft_target_is_minus_the_log_probability() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(5, 4), torch.rand(5, 4).softmax(1)
    share, weight = torch.tensor([0.0, 1.0, 2.0, 0.5, 1.0]), torch.tensor([0.5, 2.0, 1.0, 0.0])
    x[0] = NAN
    x[1, 3] = -INF
    leaf = y.clone().requires_grad_()
    options = {"sample_weight": share, "weight": weight, "label_smoothing": 0.25}
    loss = F.cross_entropy(x, leaf, reduction="mean", **options)
    (slope,) = torch.autograd.grad(loss, leaf)
    log_p = torch.where(share[:, None] == 0, 0.0, x.log_softmax(1))
    log_p = torch.where(weight == 0, 0.0, log_p)
    torch.testing.assert_close(slope, -0.75 * share[:, None] * weight * log_p / share.sum())


def test_the_second_derivative_of_a_linear_loss_is_zero() -> None:
    x = torch.randn(4, 3, requires_grad=True)
    (slope,) = torch.autograd.grad(F.nll_loss(x, LABELS), x, create_graph=True)
    (second,) = torch.autograd.grad(slope.sum(), x)
    assert torch.equal(second, torch.zeros(4, 3))


SIZES = [1e-200, 0.7, 30.0, 700.0, 1e150, 2.0**1022]  # no difference of two overflows
REALS = [0.0, *SIZES, *(-s for s in SIZES)]
SETS = {
    anything: [*REALS, INF, -INF],
    real: REALS,
    counts: [0.0, *SIZES],
    nonnegative: [0.0, *SIZES],
    positive: SIZES,
    binary: SHARES,
    unit_interval: SHARES,
    ends_of_unit_interval: [0.0, 1.0],
    signs: SIGNS,
}
SETTINGS = {"delta": 1.5, "level": 0.125, "eps": 2.0**-20, "dispersion": 0.5, "shape": 2.0}
SETTINGS |= {"alpha": 0.375, "gamma": 1.5, "gamma_neg": 3.0, "gamma_pos": 1.5, "clip": 0.0625}
SETTINGS |= {"smoothing": 0.125, "df": 3.0, "exponent": 1.25, "beta": 0.5, "margin": 0.25}
UNDEFINED = {  # differences of infinities, products of 0 and infinity, and one-sided limits
    **limits.EMPTY,
    likelihoods.Binomial: lambda x, trials, y: y > trials,
    likelihoods.Weibull: lambda scale, shape, event, y: shape < -1e3 and abs(scale) == INF,
    likelihoods.MarginRanking: lambda first, second, y: first == second and abs(first) == INF,
    likelihoods.RelativeEntropy: lambda x, y: x == -INF and y == 0.0,
    likelihoods.RelativeEntropyOfLog: lambda x, y: y == INF,
}
MOST = 1000  # the approximate number of points per likelihood, evenly chosen
declared = pytest.mark.parametrize("likelihood", limits.EXACT, ids=lambda c: c.__name__)


def points_of(likelihood) -> list[tuple[float, ...]]:
    sides = [SETS[d] for d in likelihood.domains]
    known = likelihood.given_domains
    sides += [[0.5, 3.0] if d is anything else SETS.get(d, d.members) for d in known]
    points = itertools.product(*sides, SETS[likelihood.support])
    undefined = UNDEFINED.get(likelihood, lambda *_: False)
    defined = [p for p in points if not undefined(*p)]
    return defined[:: len(defined) // MOST | 1]


def agrees(found: float, exact) -> bool:
    """Return whether a number is the limit, with a tolerance for mpmath's formula."""
    if abs(exact) > torch.finfo(torch.float64).max:
        return found == math.copysign(INF, exact)
    return abs(found - exact) <= 1e-12 * abs(exact) + 1e-15


@declared
def test_values_and_slopes_are_the_limits_in_every_mode(likelihood) -> None:
    points = points_of(likelihood)
    columns = [torch.tensor(c, dtype=torch.float64) for c in zip(*points, strict=True)]
    settings = tuple(SETTINGS[s] for s in likelihood.settings)
    n = len(likelihood.inputs)
    given = tuple(columns[n:-1])

    def loss(*moving: torch.Tensor) -> torch.Tensor:
        x, y = moving[:n], moving[n]
        return engine.loss(ElementwiseProblem(likelihood, x, y, given, settings, reduction="none"))

    moving = (*columns[:n], columns[-1])
    ones, zeros = torch.ones_like(moving[0]), torch.zeros_like(moving[0])
    pulled = torch.func.vjp(loss, *moving)[1](ones)
    pushed = []
    for i in range(n + 1):
        tangents = tuple(ones if i == j else zeros for j in range(n + 1))
        value, slope = torch.func.jvp(loss, moving, tangents)
        pushed.append(slope)
    for i, point in enumerate(points):
        exact = limits.exact(likelihood, (*point[:-1], *settings, point[-1]))
        for mode, slopes in (("reverse", pulled), ("forward", pushed)):
            found = (value[i].item(), *(s[i].item() for s in slopes))
            for number, true in zip(found, exact, strict=True):
                assert agrees(number, true), (mode, point, found, [mp.nstr(e, 9) for e in exact])


WEIGHTS = torch.tensor([1.0, 0.5, 0.0, 2.0**-900, 1.0, 3.0, 1e3], dtype=torch.float64)
XS = torch.tensor([-INF, INF, -1e300, 1e300, 0.0, 0.5, -700.0], dtype=torch.float64)
YS = torch.tensor([0.0, 1.0, 1.0, 0.0, 0.5, 0.25, 1.0], dtype=torch.float64)
VARIANCES = torch.tensor([1.0, 2.0, 1e300, 1e-3, 1.0, 2.0, 3.0], dtype=torch.float64)
WEIGHED = {  # losses of inputs, targets and weights that all move
    "bce": (F.binary_cross_entropy_with_logits, "weight"),
    "bce shared": (F.binary_cross_entropy_with_logits, "sample_weight"),
    "mse": (F.mse_loss, "weight"),
    "mse shared": (F.mse_loss, "sample_weight"),
    "huber": (F.huber_loss, "weight"),
    "l1": (F.l1_loss, "sample_weight"),
    "smooth l1": (F.smooth_l1_loss, "sample_weight"),
    "poisson": (F.poisson_nll_loss, "sample_weight"),
    "soft margin": (
        lambda x, y, **o: F.soft_margin_loss(x, 2 * y.ceil() - 1, **o),
        "sample_weight",
    ),
    "kl": (lambda x, y, **o: F.kl_div(-x.abs(), y + 0.25, **o), "sample_weight"),
    "gaussian": (lambda x, y, **o: F.gaussian_nll_loss(x, y, VARIANCES, **o), "sample_weight"),
}


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("name", WEIGHED)
def test_weights_move_with_infinite_losses_in_both_modes(name, reduction) -> None:
    loss, option = WEIGHED[name]
    reduction = "batchmean" if (name, reduction) == ("kl", "mean") else reduction
    at = (XS, YS, WEIGHTS)
    f = lambda x, y, w: loss(x, y, reduction=reduction, **{option: w})  # noqa: E731
    forward, reverse = (mode(f, argnums=(0, 1, 2))(*at) for mode in (jacfwd, jacrev))
    for i, (a, b) in enumerate(zip(forward, reverse, strict=True)):
        close(a, b)
        if (
            i < 2 or "mean" not in reduction
        ):  # the mean of an infinite sum is undefined by its weights
            assert not a.isnan().any(), i


FORMULAS = [  # a likelihood, a formula, its arguments and the values, by mpmath
    ("CensoredNormal", "nll", (0.6087474736150628, 1e20, 2.0, 1.0, 0.0), (46.97064039308559,)),
    (
        "CensoredNormal", "grad", (0.7, 3.0, 2.0, -7.999999997, -8.0),
        (0.9666666665, -2.469999999033333),
    ),
    ("CensoredNormal", "nll", (1e20, 1.0, 2.0, 1.0, 0.0), (5e39,)),
    ("CensoredNormal", "grad", (1e20, 1.0, 2.0, 1.0, 0.0), (1e20, -1e40)),
    ("StudentT", "nll", (2.0, 1e-310, 4.0, 2.0), (-713.80137882815417,)),
    ("StudentT", "grad", (2.0, 1e-310, 4.0, 2.0), (0.0, INF)),
    ("StudentT", "grad", (1.0, 1e-200, 4.0, 0.0), (5.0, -4e200)),
    ("StudentT", "curvature", (0.0, 1.0, 4.0, 1e200), (0.0, 0.0, 4.0)),
    ("StudentT", "nll", (1e200, 1.0, 4.0, 0.0), (2299.1193570912457,)),
    ("StudentT", "nll", (1.0, 1e-310, 4.0, 0.0), (2851.7397794098169,)),
    ("StudentT", "nll", (1.7e308, 0.5, 4.0, -1.7e308), (3551.4067731883810,)),
    ("StudentT", "grad", (1.7e308, 0.5, 4.0, -1.7e308), (1.4705882352941176e-308, -8.0)),
    ("StudentT", "grad_target", (1e200, 1.0, 4.0, 0.0), (-5e-200,)),
    ("StudentT", "curvature", (1.0, 1e-200, 4.0, 0.0), (-5.0, -4e-199, INF)),
    ("LogNormal", "grad", (-1e300, 1e100, 2.0), (-1e100, -1e300)),
    ("LogNormal", "curvature", (-1e300, 1e100, 2.0), (1e-200, 2.0, 3e200)),
    ("LogNormal", "grad_target", (1e300, 1e-5, 1e160), (-1e150,)),
    ("CensoredNormal", "grad", (1e300, 1e100, 0.0, 0.0, 2.0), (1e100, -1e300)),
    ("BetaWeightedNormal", "curvature", (1e300, 1e160, 1.0, 0.0, 0.0), (1e-160, -1e-20, 1e120)),
    ("NormalScore", "curvature", (1e300, 1e-160, -0.7), (0.0, 0.0, 0.0)),
    ("VonMises", "grad", (0.0, 1e20, 1e-8), (-1e12, 4.9995e-17)),
    ("PoissonHurdle", "curvature", (-20.0, 0.0, 3.0), (1.0305768119273379e-09, 0.0, 0.25)),
    ("Weibull", "grad", (0.0, -30.0, 1.0, 2.0), (-6.0695507467061062e-27, -1.0)),
    ("Weibull", "grad", (1.0, 800.0, 0.0, 1.0), (0.0, 0.0)),
    ("Weibull", "curvature", (1.0, 800.0, 0.0, 1.0), (0.0, 0.0, 0.0)),
    ("Exponential", "grad", (800.0, 1.0, 0.0), (-1.0,)),
    ("BetaWeightedNormal", "grad", (1.0, 1e-310, 1e-310, 0.5, 1.0), (0.0, 5e154)),
    ("Asymmetric", "curvature", (30.0, 3.0, 1.0, 0.0, 0.0), (-7.76682706413137e-12,)),
]  # fmt: skip


@pytest.mark.parametrize("name, formula, point, values", FORMULAS)
def test_formulas_keep_their_digits_at_extreme_numbers(name, formula, point, values) -> None:
    arguments = [torch.tensor([number], dtype=torch.float64) for number in point]
    found = getattr(getattr(likelihoods, name), formula)(*arguments)
    found = found if isinstance(found, tuple) else (found,)
    for number, true in zip(found, values, strict=True):
        assert float(number) == pytest.approx(true, rel=1e-10, abs=0)


def test_student_t_of_float32_takes_no_square_that_overflows() -> None:
    location, df, y = torch.tensor([1e30]), torch.tensor(4.0), torch.tensor([0.0])
    loss = likelihoods.StudentT.nll(location, torch.tensor([1.0]), df, y)
    assert loss.item() == pytest.approx(341.922028046307, rel=1e-6)


def test_far_targets_of_student_t_have_second_derivatives() -> None:
    at = [torch.tensor([v], dtype=torch.float64) for v in (1e200, 1.0, 0.0)]
    hessian = torch.autograd.functional.hessian(lambda *t: F.student_t_nll_loss(*t), tuple(at))
    found = torch.tensor([[part.item() for part in row] for row in hessian])
    assert torch.equal(found, torch.diag(torch.tensor([0.0, 4.0, 0.0])))


def test_curvature_of_several_inputs_is_computed_in_float64() -> None:
    loc, concentration = torch.tensor([-13107.8076171875]), torch.tensor([6.113396644592285])
    at = [t.requires_grad_() for t in (loc, concentration)]
    loss = F.von_mises_nll_loss(*at, torch.tensor([1572426.0]))
    (slope,) = torch.autograd.grad(loss, at[0], create_graph=True)
    (second,) = torch.autograd.grad(slope, at[0])
    torch.testing.assert_close(second, torch.tensor([-5.892428259978323]))
