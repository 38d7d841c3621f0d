"""Declarations of several inputs: the first is the predictor, the others are constants."""

import math
import pickle
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
import torch
from scipy import stats
from scipy.special import ndtri_exp
from statsmodels.miscmodels.tmodel import TLinearModel
from torch import distributions, special

import neglog
from neglog import likelihoods
from neglog.cli import main
from neglog.errors import FitError
from neglog.fitting.likelihoods import integrals
from neglog.report.losses import loss_formula
from neglog.report.quantiles import quantile_residuals
from neglog.support import ends_of_unit_interval, open_unit_interval, real

FILE = Path(__file__).parent / "own" / "my_losses.py"
STUDENT, WEIBULL, ZEROS = (f"{FILE}:{n}" for n in ("StudentT", "Weibull", "ZeroInflatedPoisson"))
ROWS = 300

pytestmark = pytest.mark.usefixtures("own_likelihoods")


def drawn(likelihood):
    random = np.random.default_rng(5)
    x = random.standard_normal((ROWS, 2))
    eta = 0.6 * x[:, 0] - 0.2 * x[:, 1] + 0.5
    if likelihood == STUDENT:
        return x, eta + 0.5 * stats.t.rvs(4, size=ROWS, random_state=random)
    if likelihood == WEIBULL:
        return x, np.exp(eta) * random.weibull(1.7, ROWS)
    return x, random.poisson(np.exp(eta)) * (random.random(ROWS) > 0.3)


def zero_inflated(eta, logit, y):
    zeros, rate = special.expit(logit), eta.exp()
    probability = (1 - zeros) * (y * eta - rate - torch.lgamma(y + 1)).exp()
    return (torch.where(y == 0, zeros, 0.0) + probability).log()


DENSITIES = {
    STUDENT: lambda eta, log_scale, log_df, y: distributions.StudentT(
        log_df.exp(), eta, log_scale.exp()
    ).log_prob(y),
    WEIBULL: lambda eta, log_shape, y: distributions.Weibull(eta.exp(), log_shape.exp()).log_prob(
        y
    ),
    ZEROS: zero_inflated,
}
NAMES = {STUDENT: ["log_scale", "ln df"], WEIBULL: ["ln shape"], ZEROS: ["logit zeros"]}


def constants_of(found):
    return [name for output, name in found.coefficients.names if not output]


def assert_greatest(found, x, y, density):
    """Compare a fit with the joint likelihood: its gradient, its observed information."""
    columns = torch.from_numpy(np.column_stack([np.ones(len(x)), x]))
    y = torch.from_numpy(np.asarray(y, dtype=np.float64))

    def loss(at):
        return -density(columns @ at[:3], *at[3:], y).sum()

    at = torch.from_numpy(found.coefficients.estimate)
    assert found.converged, found.outcome
    assert float(loss(at)) == pytest.approx(found.loss * len(y), rel=1e-11)
    hessian = torch.autograd.functional.hessian(loss, at)
    errors = torch.linalg.inv(hessian).diagonal().sqrt()
    gradient = torch.autograd.functional.jacobian(loss, at)
    assert float((gradient * errors).abs().max()) < 1e-8
    np.testing.assert_allclose(found.coefficients.error, errors, rtol=1e-7)


@pytest.mark.parametrize("likelihood", DENSITIES)
def test_constants_are_estimated_with_the_weights(likelihood):
    x, y = drawn(likelihood)
    found = neglog.fit(x, y, likelihood=likelihood)
    assert constants_of(found) == NAMES[likelihood]
    assert found.coefficients.kind == "observed"
    assert_greatest(found, x, y, DENSITIES[likelihood])


