"""Linear models of every likelihood, against statsmodels, scikit-learn and by definition."""

import functools
import math
import warnings

import embedded
import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
import torch
from scipy import optimize, stats
from sklearn import linear_model
from statsmodels.base.model import GenericLikelihoodModel
from statsmodels.miscmodels.ordinal_model import OrderedModel

import neglog
from neglog.errors import FitError
from neglog.fitting.batches.batch import Batch
from neglog.fitting.batches.matrix import Dense, Labels, Mixed
from neglog.fitting.inference.covariance import ESTIMATORS
from neglog.fitting.likelihoods.registry import KINDS
from neglog.fitting.linear import newton
from neglog.fitting.linear.objective import Objective, Value
from neglog.fitting.option_table.table import TABLE
from neglog.fitting.options.fit_options import Options

SAME = 1e-8
"""What the issue of statistical packages' agreement is held to; most agree to 1e-12."""


def draw(seed=3):
    return np.random.default_rng(seed)


def sample(kind, count=300, features=3, seed=3):
    """Return features and a target that the likelihood allows."""
    random = draw(seed)
    x = random.standard_normal((count, features)) * [1.0, 3.0, 0.2][:features]
    eta = 0.6 * x[:, 0] - 0.2 * x[:, 1]
    return x, {
        "bernoulli": lambda: (eta + random.logistic(size=count) > 0).astype(int),
        "binomial": lambda: random.binomial(5, 1 / (1 + np.exp(-eta))),
        "categorical": lambda: random.integers(0, 3, count) + (eta > 1),
        "ordinal": lambda: np.digitize(eta + random.logistic(size=count), [-1, 0, 1.5]),
        "normal": lambda: eta + random.standard_normal(count),
        "laplace": lambda: eta + random.laplace(size=count),
        "quantile": lambda: eta + random.laplace(size=count),
        "huber": lambda: eta + random.standard_t(2, count),
        "student_t": lambda: eta + random.standard_t(4, count),
        "poisson": lambda: random.poisson(np.exp(eta)),
        "negative_binomial": lambda: random.poisson(np.exp(eta) * random.gamma(1, 1, count)),
        "gamma": lambda: np.exp(eta) * random.gamma(2, 0.5, count),
    }[kind]()


def fit(kind, x, y, **options):
    if kind == "binomial":
        options = {"trials": np.full(len(x), 5)} | options
    return neglog.fit(x, y, likelihood=kind, **options)


def statsmodels(case, y, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it cannot reach a tolerance of 1e-15
        return case.fit(y, sm.add_constant(x))


kinds = pytest.mark.parametrize("kind", KINDS)
smooth = pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("laplace", "quantile")])


@pytest.mark.parametrize("name", embedded.CASES)
def test_embedded_data_sets_agree_with_statsmodels(name):
    case = embedded.CASES[name]
    x, y = case.load()
    ours, theirs = fit(case.likelihood, x, y, **case.options), statsmodels(case, y, x)
    assert ours.converged
    estimate, error = ours.coefficients.estimate.copy(), ours.coefficients.error.copy()
    if case.likelihood == "negative_binomial":  # statsmodels has the dispersion, not its logarithm
        estimate[-1] = math.exp(estimate[-1])
        error[-1] *= estimate[-1]
    np.testing.assert_allclose(estimate, np.asarray(theirs.params).T.ravel(), rtol=SAME)
    np.testing.assert_allclose(error, np.asarray(theirs.bse).T.ravel(), rtol=SAME)
    if case.likelihood != "gamma":  # of which statsmodels takes Pearson's dispersion
        assert -ours.loss * len(y) == pytest.approx(theirs.llf, rel=1e-11)


