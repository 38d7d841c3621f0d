"""Every declaration says one thing in several ways; here the ways are held against each other."""

from __future__ import annotations

import itertools
from functools import cache

import cases
import mpmath as mp
import oracle
import pytest
import torch

from neglog import REGISTRY
from neglog.likelihood import Elementwise, Rows
from neglog.support import (
    anything,
    binary,
    counts,
    ends_of_unit_interval,
    nonnegative,
    open_unit_interval,
    positive,
    real,
    signs,
    unit_interval,
)

# Where inputs and targets of a set are tried, away from the ends, at which floors hold.
INPUTS = {
    anything: [-90, -17, -1.5, -1e-8, 0.3, 2, 20],
    unit_interval: [1e-10, 1e-3, 0.3, 0.5, 0.875, 1 - 1e-10],  # below 1e-12 torch's floor holds
    nonnegative: [1e-3, 0.3, 1, 7.5, 1e4],
    positive: [1e-3, 0.3, 1, 7.5, 1e4],
}
TARGETS = {
    anything: [-30, -1, 0.25],
    real: [-3, 0, 0.25, 1e3],
    binary: [0, 0.25, 0.5, 1],
    ends_of_unit_interval: [0, 1],
    counts: [0, 0.25, 1, 3],
    nonnegative: [0, 0.25, 1, 3],
    positive: [1e-3, 0.5, 2, 30],
    open_unit_interval: [1e-3, 0.25, 0.875],
    signs: [-1, 1],
}
NUMBERS = [anything, real]  # sets without an end


def settings(likelihood: type[Elementwise]) -> list[mp.mpf]:
    return [mp.mpf(s) for s in cases.settings(likelihood)]