def test_declarations_of_neglog_are_fitted_as_their_own():
    x, y = drawn(STUDENT)
    ours = neglog.fit(x, y, likelihood=STUDENT)
    df = math.exp(ours.coefficients.estimate[-1])  # which is a setting of neglog's
    theirs = neglog.fit(x, y, likelihood=likelihoods.StudentT, settings={"df": df})
    assert constants_of(theirs) == ["ln scale"]
    estimates = ours.coefficients.estimate[:-1]
    np.testing.assert_allclose(theirs.coefficients.estimate, estimates, rtol=1e-7)
    y = np.exp(y)
    found = neglog.fit(x, y, likelihood="neglog.likelihoods:LogNormal")
    errors = sm.OLS(np.log(y), sm.add_constant(x)).fit()
    np.testing.assert_allclose(found.coefficients.estimate[:3], errors.params, rtol=1e-9)
    assert math.exp(found.coefficients.estimate[3]) == pytest.approx(math.sqrt(errors.ssr / ROWS))


def test_a_t_regression_agrees_with_statsmodels():
    x, y = drawn(STUDENT)
    found = neglog.fit(x, y, likelihood=STUDENT)
    *weights, log_scale, log_df = found.coefficients.estimate
    start = [*weights, math.exp(log_df), math.exp(log_scale)]
    columns = np.column_stack([np.ones(len(x)), x])
    theirs = TLinearModel(y, columns).fit(start_params=start, method="bfgs", gtol=1e-9, disp=0)
    np.testing.assert_allclose(theirs.params, start, rtol=1e-5)
    scaled = [*found.coefficients.error[:3], *found.coefficients.error[:2:-1] * start[3:]]
    np.testing.assert_allclose(theirs.bse, scaled, rtol=1e-4)


@pytest.mark.parametrize(("unit", "origin"), [(1e4, 1e6), (1e-6, 0.0)])
def test_the_unit_of_the_target_changes_nothing_else(unit, origin):
    x, y = drawn(STUDENT)
    plain = neglog.fit(x, y, likelihood=STUDENT).coefficients
    found = neglog.fit(x, origin + unit * y, likelihood=STUDENT).coefficients
    scale = np.array([unit] * 3 + [1.0] * 2)
    moved = plain.estimate * scale + [origin, 0, 0, math.log(unit), 0]
    np.testing.assert_allclose(found.estimate, moved, rtol=1e-7)
    np.testing.assert_allclose(found.error, plain.error * scale, rtol=1e-6)


def test_a_constant_at_infinity_is_named():
    x, _ = drawn(STUDENT)
    y = x[:, 0] + stats.norm.ppf((np.arange(ROWS) * 7 % ROWS + 0.5) / ROWS)
    found = neglog.fit(x, y, likelihood=STUDENT)
    assert not found.converged
    assert "the rows do not determine df: " in found.outcome
    assert "fix it with --setting df=VALUE (settings=)" in found.outcome


@pytest.mark.parametrize("settings", [None, {"df": 4}])
def test_an_exact_fit_is_named(settings):
    x, _ = drawn(STUDENT)
    y = 3.0 + 2.0 * x[:, 0]
    found = neglog.fit(x, y, likelihood=STUDENT, settings=settings)
    assert not found.converged and found.outcome.startswith("the features reproduce the target")
    np.testing.assert_allclose(found.coefficients.estimate[:3], [3.0, 2.0, 0.0], atol=1e-9)


def test_a_fisher_information_without_a_formula_is_named():
    x, y = drawn(STUDENT)
    found = neglog.fit(x, y, likelihood=STUDENT, covariance="fisher")
    assert found.coefficients.kind == "observed"
    assert any("Fisher information of this likelihood has no formula" in n for n in found.notes)
    plain = neglog.fit(x, y, likelihood=STUDENT)
    assert not any("Fisher" in note for note in plain.notes)
    sandwich = neglog.fit(x, y, likelihood=STUDENT, covariance="hc0").coefficients
    assert 0.5 < (sandwich.error / plain.coefficients.error).min() < 2.0