def test_longley_has_the_certified_standard_errors():
    """Those that the National Institute of Standards and Technology certifies."""
    certified = [
        890420.383607373, 84.9149257747669, 0.0334910077722432, 0.488399681651699,
        0.214274163161675, 0.226073200069370, 455.478499142212,
    ]  # fmt: skip
    x, y = embedded.CASES["longley"].load()
    np.testing.assert_allclose(fit("normal", x, y).coefficients.error, certified, rtol=1e-12)


@pytest.mark.parametrize("df", [None, 2.5])
def test_student_t_agrees_with_statsmodels_and_scipy(df):
    """The coefficients, and their errors from the observed information in the scale's logarithm."""
    x, y = sample("student_t")
    fixed = 4.0 if df is None else df
    ours = fit("student_t", x, y, settings=None if df is None else {"df": df})

    class Model(GenericLikelihoodModel):
        def nloglikeobs(self, at):
            return -stats.t.logpdf(self.endog, fixed, self.exog @ at[:-1], np.exp(at[-1]))

    design = sm.add_constant(x)
    start = np.append(np.linalg.lstsq(design, y, rcond=None)[0], 0.0)
    best = optimize.minimize(lambda at: Model(y, design).nloglikeobs(at).sum(), start, tol=1e-12)
    theirs = Model(y, design, extra_params_names=["ln scale"]).fit(best.x, method="newton", disp=0)
    np.testing.assert_allclose(ours.coefficients.estimate, theirs.params, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(ours.coefficients.error, theirs.bse, rtol=1e-4)
    assert -ours.loss * len(y) == pytest.approx(theirs.llf, rel=1e-10)


def test_ordinal_agrees_with_statsmodels():
    x, y = sample("ordinal")
    ours = fit("ordinal", x + 20, y)
    theirs = OrderedModel(y, x + 20, distr="logit").fit(
        method="newton", disp=0, tol=1e-15, maxiter=100
    )
    np.testing.assert_allclose(ours.coefficients.estimate[:3], theirs.params[:3], rtol=1e-7)
    np.testing.assert_allclose(ours.coefficients.error[:3], theirs.bse[:3], rtol=1e-6)
    cuts = theirs.model.transform_threshold_params(theirs.params)[1:-1]
    np.testing.assert_allclose(ours.coefficients.estimate[3:], cuts, rtol=1e-7)
    assert -ours.loss * len(y) == pytest.approx(theirs.llf, rel=1e-11)
    np.testing.assert_allclose(
        ours.training.probabilities, theirs.predict(), atol=1e-8
    )  # statsmodels stops earlier


@pytest.mark.parametrize("kind", ["bernoulli", "normal", "poisson", "gamma"])
def test_the_statistics_are_those_of_statsmodels(kind):
    x, y = sample(kind)
    family = {
        "bernoulli": sm.families.Binomial(),
        "normal": sm.families.Gaussian(),
        "poisson": sm.families.Poisson(),
        "gamma": sm.families.Gamma(sm.families.links.Log()),
    }[kind]
    theirs = sm.GLM(y, sm.add_constant(x), family).fit(tol=1e-14)
    found = fit(kind, x, y)
    ours = found.statistics
    assert ours.deviance == pytest.approx(theirs.deviance, rel=1e-10)
    assert ours.null_deviance == pytest.approx(theirs.null_deviance, rel=1e-10)
    assert ours.pearson == pytest.approx(theirs.pearson_chi2, rel=1e-10)
    assert ours.freedom == theirs.df_resid
    assert ours.dispersion == pytest.approx(theirs.pearson_chi2 / theirs.df_resid, rel=1e-10)
    if kind in ("bernoulli", "poisson"):
        assert ours.aic == pytest.approx(theirs.aic, rel=1e-10)
        assert ours.bic == pytest.approx(theirs.bic_llf, rel=1e-10)
        assert ours.pseudo_r2 == pytest.approx(theirs.pseudo_rsquared("mcf"), rel=1e-10)
        np.testing.assert_allclose(
            found.coefficients.interval, theirs.conf_int().T, rtol=1e-6, atol=1e-9
        )
    elif kind == "normal":  # R's AIC counts the variance, statsmodels' does not
        assert ours.aic == pytest.approx(sm.OLS(y, sm.add_constant(x)).fit().aic + 2, rel=1e-10)


def test_thresholds_count_among_the_weights():
    x, y = sample("ordinal")
    theirs = OrderedModel(y, x, distr="logit").fit(method="bfgs", disp=False)
    assert fit("ordinal", x, y).statistics.freedom == theirs.df_resid


@kinds
def test_only_errors_that_are_not_of_an_exponential_family_have_no_deviance(kind):
    found = fit(kind, *sample(kind)).statistics
    assert (found.deviance is None) == (kind in ("laplace", "quantile", "huber", "student_t"))


def test_the_choices_of_covariance_are_the_estimators():
    assert TABLE["covariance"].facts.choices == tuple(ESTIMATORS)


@pytest.mark.parametrize("covariance", ["hc0", "hc1", "cluster"])
@pytest.mark.parametrize("kind", ["normal", "bernoulli", "poisson"])
def test_sandwich_errors_are_those_of_statsmodels(kind, covariance):
    x, y = sample(kind)
    groups = draw().integers(0, 20, len(y))
    family = {
        "normal": sm.families.Gaussian(),
        "bernoulli": sm.families.Binomial(),
        "poisson": sm.families.Poisson(),
    }[kind]
    keywords = {"groups": groups} if covariance == "cluster" else None
    theirs = sm.GLM(y, sm.add_constant(x), family).fit(
        tol=1e-14, cov_type=covariance.upper() if keywords is None else covariance,
        cov_kwds=keywords,
    )  # fmt: skip
    options = {"cluster": groups} if covariance == "cluster" else {"covariance": covariance}
    ours = fit(kind, x, y, **options).coefficients
    left = len(y) / (len(y) - 4) if covariance == "hc1" else 1.0  # statsmodels' GLM leaves it out
    np.testing.assert_allclose(ours.error, theirs.bse * left**0.5, rtol=1e-8)


def test_r_squared_is_that_of_statsmodels():
    x, y = sample("normal")
    theirs, ours = sm.OLS(y, sm.add_constant(x)).fit(), fit("normal", x, y)
    assert ours.statistics.r2 == pytest.approx(theirs.rsquared, rel=1e-12)
    assert ours.statistics.adjusted_r2 == pytest.approx(theirs.rsquared_adj, rel=1e-12)
    words = str(ours.summary()).split()
    assert words[words.index("adjusted") + 2] == f"{theirs.rsquared_adj:.4f}"
    assert "McFadden" not in str(ours.summary())


@pytest.mark.parametrize("kind", ["bernoulli", "poisson"])
def test_quasi_errors_are_those_of_statsmodels(kind):
    x, y = sample(kind)
    family = sm.families.Binomial() if kind == "bernoulli" else sm.families.Poisson()
    theirs = sm.GLM(y, sm.add_constant(x), family).fit(tol=1e-14, scale="X2", use_t=True)
    ours = fit(kind, x, y, covariance="quasi").coefficients
    np.testing.assert_allclose(ours.error, theirs.bse, rtol=1e-8)
    np.testing.assert_allclose(ours.p, theirs.pvalues, rtol=1e-6)  # of tails as small as 1e-90
    with pytest.raises(FitError, match="quasi is for likelihoods whose mean fixes their variance"):
        fit("gamma", *sample("gamma"), covariance="quasi")


def test_the_sandwich_of_a_link_that_is_not_canonical_has_the_observed_hessian():
    x, y = sample("gamma")
    result = fit("gamma", x, y, covariance="hc0")
    z, mean = sm.add_constant(x), result.training.predicted
    bread = np.linalg.inv(z.T @ (z * (y / mean)[:, None]))
    scores = z * (1 - y / mean)[:, None]
    expected = np.sqrt(np.diag(bread @ (scores.T @ scores) @ bread))
    np.testing.assert_allclose(result.coefficients.error, expected, rtol=1e-8)


@kinds
def test_a_weight_of_two_is_two_rows(kind):
    if kind == "binomial":
        pytest.skip("its weights are trials")
    x, y = sample(kind, count=120)
    weight = draw().integers(0, 4, 120)
    repeated = np.repeat(np.arange(120), weight)
    weighted = fit(kind, x, y, sample_weight=weight, base=0 if kind == "categorical" else None)
    twice = fit(kind, x[repeated], y[repeated], base=0 if kind == "categorical" else None)
    np.testing.assert_allclose(
        weighted.coefficients.estimate, twice.coefficients.estimate, rtol=1e-6, atol=1e-9
    )
    np.testing.assert_allclose(weighted.coefficients.error, twice.coefficients.error, rtol=1e-6)
    assert weighted.loss == pytest.approx(twice.loss, rel=1e-9)
    assert weighted.statistics.rows == len(repeated)


def test_a_weight_of_two_is_two_rows_in_the_sandwich_too():
    x, y = sample("poisson", count=120)
    weight = draw().integers(0, 4, 120)
    repeated = np.repeat(np.arange(120), weight)
    weighted = fit("poisson", x, y, sample_weight=weight, covariance="hc1")
    twice = fit("poisson", x[repeated], y[repeated], covariance="hc1")
    np.testing.assert_allclose(weighted.coefficients.error, twice.coefficients.error, rtol=1e-8)


def test_precision_weights_are_those_of_weighted_least_squares():
    x, y = sample("normal")
    weight = draw().uniform(0.5, 2, len(y))
    theirs = sm.WLS(y, sm.add_constant(x), weights=weight).fit()
    ours = fit("normal", x, y, sample_weight=weight, weight_kind="precision")
    np.testing.assert_allclose(ours.coefficients.error, theirs.bse, rtol=1e-10)
    assert ours.statistics.log_likelihood == pytest.approx(theirs.llf, rel=1e-10)


@pytest.mark.parametrize("kind", ["normal", "poisson", "bernoulli", "gamma", "negative_binomial"])
def test_an_offset_is_a_feature_whose_weight_is_one(kind):
    x, y = sample(kind)
    offset = 0.3 * draw(9).standard_normal(len(y))
    given = fit(kind, x, y, offset=offset)
    free = fit(kind, np.c_[x, offset], y, offset=None)
    moved = fit(kind, np.c_[x, offset], y, offset=offset)
    # With the column too, its weight is one less, and nothing else changes.
    last = 4
    assert moved.coefficients.estimate[last] == pytest.approx(
        free.coefficients.estimate[last] - 1, rel=1e-7, abs=1e-9
    )
    assert moved.loss == pytest.approx(free.loss, rel=1e-11)
    assert given.loss > free.loss


def test_exposure_is_an_offset_of_its_logarithm():
    x, y = sample("poisson")
    exposure = draw(8).uniform(0.5, 3, len(y))
    one = fit("poisson", x, y, exposure=exposure)
    other = fit("poisson", x, y, offset=np.log(exposure))
    np.testing.assert_array_equal(one.coefficients.estimate, other.coefficients.estimate)
    theirs = sm.GLM(y, sm.add_constant(x), sm.families.Poisson(), exposure=exposure).fit(tol=1e-14)
    np.testing.assert_allclose(one.coefficients.error, theirs.bse, rtol=1e-8)


@kinds
def test_the_units_of_the_columns_do_not_matter(kind):
    x, y = sample(kind, count=150)
    plain = fit(kind, x, y)
    moved = fit(kind, x * [1e-8, 1e3, 1e8] + [1e-8, 1e5, 0], y)
    unit = np.array([1e-8, 1e3, 1e8])
    np.testing.assert_allclose(moved.weights * unit, plain.weights, rtol=2e-5, atol=1e-8)
    assert moved.loss == pytest.approx(plain.loss, rel=1e-9)


@kinds
def test_the_row_losses_add_up_to_the_reported_one(kind):
    x, y = sample(kind)
    result = fit(kind, x, y, validation=0.2)
    assert result.training.loss.mean() == pytest.approx(result.loss, rel=1e-10)
    assert result.validation.loss.mean() == pytest.approx(result.validation_loss, rel=1e-10)
    assert result.loss < result.null_loss
    assert np.isfinite(result.coefficients.error).all()


@smooth
def test_the_gradient_and_the_hessian_are_derivatives_of_the_loss(kind):
    x, y = sample(kind, count=40)
    classes = len(np.unique(y)) if KINDS[kind].target != "numbers" else 0
    response = KINDS[kind].response(classes, 0, Options())
    batch = Batch(Dense(torch.from_numpy(x)), response.encode_target(torch.from_numpy(y)))
    problem = Objective(response, Once(batch), float(len(y)))
    width = response.outputs * 4
    at = torch.from_numpy(draw(5).standard_normal(problem.size)) * 0.3
    at[width:] = at[width:].sort().values + torch.arange(problem.size - width)
    value, step = problem.value(at), 1e-6
    for j in range(problem.size):
        ends = [problem.value(at.index_add(0, torch.tensor([j]), torch.tensor([h]).double()))
                for h in (step, -step)]  # fmt: skip
        slope = (ends[0].loss - ends[1].loss) / (2 * step)
        assert value.gradient[j] == pytest.approx(slope, rel=1e-5, abs=1e-8)
        curved = (ends[0].gradient - ends[1].gradient) / (2 * step)
        torch.testing.assert_close(value.hessian[j], curved, rtol=1e-4, atol=1e-7)


class Once:
    """A source of one batch."""

    def __init__(self, batch):
        self.batch, self.rows = batch, len(batch.y)
        self.features = batch.columns.dense().shape[1] - 1

    def __iter__(self):
        yield self.batch


def test_labels_kept_as_codes_are_the_same_as_columns_of_zeros_and_ones():
    random = draw()
    x = torch.from_numpy(random.standard_normal((50, 2)))
    labels = [Labels(torch.from_numpy(random.integers(0, k, 50)), k) for k in (3, 4)]
    mixed = Mixed(x, labels)
    dense = Dense(mixed.dense()[:, :-1])
    weights = torch.from_numpy(random.standard_normal((8, 2)))
    slopes, curvature = torch.from_numpy(random.standard_normal((50, 2))), torch.rand(50).double()
    torch.testing.assert_close(mixed.matmul(weights), dense.matmul(weights))
    torch.testing.assert_close(mixed.transpose_matmul(slopes), dense.transpose_matmul(slopes))
    torch.testing.assert_close(mixed.gram(curvature), dense.gram(curvature))


def test_a_table_of_labels_gives_the_same_fit_as_its_dummies():
    x, y = sample("poisson")
    names = draw().choice(["a", "b", "c"], len(y))
    frame = pl.DataFrame({"x": x[:, 0], "name": names, "y": y})
    dummies = np.c_[x[:, 0], names == "b", names == "c"]
    ours = neglog.fit(frame, target="y", likelihood="poisson").coefficients
    plain = fit("poisson", dummies, y).coefficients
    np.testing.assert_allclose(ours.estimate, plain.estimate, rtol=1e-10)
    np.testing.assert_allclose(ours.error, plain.error, rtol=1e-10)


def test_a_table_of_nothing_but_labels_has_the_means_of_its_cells():
    random = draw()
    frame = pl.DataFrame({"a": random.choice(["u", "v"], 90), "y": random.standard_normal(90)})
    result = neglog.fit(frame, target="y", likelihood="normal")
    means = frame.group_by("a").agg(pl.col("y").mean()).sort("a")["y"].to_numpy()
    np.testing.assert_allclose(result.intercepts, means[0], rtol=1e-12)
    np.testing.assert_allclose(result.weights[0], means[1] - means[0], rtol=1e-12)


def test_many_rows_start_from_some_of_them_and_end_at_the_same_optimum():
    x, y = sample("bernoulli", count=120_000)
    result = fit("bernoulli", x, y)
    assert result.count <= 8
    theirs = sm.Logit(y, sm.add_constant(x)).fit(disp=0, method="newton", tol=1e-14)
    np.testing.assert_allclose(result.coefficients.estimate, theirs.params, rtol=1e-9)
    np.testing.assert_allclose(result.coefficients.error, theirs.bse, rtol=1e-7)


def test_the_base_can_be_chosen_and_moves_no_prediction():
    x, y = sample("categorical")
    one, other = fit("categorical", x, y, base=0), fit("categorical", x, y, base=2)
    np.testing.assert_allclose(one.training.probabilities, other.training.probabilities, rtol=1e-10)
    names = {output for output, _ in other.coefficients.names}
    assert names == {"0", "1", "3"}
    difference = one.coefficients.estimate[4:8]  # class 2 against 0
    np.testing.assert_allclose(other.coefficients.estimate[:4], -difference, rtol=1e-8)


SEPARATED = {
    "bernoulli": lambda y, d: np.where(d, 1, y),
    "categorical": lambda y, d: np.where(d, 2, y),
    "ordinal": lambda y, d: np.where(d, 3, y),
    "poisson": lambda y, d: np.where(d, 0, y),
    "negative_binomial": lambda y, d: np.where(d, 0, y),
}


@pytest.mark.parametrize("kind", SEPARATED)
def test_separation_is_found_and_its_column_named(kind):
    x, y = sample(kind)
    dummy = draw(1).random(len(y)) < 0.15
    result = fit(kind, np.c_[x, dummy], SEPARATED[kind](y, dummy))
    assert not result.converged
    assert "at infinity: the rows are separated in part by 'x4' alone" in result.outcome
    assert np.isnan(result.coefficients.error).all()


@pytest.mark.parametrize("kind", SEPARATED)
def test_one_row_on_the_other_side_keeps_the_maximum_finite(kind):
    x, y = sample(kind)
    dummy = draw(1).random(len(y)) < 0.15
    held = SEPARATED[kind](y, dummy)
    stray = {"bernoulli": 0, "categorical": [0, 1, 3], "ordinal": 0}.get(kind, 1)
    rows = np.flatnonzero(dummy)[: np.size(stray)]
    held[rows] = stray
    result = fit(kind, np.c_[x, dummy], held)
    assert result.converged
    assert np.isfinite(result.coefficients.error).all()


def test_separation_by_two_columns_names_both():
    x = draw().uniform(-1, 1, (200, 3))
    result = fit("bernoulli", x, (x[:, 0] + x[:, 2] > 0).astype(int))
    assert "completely separated by 'x3', 'x1'" in result.outcome or (
        "completely separated by 'x1', 'x3'" in result.outcome
    )


def test_firths_correction_has_a_maximum_where_the_likelihood_has_none():
    x = np.array([[0.0], [0.0], [1.0], [1.0], [1.0], [0.0]])
    y = np.array([0, 0, 1, 1, 1, 1])
    result = fit("bernoulli", x, y, firth=True)
    # Of a table of two by two, Firth's weights are those with half a row more in each cell.
    assert result.converged
    assert result.intercepts[0] == pytest.approx(math.log(1.5 / 2.5), rel=1e-8)
    assert result.weights[0, 0] == pytest.approx(math.log(3.5 / 0.5 / (1.5 / 2.5)), rel=1e-8)


@pytest.mark.parametrize("kind", ["bernoulli", "categorical", "normal"])
def test_ridge_is_scikit_learns_on_columns_of_unit_spread(kind):
    x, y = sample(kind)
    z, amount = (x - x.mean(0)) / x.std(0), 0.02
    ours = fit(kind, x, y, l2=amount)
    if kind == "normal":
        theirs = linear_model.Ridge(alpha=amount * len(y)).fit(z, y)
    else:
        theirs = linear_model.LogisticRegression(
            C=1 / (amount * len(y)), tol=1e-12, solver="newton-cholesky", max_iter=500
        ).fit(z, y)
    np.testing.assert_allclose(
        ours.weights * x.std(0), np.atleast_2d(theirs.coef_), rtol=1e-7, atol=1e-10
    )
    assert np.isnan(ours.coefficients.error).all()


@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("kind", ["bernoulli", "normal", "gamma", "negative_binomial"])
def test_a_penalty_is_no_part_of_the_likelihood(kind, penalty):
    x, y = sample(kind)
    found = fit(kind, x, y, **{penalty: 0.3})
    # The last step, of a decrement of 1e-18, moves the weights by 1e-9; the penalty was 1e-2.
    same = functools.partial(pytest.approx, rel=1e-8)
    assert found.loss == same(found.training.loss.mean())
    assert found.statistics.log_likelihood == same(-found.training.loss.sum())
    if kind == "normal":
        squares = np.sum((y - found.training.predicted) ** 2)
        assert found.statistics.deviance == same(squares)
        assert found.fitted.dispersion == same(math.sqrt(squares / len(y)))


def test_the_lasso_is_scikit_learns_and_sets_weights_to_zero():
    x, y = sample("normal")
    amount = 0.1  # in units of the target's deviation
    ours = fit("normal", x, y, l1=amount)
    z = (x - x.mean(0)) / x.std(0)
    theirs = linear_model.Lasso(alpha=amount * y.std(), tol=1e-12).fit(z, y)
    np.testing.assert_allclose(ours.weights[0] * x.std(0), theirs.coef_, rtol=1e-8, atol=1e-12)
    assert (ours.weights == 0).sum() == (theirs.coef_ == 0).sum() > 0


def test_quantiles_leave_that_fraction_of_the_rows_below():
    x, y = sample("laplace", count=400)
    for level in (0.1, 0.5, 0.8):
        result = fit("quantile", x, y, quantile=level)
        below = (result.training.truth < result.training.predicted - 1e-12).mean()
        assert abs(below - level) <= 4 / 400  # as many rows as weights lie on the plane
    theirs = linear_model.QuantileRegressor(quantile=0.8, alpha=0).fit(x, y)
    np.testing.assert_allclose(result.weights[0], theirs.coef_, rtol=1e-6)


def test_hubers_optimum_is_not_moved_by_an_outlier():
    x, y = sample("normal")
    y[0] = 300
    robust, squares = fit("huber", x, y), fit("normal", x, y)
    assert abs(robust.weights[0, 0] - 0.6) < 0.2 < abs(squares.weights[0, 0] - 0.6)


REFUSED = {
    "counts below 0": ("poisson", [1, -1, 0], {}, "must hold a count of at least 0"),
    "not positive": ("gamma", [1.0, 0.0, 2.0], {}, "must hold a number above 0"),
    "no variance": ("negative_binomial", [0, 1, 2], {"firth": True}, "firth is for two classes"),
    "l1 of classes": ("categorical", [0, 1, 2], {"l1": 0.1}, "l1 is not for several classes"),
    "l1 of kinks": ("laplace", [0, 1, 2], {"l2": 0.1}, "losses without kinks"),
    "both": ("bernoulli", [0, 1, 1], {"l1": 1, "firth": True}, "a penalty of its own"),
    "negative": ("normal", [0, 1, 2], {"l2": -1}, "l2 must be a number of 0 or more"),
    "sgd": ("normal", [0, 1, 2], {"l2": 1, "optimizer": "sgd"}, "weight_decay"),
    "offset of classes": ("categorical", [0, 1, 2], {"offset": "e"}, "one linear predictor"),
    "base": ("categorical", [0, 1, 2], {"base": 7}, "unknown reference class 7"),
    "base of numbers": ("normal", [0, 1, 2], {"base": 7}, "base is for classes, but the target"),
    "cluster": ("normal", [0, 1, 2], {"covariance": "cluster"}, "go together"),
    "covariance": ("normal", [0, 1, 2], {"covariance": "hc3"}, "covariance must be fisher or"),
    "weights": ("normal", [0, 1, 2], {"sample_weight": "minus"}, "sample weight 'minus' must hold"),
    "no weight": ("normal", [0, 1, 2], {"sample_weight": "none"}, "'none' are all 0"),
    "exposure": ("poisson", [0, 1, 2], {"exposure": "none"}, "finite numbers above 0"),
    "text": ("normal", [0, 1, 2], {"offset": "text"}, "offset 'text' must hold numbers"),
    "level": ("normal", [0, 1, 2], {"level": 95}, "level must lie between 0 and 1"),
    "quantile": ("quantile", [0, 1, 2], {"quantile": 1}, "quantile must lie between 0 and 1"),
    "delta": ("huber", [0, 1, 2], {"delta": 0}, "delta must be a number above 0"),
    "kind": ("normal", [0, 1, 2], {"weight_kind": "x"}, "frequency or precision"),
    "network": ("huber", [0, 1, 2], {"hidden": (2,)}, "which newton finds"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_fitted_gets_a_sentence(case):
    kind, y, options, words = REFUSED[case]
    y = np.resize(np.asarray(y), 30)
    frame = pl.DataFrame({"x": draw().standard_normal(30), "y": y, "minus": -np.arange(30.0)})
    frame = frame.with_columns(e=pl.lit(1.0), none=pl.lit(0.0), text=pl.lit("t"))
    used = {"x", "y", *(v for v in options.values() if isinstance(v, str))} & set(frame.columns)
    with pytest.raises(FitError, match=words):
        neglog.fit(frame[sorted(used)], target="y", likelihood=kind, **options)


@pytest.mark.slow
def test_absent_overdispersion_is_reported():
    x = draw().standard_normal((400, 2))
    y = draw(4).binomial(4, 0.5, 400)  # varies less than its mean
    result = fit("negative_binomial", x, y)
    assert not result.converged
    assert "use --likelihood poisson" in result.outcome or "pass --likelihood poisson" in (
        result.outcome
    )


def test_the_summary_says_what_was_fitted_and_escapes_names():
    x, y = sample("poisson")
    frame = pl.DataFrame({"<b>x": x[:, 0], "y": y})
    summary = neglog.fit(frame, target="y", likelihood="poisson", covariance="hc1").summary()
    text, page = str(summary), summary._repr_html_()
    for words in ("poisson likelihood, log link", "sandwich HC1", "deviance", "P>|z|", "<b>x"):
        assert words in text
    assert "<b>" not in page
    assert "&lt;b&gt;x" in page


class Quadratic:
    """A mean loss whose minimum one step of Newton's method reaches."""

    hessian = torch.tensor([[4.0, 1.0], [1.0, 3.0]], dtype=torch.float64)
    slope = torch.tensor([1.0, -2.0], dtype=torch.float64)

    def value(self, weights, needs_hessian=True):
        gradient = self.hessian @ weights + self.slope
        loss = float(weights @ (gradient + self.slope)) / 2
        return Value(loss, gradient, self.hessian if needs_hessian else None)

    def gather(self, own):
        return [own]


def test_the_decrement_is_what_the_next_step_saves():
    start = torch.tensor([5.0, -1.0], dtype=torch.float64)
    first, second, *_ = newton.steps(Quadratic(), start, torch.arange(2))
    saved = first.value.loss - second.value.loss
    assert saved > 1
    assert first.decrement == pytest.approx(saved, rel=1e-12)