def points(likelihood: type[Elementwise]) -> list[tuple[list[mp.mpf], mp.mpf]]:
    """Return (inputs, y) inside the declared sets, but for the kinks of the loss."""
    grids = [*(INPUTS[domain] for domain in likelihood.domains), TARGETS[likelihood.support]]
    grid = [[mp.mpf(v) for v in point] for point in itertools.product(*grids)]
    grid = grid[:: len(grid) // 80 | 1]  # an odd step meets every number of every set
    return [(inputs, y) for *inputs, y in grid if likelihood.smooth or not kinks(inputs, y)]


def kinks(inputs: list[mp.mpf], y: mp.mpf) -> bool:
    """Return whether a non-smooth loss jumps: at its target, or where two inputs meet."""
    return inputs[0] == y or len({*inputs}) < len(inputs)


elementwise = pytest.mark.parametrize("likelihood", cases.ELEMENTWISE)
rows = pytest.mark.parametrize("likelihood", cases.ROWS)


def test_the_registry_knows_every_declaration() -> None:
    import neglog.likelihoods as families

    assert {c.__name__ for c in REGISTRY.values()} == set(families.__all__)
    assert all(issubclass(c, (Elementwise, Rows)) for c in REGISTRY.values())


distributed = pytest.mark.parametrize(
    "likelihood", [c for c in cases.ELEMENTWISE if hasattr(c, "distribution")]
)


@distributed
def test_nll_is_minus_the_log_probability(likelihood) -> None:
    nll, constant = oracle.formula(likelihood, "nll"), oracle.formula(likelihood, "constant")
    ones = [mp.mpf(1)] * len(likelihood.given)
    rest = settings_of_the_model(likelihood)
    for x, y in points(likelihood):
        truth = -oracle.log_prob(likelihood, *x, *ones, *rest)(y)
        got = nll(*x, *ones, *rest, y) + constant(*rest, y)
        assert abs(got - truth) <= mp.mpf(10) ** -15 * max(1, abs(truth)), (x, y)


def settings_of_the_model(likelihood: type[Elementwise]) -> list[mp.mpf]:
    """Return the settings without the floors, of which no distribution knows."""
    named = zip(likelihood.settings, settings(likelihood), strict=True)
    return [mp.mpf(0) if name == "eps" else s for name, s in named]


def derivatives(likelihood: type[Elementwise]) -> list[tuple[str, int, str, int, int]]:
    """Return (f, its part, f's derivative, its part, by which argument), as declared."""
    n = len(likelihood.inputs)
    first = [("nll", 0, "grad", i, i) for i in range(n)]
    pairs = enumerate(itertools.combinations_with_replacement(range(n), 2))
    return first + [("grad", i, "curvature", part, by) for part, (i, by) in pairs] + [TARGET]


TARGET = ("nll", 0, "grad_target", 0, -1)


def part_of(formula, part):
    def evaluate(*arguments):
        result = formula(*arguments)
        return result[part] if isinstance(result, tuple) else result

    return evaluate


def difference_quotient(f, point: list[mp.mpf], by: int):
    """Return the derivative by one argument, of which at least forty digits are right."""
    with mp.workdps(90):
        step = mp.mpf(10) ** -25 * max(1, abs(point[by]))
        above, below = point.copy(), point.copy()
        above[by], below[by] = point[by] + step, point[by] - step
        return (f(*above) - f(*below)) / (2 * step)


@elementwise
def test_declared_derivatives_are_derivatives(likelihood) -> None:
    given = list(map(mp.mpf, cases.given(likelihood))) + settings(likelihood)
    for fact, from_part, derivative, to_part, by in derivatives(likelihood):
        f = part_of(oracle.formula(likelihood, fact), from_part)
        slope = part_of(oracle.formula(likelihood, derivative), to_part)
        for x, y in points(likelihood):
            if by == -1 and likelihood.support not in NUMBERS and y in (0, 1):
                continue  # an end of the support: no derivative from both sides
            point = [*x, *given, y]

            truth = difference_quotient(f, point, by)
            scale = max(abs(truth), mp.mpf(10) ** -40)
            assert abs(slope(*point) - truth) < scale * mp.mpf(10) ** -8, (derivative, point)


@elementwise
def test_the_shorter_formulas_hold_at_well_conditioned_targets(likelihood) -> None:
    given = list(map(mp.mpf, cases.given(likelihood))) + settings(likelihood)
    for fact in ("nll", "grad"):
        longer, shorter = (oracle.formula(likelihood, p + fact) for p in ("", "well_conditioned_"))
        for inputs, y in points(likelihood):
            if likelihood.well_conditioned is not None and likelihood.well_conditioned.contains(y):
                true = longer(*inputs, *given, y)
                assert abs(shorter(*inputs, *given, y) - true) <= abs(true) * mp.mpf("1e-20")


def mean_of(likelihood: type[Elementwise], x: list[mp.mpf]):
    """Return what takes a function of the target to its mean under the declared loss."""
    rest = settings_of_the_model(likelihood)
    given = [mp.mpf(1)] * len(likelihood.given)
    nll, constant = (oracle.formula(likelihood, fact) for fact in ("nll", "constant"))
    kinks = [x[0] + side * s for s in (0, *rest) for side in (-1, 1)]

    def mean(f):
        return oracle.total(likelihood.support, lambda y: f(y) * density(y), kinks)

    @cache  # every mean asks for it at the same targets
    def density(y):
        return mp.exp(-nll(*x, *given, *rest, y) - constant(*rest, y))

    return mean


NORMALISED = [c for c in cases.ELEMENTWISE if c.normalised]


@pytest.mark.parametrize("likelihood", NORMALISED)
def test_the_likelihood_sums_to_one_and_its_score_to_zero(likelihood) -> None:
    """∑ p = 1, ∑ score · p = 0, ∑ score² · p = ∑ curvature · p, with the constant in p."""
    x = [mp.mpf("0.4"), mp.mpf("1.7"), mp.mpf("0.9")][: len(likelihood.inputs)]
    if likelihood.support is open_unit_interval:  # without poles, at which quadrature ends early
        x = [value + 1 for value in x]
    given = [mp.mpf(1)] * len(likelihood.given)
    rest, mean = given + settings_of_the_model(likelihood), mean_of(likelihood, x)
    grad, curvature = (oracle.formula(likelihood, fact) for fact in ("grad", "curvature"))
    assert abs(mean(lambda y: 1) - 1) < 1e-12
    for part in range(len(x)):
        diagonal = sum(range(len(x), len(x) - part, -1))  # of the triangle's rows
        second = part_of(curvature, diagonal)

        @cache
        def score(y, part=part):
            return part_of(grad, part)(*x, *rest, y)

        assert abs(mean(score)) < 1e-12
        # A jump of the score at the target is not in the curvature; one where inputs meet is away.
        if likelihood.smooth or likelihood.support not in NUMBERS:
            squared = mean(lambda y, s=score: s(y) ** 2)
            assert abs(squared - mean(lambda y, c=second: c(*x, *rest, y))) < 1e-12


@pytest.mark.parametrize("at", ["0.4", "0.9", "0.04"])
@pytest.mark.parametrize("likelihood", [c for c in NORMALISED if len(c.inputs) == 1])
def test_the_information_is_the_mean_squared_score(likelihood, at) -> None:
    x, rest = mp.mpf(at), settings_of_the_model(likelihood)
    score, information = (oracle.formula(likelihood, f) for f in ("grad", "information"))
    squared = mean_of(likelihood, [x])(lambda y: score(x, *rest, y) ** 2)
    assert abs(information(x, *rest) - squared) < 1e-12 * squared


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("likelihood", [c for c in cases.ELEMENTWISE if c.link is not None])
def test_the_link_takes_the_location_to_the_input(likelihood, sign) -> None:
    """The location is the mean, which of a symmetric density is its median, or a quantile.

    Of several inputs the location is that of the input's own scale: ln y, of a log link.
    """
    x, rest = sign * mp.mpf("0.7"), settings_of_the_model(likelihood)
    links = {"identity": lambda m: m, "log": mp.log, "logit": lambda m: mp.log(m / (1 - m))}
    link = links[likelihood.link]
    if len(likelihood.inputs) > 1:
        others = [mp.mpf(1)] * (len(likelihood.inputs) - 1)
        assert abs(mean_of(likelihood, [x, *others])(link) - x) < 1e-12
        return
    if likelihood.name == "quantile":
        below = mean_of(likelihood, [x])(lambda y: 1 if y < x else 0)
        assert abs(below - rest[0]) < 1e-12
        assert likelihood.link == "identity"
        return
    assert abs(link(mean_of(likelihood, [x])(lambda y: y)) - x) < 1e-12


@distributed
def test_torch_s_distribution_is_the_one_in_sixty_digits(likelihood) -> None:
    rest = settings_of_the_model(likelihood)
    given = [mp.mpf(1)] * len(likelihood.given)
    x = [mp.mpf("0.4"), mp.mpf("1.7"), mp.mpf("0.9")][: len(likelihood.inputs)]
    point = [torch.tensor(float(v), dtype=torch.float64) for v in (*x, *given, *rest)]
    y = 0.5 if likelihood.support is open_unit_interval else 1.0  # 1 is a member of the others
    got = likelihood.distribution(*point).log_prob(torch.tensor(y, dtype=torch.float64))
    true = oracle.log_prob(likelihood, *x, *given, *rest)(mp.mpf(y))
    exact = 1e-7 if likelihood.name == "von_mises" else 1e-13  # torch's Bessel function is short
    assert abs(got.item() - true) < exact * max(1, abs(true))


@pytest.mark.parametrize("likelihood", [c for c in cases.ROWS if hasattr(c, "distribution")])
def test_rows_nll_is_minus_the_log_probability(likelihood) -> None:
    nll = oracle.formula(likelihood, "nll")
    for logits in ([0, 0, 0], [1, -2, 0.5], [60, 0, 1]):
        row = [mp.mpf(z) for z in logits]
        log_p = [oracle.log_prob(likelihood, row)(k) for k in range(3)]
        for k in range(3):
            parts = [mp.mpf(int(j == k)) for j in range(3)]
            total = sum(nll(lp, part) for lp, part in zip(log_p, parts, strict=True))
            assert mp.almosteq(total, -log_p[k], 1e-40)


@rows
def test_a_class_without_target_contributes_nothing(likelihood) -> None:
    nll, grad = oracle.formula(likelihood, "nll"), oracle.formula(likelihood, "grad")
    rest = settings(likelihood)
    for log_p in (mp.mpf(-1), mp.mpf(-1e4), -mp.inf):
        assert nll(log_p, *rest, mp.mpf(0)) == 0
        assert grad(log_p, *rest, mp.mpf(0)) == 0


@rows
@pytest.mark.parametrize("fact, derivative", [("nll", "grad"), ("grad", "curvature")])
def test_rows_derivatives_are_derivatives(likelihood, fact, derivative) -> None:
    f, slope = oracle.formula(likelihood, fact), oracle.formula(likelihood, derivative)
    rest = settings(likelihood)
    for log_p in (mp.mpf(-0.01), mp.mpf(-3)):
        for y in (mp.mpf("0.3"), mp.mpf(1)):
            truth = mp.diff(lambda t, y=y: f(t, *rest, y), log_p)
            assert abs(slope(log_p, *rest, y) - truth) < mp.mpf(10) ** -12


@rows
def test_rows_target_derivative(likelihood) -> None:
    nll, slope = oracle.formula(likelihood, "nll"), oracle.formula(likelihood, "grad_target")
    point = [mp.mpf(-2), *settings(likelihood)]
    truth = mp.diff(lambda t: nll(*point, t), mp.mpf("0.3"))
    assert abs(slope(*point, mp.mpf("0.3")) - truth) < mp.mpf(10) ** -12


@pytest.mark.parametrize("likelihood", REGISTRY.values(), ids=lambda c: c.__name__)
def test_support_names_its_members(likelihood) -> None:
    for support in (likelihood.support, *likelihood.domains):
        assert support.contains(torch.tensor(support.members)).all()
        assert not support.contains(torch.tensor(support.outsiders)).any()


@pytest.mark.parametrize("name", ["laplace", "quantile"])
def test_the_slope_at_a_kink_is_0(name) -> None:
    likelihood = REGISTRY[name]
    y = torch.tensor([-1.0, 0.0, 2.5])
    point = (y, *(0.3 for _ in likelihood.settings), y)
    for derivative in (likelihood.grad, likelihood.grad_target):
        assert (derivative(*point) == 0.0).all()


def test_the_information_of_counts_is_the_curvature_at_their_mean() -> None:
    """The curvature is linear in the count."""
    likelihood = REGISTRY["negative_binomial"]
    log_mean = torch.tensor([-3.0, -0.5, 0.0, 0.5, 3.0], dtype=torch.float64)
    for dispersion in (0.1, 0.75, 4.0):
        found = likelihood.information(log_mean, dispersion)
        expected = likelihood.curvature(log_mean, dispersion, log_mean.exp())
        torch.testing.assert_close(found, expected)