def test_a_lasso_of_a_likelihood_that_is_not_concave():
    x, y = drawn(STUDENT)
    found = neglog.fit(x, y, likelihood=STUDENT, settings={"df": 4}, l1=0.1)
    assert found.converged, found.outcome
    columns = torch.from_numpy(np.column_stack([np.ones(ROWS), x]))
    at = torch.from_numpy(found.coefficients.estimate)
    log_df = torch.tensor(4.0, dtype=torch.float64).log()

    def loss(at):
        losses = -DENSITIES[STUDENT](columns @ at[:3], at[3], log_df, torch.from_numpy(y))
        return losses.mean()

    slope = torch.autograd.functional.jacobian(loss, at)
    deviations = torch.from_numpy(x.std(0) / y.std())  # weights in units of the target
    np.testing.assert_allclose(slope[[0, 3]], 0, atol=1e-6)
    np.testing.assert_allclose(slope[1:3], -0.1 * deviations * at[1:3].sign(), atol=1e-6)


def test_offset_and_weights_enter():
    x, y = drawn(WEIBULL)
    plain = neglog.fit(x, y, likelihood=WEIBULL)
    moved = neglog.fit(x, y, likelihood=WEIBULL, offset=np.full(ROWS, 0.7))
    expected = plain.coefficients.estimate - [0.7, 0, 0, 0]
    np.testing.assert_allclose(moved.coefficients.estimate, expected, rtol=1e-8)
    twice = neglog.fit(np.tile(x, (2, 1)), np.tile(y, 2), likelihood=WEIBULL)
    double = neglog.fit(x, y, likelihood=WEIBULL, sample_weight=np.full(ROWS, 2.0))
    np.testing.assert_allclose(double.coefficients.error, twice.coefficients.error, rtol=1e-8)


@pytest.mark.parametrize("fixed", [{"df": 4}, {"df": 4.0, "log_scale": -0.7}])
def test_constants_may_be_fixed(fixed, tmp_path):
    x, y = drawn(STUDENT)
    found = neglog.fit(x, y, likelihood=STUDENT, settings=fixed, out=tmp_path)
    estimated = [name for name in NAMES[STUDENT] if name.removeprefix("ln ") not in fixed]
    assert constants_of(found) == estimated
    assert f"fixed, not estimated: {', '.join(f'{k} = {v}' for k, v in fixed.items())}." in (
        found.notes
    )

    def density(eta, *rest):
        log_scale = rest[0] if estimated else torch.tensor(fixed["log_scale"], dtype=torch.float64)
        return DENSITIES[STUDENT](eta, log_scale, torch.tensor(4.0).double().log(), rest[-1])

    assert_greatest(found, x, y, density)
    assert neglog.evaluate(tmp_path, x, y).loss_nats == pytest.approx(found.loss, rel=1e-12)
    assert neglog.NLLRegressor(STUDENT, settings=fixed).fit(x, y).result_.loss == found.loss
    words = loss_formula(found.fitted.target.facts, fixed)[1]
    assert "df = 4" in words and words.endswith(": fixed")


def test_the_only_setting_may_be_fixed():
    random = np.random.default_rng(2)
    x = random.standard_normal((ROWS, 1))
    y = random.wald(np.exp(0.4 * x[:, 0]), 2.0)
    found = neglog.fit(x, y, likelihood=f"{FILE}:InverseGaussian", settings={"dispersion": 0.5})
    columns = torch.from_numpy(np.column_stack([np.ones(ROWS), x]))
    information = columns.T @ (columns / 0.5 * torch.exp(-(columns @ torch.from_numpy(
        found.coefficients.estimate))[:, None]))  # fmt: skip
    assert found.coefficients.kind == "fisher"
    errors = torch.linalg.inv(information).diagonal().sqrt()
    np.testing.assert_allclose(found.coefficients.error, errors, rtol=1e-8)


