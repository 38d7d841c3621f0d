"""neglog's estimators: all of scikit-learn's own checks, and that they are `neglog.fit`."""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

import neglog
from neglog.errors import FitError

OWN = Path(__file__).parent / "own" / "my_losses.py"


def refused(estimator):
    """Name the checks whose classes are text, which an ordinal model takes with an order only."""
    return {"check_classifiers_classes": "text"} if estimator.likelihood == "ordinal" else {}


@parametrize_with_checks(
    [
        neglog.NLLClassifier(l2=0.01),
        neglog.NLLRegressor(),
        neglog.NLLRegressor("laplace"),
        neglog.NLLRegressor("poisson"),
    ],
    expected_failed_checks=refused,
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@parametrize_with_checks(
    [
        neglog.NLLClassifier(),
        neglog.NLLClassifier("ordinal", l2=0.01),
        neglog.NLLRegressor("huber"),
        neglog.NLLRegressor("gamma"),
    ],
    expected_failed_checks=refused,
)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_scikit_learns_checks_of_slower_models(estimator, check):
    check(estimator)


def wine():
    x, y = datasets.load_wine(return_X_y=True, as_frame=True)
    return x.iloc[:, :3], np.array(["one", "two", "three"])[y]


def test_a_classifier_is_neglogs_fit():
    x, y = wine()
    model, plain = neglog.NLLClassifier().fit(x, y), neglog.fit(x, y)
    np.testing.assert_allclose(model.coef_, plain.weights, rtol=1e-9)
    np.testing.assert_allclose(model.predict_proba(x), plain.training.probabilities, rtol=1e-8)
    assert list(model.classes_) == plain.classes == ["one", "three", "two"]
    assert list(model.feature_names_in_) == list(x.columns)
    assert set(model.predict(x)) <= {"one", "two", "three"}


def test_an_ordinal_classifier_has_the_probabilities_of_its_fit():
    x, y = datasets.load_diabetes(return_X_y=True, scaled=True)
    y = np.digitize(y, [100, 200])
    model = neglog.NLLClassifier("ordinal").fit(x, y)
    np.testing.assert_allclose(
        model.predict_proba(x), model.result_.training.probabilities, atol=1e-12
    )


@pytest.mark.parametrize("kind", ["normal", "poisson", "huber"])
def test_a_regressor_is_neglogs_fit(kind):
    x, y = datasets.load_diabetes(return_X_y=True)
    model, plain = neglog.NLLRegressor(kind).fit(x, y), neglog.fit(x, y, likelihood=kind)
    np.testing.assert_allclose(model.coef_, plain.weights[0], rtol=1e-9)
    np.testing.assert_allclose(model.predict(x), plain.training.predicted, rtol=1e-9)
    assert "std error" in str(model.result_.summary())


@pytest.mark.parametrize("frame", [pd.DataFrame, lambda x: pl.DataFrame(x)])
def test_frames_are_taken_with_their_names(frame):
    x, y = wine()
    table = frame({name: x[name].to_numpy() for name in x})
    model = neglog.NLLClassifier().fit(table, y)
    assert list(model.feature_names_in_) == list(x.columns)
    np.testing.assert_array_equal(model.predict(table), neglog.NLLClassifier().fit(x, y).predict(x))


def test_pipelines_grid_searches_and_pickles():
    x, y = wine()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), neglog.NLLClassifier()),
        {"nllclassifier__l2": [0.001, 0.1]},
        scoring="neg_log_loss",
        cv=3,
    ).fit(x, y)
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(again.predict_proba(x), search.predict_proba(x))


def test_separation_warns_and_names_the_column():
    x, y = datasets.load_iris(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="at infinity: the rows are completely separated"):
        model = neglog.NLLClassifier().fit(x, y == 0)
    assert (model.predict(x) == (y == 0)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        neglog.NLLClassifier(firth=True).fit(x, y == 0)


def test_an_offset_moves_the_predictions():
    x, y = datasets.load_diabetes(return_X_y=True)
    offset = np.log(1 + np.arange(len(y)) % 3)
    model = neglog.NLLRegressor("poisson").fit(x, y, offset=offset)
    moved = model.predict(x, offset=offset + 1.0)
    np.testing.assert_allclose(moved, np.e * model.predict(x, offset=offset), rtol=1e-12)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: neglog.NLLRegressor("bernoulli"), "NLLRegressor has no likelihood 'bernoulli'"),
        (lambda: neglog.NLLRegressor("nope"), "no likelihood 'nope'; choose one of binomial, norm"),
        (lambda: neglog.NLLRegressor(None), "NLLRegressor has no likelihood None; choose one of"),
        (lambda: neglog.NLLRegressor(["poisson"]), r"NLLRegressor has no likelihood \['poisson'\]"),
        (lambda: neglog.NLLClassifier("normal"), "choose auto or ordinal"),
    ],
)
def test_a_wrong_likelihood_gets_a_sentence(model, words):
    with pytest.raises(FitError, match=words):
        model().fit([[0.0], [1.0], [2.0]], [0, 1, 1])