@pytest.mark.parametrize(
    ("likelihood", "settings", "words"),
    [
        (STUDENT, {"shape": 4}, "no constant 'shape' to fix: its constants are log_scale, df"),
        (STUDENT, {"df": -1}, "constant 'df' of the student_t likelihood must be a number above 0"),
        (STUDENT, {"df": "four"}, "must be a number above 0, but got 'four'"),
        (STUDENT, {"df": math.inf}, "must be a number above 0, but got inf"),
        (ZEROS, {"zeros": 1.5}, "must be a number between 0 and 1, but got 1.5"),
        (f"{FILE}:Geometric", {"df": 4}, "no constant 'df' to fix: it has none; correct or leave"),
        ("normal", {"df": 4}, "the normal likelihood has no constants to fix; leave out settings"),
        (STUDENT, [4], "settings must be a dictionary, but got"),
    ],
)
def test_constants_that_cannot_be_fixed_are_named(likelihood, settings, words):
    x, y = drawn(ZEROS)
    with pytest.raises(FitError, match=words):
        neglog.fit(x, y, likelihood=likelihood, settings=settings)


@pytest.fixture
def tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, likelihood in (("student", STUDENT), ("zeros", ZEROS)):
        x, y = drawn(likelihood)
        pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y}).write_csv(f"{name}.csv")


@pytest.mark.parametrize(("name", "likelihood"), [("student", STUDENT), ("zeros", ZEROS)])
def test_it_is_saved_evaluated_reported_and_streamed(tables, capsys, name, likelihood):
    words = ["fit", f"{name}.csv", "--target", "y", "--likelihood", likelihood, "--out", "o"]
    with pytest.raises(SystemExit) as left:
        main(words)
    out, err = capsys.readouterr()
    assert (left.value.code, err) == (0, "")
    assert all(constant in out for constant in NAMES[likelihood])
    found = neglog.fit(f"{name}.csv", target="y", likelihood=likelihood)
    assert neglog.evaluate("o", f"{name}.csv").loss_nats == pytest.approx(found.loss, rel=1e-12)
    stored = neglog.predict("o", f"{name}.csv").frame["predicted"].to_numpy()
    np.testing.assert_allclose(stored, found.training.predicted, rtol=1e-12)
    page = Path("o/report.html").read_text("utf-8")
    assert "estimated with the weights" in page
    fixed = ["--setting", "df=4"] if likelihood == STUDENT else ["--setting", "zeros=0.3"]
    with pytest.raises(SystemExit) as left:
        main([*words, *fixed])
    capsys.readouterr()
    assert left.value.code == 0
    with pytest.raises(SystemExit) as left:
        main(["fit", "--config", "o/config.toml", "--out", "p"])
    assert left.value.code == 0 and f"fixed, not estimated: {fixed[1].replace('=', ' = ')}." in (
        capsys.readouterr().out
    )
    assert Path("p/coefficients.csv").read_bytes() == Path("o/coefficients.csv").read_bytes()
    streamed = neglog.fit(f"{name}.csv", target="y", likelihood=likelihood, stream=True)
    for part in ("estimate", "error"):
        ours, theirs = (getattr(fit.coefficients, part) for fit in (streamed, found))
        np.testing.assert_allclose(ours, theirs, rtol=1e-7)


def test_the_formula_of_the_report_is_the_loss():
    x, y = drawn(STUDENT)
    found = neglog.fit(x, y, likelihood=STUDENT)
    expression, words = loss_formula(found.fitted.target.facts)
    assert words.endswith("location; log_scale, df: estimated with the weights")
    *_, log_scale, log_df = found.coefficients.estimate
    at = {"zhat": found.training.predicted[0], "y": y[found.training.index[0]]}
    at |= {"log_scale": log_scale, "df": math.exp(log_df)}
    value = expression.rhs.subs({s: at[s.name] for s in expression.rhs.free_symbols})
    assert float(value) == pytest.approx(found.training.loss[0], rel=1e-12)


def test_quantile_residuals_without_a_distribution():
    for likelihood, law in (
        (STUDENT, lambda mean, a, b: stats.t(math.exp(b), mean, math.exp(a))),
        (WEIBULL, lambda mean, a: stats.weibull_min(math.exp(a), scale=mean)),
    ):
        x, y = drawn(likelihood)
        y[0] = 300.0 if likelihood == WEIBULL else -300.0
        found = neglog.fit(x, y, likelihood=likelihood)
        ours = quantile_residuals(found, found.training)
        rows = found.training
        fitted = law(rows.predicted, *found.coefficients.estimate[3:])
        below, above = fitted.logcdf(rows.truth), fitted.logsf(rows.truth)
        theirs = np.where(below < above, ndtri_exp(below), -ndtri_exp(above))
        np.testing.assert_allclose(ours, np.clip(theirs, -37, 37), atol=1e-6)


def test_quantile_residuals_of_counts_without_an_entry():
    x, y = drawn(ZEROS)
    found = neglog.fit(x, y, likelihood=ZEROS)
    assert found.fitted.target.facts.counts
    residuals = quantile_residuals(found, found.training)
    assert stats.kstest(residuals, "norm").pvalue > 0.01


def test_integrals_that_are_not_1_are_not_shown():
    y = np.linspace(-2.0, 2.0, 50)
    line = integrals.ends_of(real)
    assert integrals.tails(lambda t: 0.9 * stats.norm.pdf(t), y, 0.1 * y, 1.0, line) is None
    below, above = integrals.tails(stats.norm.pdf, y, 0.1 * y, 1.0, line)
    np.testing.assert_allclose(below, stats.norm.cdf(y), rtol=1e-9)
    np.testing.assert_allclose(above, stats.norm.sf(y), rtol=1e-9)
    unit = integrals.ends_of(open_unit_interval)
    law, y = stats.beta(2.0, 3.5), np.linspace(0.01, 0.99, 50)
    below, above = integrals.tails(law.pdf, y, np.full(50, 0.3), 0.2, unit)
    np.testing.assert_allclose(below, law.cdf(y), rtol=1e-8)
    np.testing.assert_allclose(above, law.sf(y), rtol=1e-8)
    assert integrals.ends_of(ends_of_unit_interval) is None


def test_an_estimator_fits_it():
    x, y = drawn(STUDENT)
    model = neglog.NLLRegressor(STUDENT).fit(x, y)
    fit = neglog.fit(x, y, likelihood=STUDENT)
    np.testing.assert_allclose(model.predict(x), fit.training.predicted, rtol=1e-12)
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict(x), model.predict(x))


@pytest.mark.parametrize("likelihood", [STUDENT, ZEROS])
def test_a_model_that_an_optimizer_trains_has_the_same_constants(likelihood, tmp_path):
    x, y = drawn(likelihood)
    y = 1e4 * y if likelihood == STUDENT else y
    exact = neglog.fit(x, y, likelihood=likelihood)
    found = neglog.fit(
        x, y, likelihood=likelihood, optimizer="lbfgs", epochs=100, validation=0, out=tmp_path
    )
    assert found.loss == pytest.approx(exact.loss, abs=1e-9)
    learnt = exact.coefficients.estimate[3:]
    np.testing.assert_allclose(found.fitted.shared, learnt, rtol=1e-4)
    names = [f"{name} = " for name in NAMES[likelihood]]
    assert any(note.startswith("learnt with the weights: ") and names[0] in note
               for note in found.notes)  # fmt: skip
    assert neglog.evaluate(tmp_path, x, y).loss_nats == pytest.approx(found.loss, rel=1e-12)
    assert quantile_residuals(found, found.training) is not None


def test_a_network_learns_constants(tmp_path):
    x, y = drawn(STUDENT)
    options = {"likelihood": STUDENT, "hidden": [8], "epochs": 20, "bootstrap": 2, "level": 0.3}
    table = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y + 0.5, "shift": np.full(ROWS, 0.5)})
    found = neglog.fit(table, target="y", offset="shift", **options, out=tmp_path)
    assert found.loss < found.null_loss
    frame = neglog.predict(tmp_path, table).frame
    assert {"low", "high"} <= set(frame.columns)
    counts = np.random.default_rng(0).negative_binomial(2, 0.4, ROWS)
    known = neglog.fit(x, counts, likelihood="negative_binomial", hidden=[4], epochs=5)
    assert known.fitted.shared.shape == (1,)