@pytest.mark.parametrize(
    ("likelihood", "positive"),
    [
        ("normal", False),
        ("Negative-Binomial", True),
        (neglog.likelihoods.Poisson, True),
        (f"{OWN}:InverseGaussian", True),
        (f"{OWN}:Logistic", False),
        (None, False),
    ],
)
@pytest.mark.usefixtures("own_likelihoods")
def test_the_tags_state_whether_targets_are_positive(likelihood, positive):
    tags = get_tags(neglog.NLLRegressor(likelihood))
    assert tags.target_tags.positive_only is positive


def gaps():
    random = np.random.default_rng(0)
    x = pd.DataFrame({"a": random.normal(size=40), "b": random.normal(size=40)})
    y = random.normal(size=40) + x["a"]
    x.loc[3, "a"], x.loc[5, "b"] = -9, np.nan
    return x, y


def test_missing_values_of_frames_are_those_of_the_fit():
    x, y = gaps()
    model = neglog.NLLRegressor(na=-9, missing="mean", level=0.9).fit(x, y)
    plain = neglog.fit(x, y.to_numpy(), likelihood="normal", na=-9, missing="mean", level=0.9)
    filled = x.replace(-9, np.nan).fillna(x.replace(-9, np.nan).mean())
    np.testing.assert_allclose(model.coef_, neglog.NLLRegressor().fit(filled, y).coef_, rtol=1e-9)
    np.testing.assert_array_equal(model.coef_, plain.weights[0])
    np.testing.assert_allclose(model.predict(x), plain.predict(x).frame["predicted"], rtol=1e-12)
    errors = model.result_.coefficients.frame()
    assert list(errors["low"]) == list(plain.coefficients.frame()["low"])

    dropped = neglog.NLLRegressor(na=-9, missing="drop").fit(x, y)
    rows = x.index.difference([3, 5])
    alone = neglog.NLLRegressor().fit(x.loc[rows], y.loc[rows])
    np.testing.assert_allclose(dropped.coef_, alone.coef_, rtol=1e-9)
    classifier = neglog.NLLClassifier(na=-9, missing="mean").fit(x, y > 0)
    again = neglog.NLLClassifier().fit(filled, y > 0)
    np.testing.assert_allclose(classifier.predict_proba(x), again.predict_proba(filled), rtol=1e-8)


def test_missing_values_that_cannot_be_used_get_a_sentence():
    x, y = gaps()
    dropped = neglog.NLLRegressor(na=-9, missing="drop").fit(x, y)
    with pytest.raises(FitError, match=r"2 values are missing, .*; fill them in"):
        dropped.predict(x)
    with pytest.raises(FitError, match=r"2 values are missing, .*missing='drop'"):
        neglog.NLLRegressor(na=-9).fit(x, y)
    with pytest.raises(FitError, match="na and missing require a data frame, but X is an array"):
        neglog.NLLRegressor(missing="mean").fit(x.to_numpy(), y)


@pytest.mark.parametrize("labels", [False, True])
def test_clusters_are_those_of_the_fit(labels):
    x, y = wine()
    x = x.assign(kind=np.where(x.iloc[:, 0] > 13, "a", "b")) if labels else x
    groups = np.array(["p", "q", "r", "s", "t"])[np.arange(len(y)) % 5]
    weight = 1.0 + (np.arange(len(y)) % 3)
    weight[:7] = 0
    model = neglog.NLLClassifier().fit(x, y == "one", weight, cluster=groups)
    used = weight > 0
    plain = neglog.fit(
        x[used], (y == "one")[used], sample_weight=weight[used], cluster=groups[used]
    )
    np.testing.assert_allclose(
        model.result_.coefficients.error, plain.coefficients.error, rtol=1e-9
    )
    assert model.result_.options.covariance == "cluster"
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        neglog.NLLRegressor().fit(x.iloc[:, :2], weight, cluster=groups[:5])
