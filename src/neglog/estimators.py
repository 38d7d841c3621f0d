"""Linear models of a likelihood as scikit-learn's estimators."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from neglog.errors import FitError
from neglog.fitting.design.estimator_frames import (
    at,
    check_labels,
    classes,
    encoded,
    labels_of,
    numbers_of,
    with_labels,
)
from neglog.fitting.likelihoods.links import LINKS
from neglog.fitting.options.fit_options import Options
from neglog.fitting.result import FitResult
from neglog.fitting.running.progress import Listener
from neglog.fitting.solvers.solve import fit_table
from neglog.fitting.tables.in_memory import with_column
from neglog.fitting.tables.reading import Reading
from neglog.fitting.tables.table import Table

_KINDS_OF_NUMBERS = (
    "normal", "laplace", "quantile", "huber", "poisson", "negative_binomial", "gamma", "binomial",
)  # fmt: skip
_TARGET, _WEIGHT, _OFFSET = "y", "sample_weight", "offset"


class _Linear(BaseEstimator):
    """The base of both estimators: validation, the fit, linear predictors."""

    def _solve(
        self, X: Any, y: Any, sample_weight: Any, offset: Any, likelihood: str, **options: Any
    ) -> FitResult:
        """Fit validated rows, and warn if there is no maximum."""
        table = Table("X", pl.DataFrame(), X) if isinstance(X, np.ndarray) else X
        table = with_column(table, _TARGET, y)
        roles: dict[str, Any] = {}
        for name, values in ((_WEIGHT, sample_weight), (_OFFSET, offset)):
            if values is not None:
                table, roles[name] = with_column(table, name, values), name
        own = {} if isinstance(X, np.ndarray) else self._label_options()
        chosen = Options(likelihood=likelihood, epochs=self.max_iter, **own, **roles, **options)
        result = FitResult.of(fit_table(table, _TARGET, chosen, Listener()))
        if not result.converged:
            text = " ".join([result.outcome, *result.notes])
            warnings.warn(text, ConvergenceWarning, stacklevel=3)
        self.result_ = result
        self.n_iter_ = max(1, result.count)
        return result

    def _rows(
        self, X: Any, y: Any, sample_weight: Any, offset: Any, **checks: Any
    ) -> tuple[np.ndarray | Table, np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Return validated rows, without ignored ones, and their weights and offsets.

        A frame with columns of labels stays a table, and anything else is an array.
        """
        table = with_labels(X, Options(**self._label_options()))
        if table is None:
            self._refuse_labels(X)
            X, y = validate_data(
                self, X, y, dtype=[np.float64, np.float32], ensure_min_samples=2, **checks
            )
        else:
            validate_data(self, X, skip_check_array=True)
            X, y = table.frame.to_numpy(), column_or_1d(y)
            check_consistent_length(X, y)
        offset = None if offset is None else _checked(offset, len(X))
        if sample_weight is None:
            return X if table is None else table, y, None, offset
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        used = weight > 0
        if used.all():
            return X if table is None else table, y, weight, offset
        rows = X[used] if table is None else at(table, used)
        return rows, y[used], weight[used], None if offset is None else offset[used]

    def _label_options(self) -> dict[str, Any]:
        """Return the options of categorical and date columns of X."""
        own = self.levels if isinstance(self.levels, Mapping) else {}
        return {
            "levels": {name: labels for name, labels in own.items() if name != _TARGET},
            "dates": {} if self.dates is None else self.dates,
            "as_labels": [name for name in _listed(self.as_labels) if name != _TARGET],
            "thousands": self.thousands,
            "decimal": self.decimal,
        }

    def _refuse_labels(self, X: Any) -> None:
        """Refuse these options for an array, whose columns have no names."""
        options = Options(**self._label_options())
        if named := options.texts | {*options.date_parts}:
            raise FitError(
                f"levels, as_labels and dates name columns ({', '.join(sorted(named))}), but X has "
                "no column names; pass a data frame."
            )

    def _predictor(self, X: Any, offset: Any) -> np.ndarray:
        """Return (N,) or (N, K) linear predictors."""
        check_is_fitted(self)
        design = self.result_.design
        if design.labels or design.written or design.dates:
            validate_data(self, X, skip_check_array=True, reset=False)
            X = encoded(X, design)
        else:
            X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        output = X @ np.atleast_2d(self.coef_).T + self.intercept_
        if offset is not None:
            output = output + _checked(offset, len(output))[:, None]
        return np.asarray(output[:, 0] if output.shape[1] == 1 else output)


def _listed(names: str | Sequence[str]) -> Sequence[str]:
    return [names] if isinstance(names, str) else names


def _checked(offset: Any, rows: int) -> np.ndarray:
    """Return an offset of one finite number per row."""
    given = np.asarray(offset, dtype=np.float64)
    if given.shape != (rows,) or not np.isfinite(given).all():
        raise FitError(
            f"offset must hold {rows} finite numbers, one for each row of X, but its shape is "
            f"{given.shape}, with {given.size - np.isfinite(given).sum()} that are not finite."
        )
    return given


class NLLRegressor(RegressorMixin, _Linear):
    """A linear regression by maximum likelihood, without a penalty by default.

    Args:
        likelihood: ``"normal"``, ``"laplace"``, ``"quantile"``, ``"huber"``, ``"poisson"``,
            ``"negative_binomial"``, ``"gamma"``, or ``"binomial"`` of proportions whose
            `sample_weight` is the number of trials.
        l2, l1: penalty strengths, as in `neglog.fit`.
        quantile, delta: as in `neglog.fit`.
        weight_kind: ``"frequency"`` or ``"precision"``, as in `neglog.fit`.
        covariance: the covariance estimator; None for the default of `neglog.fit`.
        max_iter: the maximum number of Newton steps.
        levels: the order of the levels of categorical columns, as in `neglog.fit`.
        as_labels: numeric columns to treat as categorical, as in `neglog.fit`.
        dates: the features to derive from date columns, as in `neglog.fit`.
        thousands, decimal: the marks in numbers that are text, as in `neglog.fit`.

    Attributes:
        coef_: (P,) the weights, in the order of ``result_.features``.
        intercept_: the intercept.
        n_iter_: the number of steps.
        n_features_in_, feature_names_in_: the columns.
        result_: the result of `neglog.fit`; its `summary()` has the standard errors.

    Source: P. McCullagh, J. A. Nelder, Generalized linear models, 2nd edition, 1989.

    Example:
        >>> import numpy as np
        >>> x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [1, 2, 4, 8]
        >>> model = NLLRegressor("poisson").fit(x, y)
        >>> model.predict([[4.0]]).round(2), model.result_.coefficients.error.shape
        (array([16.]), (2,))
    """

    def __init__(
        self,
        likelihood: str = "normal",
        *,
        l2: float = 0.0,
        l1: float = 0.0,
        quantile: float = 0.5,
        delta: float = 1.345,
        weight_kind: str = "frequency",
        covariance: str | None = None,
        max_iter: int = 100,
        levels: Any = None,
        as_labels: str | Sequence[str] = (),
        dates: Any = None,
        thousands: str | None = None,
        decimal: str | None = None,
    ) -> None:
        self.likelihood = likelihood
        self.l2 = l2
        self.l1 = l1
        self.quantile = quantile
        self.delta = delta
        self.weight_kind = weight_kind
        self.covariance = covariance
        self.max_iter = max_iter
        self.levels = levels
        self.as_labels = as_labels
        self.dates = dates
        self.thousands = thousands
        self.decimal = decimal

    def __sklearn_tags__(self) -> Any:
        """Declare that some likelihoods require positive targets."""
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.likelihood in {
            "poisson", "negative_binomial", "gamma",
        }  # fmt: skip
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> NLLRegressor:
        """Fit the model.

        Args:
            X: (N, P) numbers, any frame or array that scikit-learn accepts; or a frame with
                categorical columns (text and category dtypes).
            y: (N,) the target.
            sample_weight: (N,) sample weights.
            offset: (N,) values to add to the linear predictor.

        Raises:
            FitError: the rows cannot be fitted; the message names the reason.
        """
        if self.likelihood not in _KINDS_OF_NUMBERS:
            raise FitError(
                f"NLLRegressor has no likelihood {self.likelihood!r}; choose one of "
                f"{', '.join(_KINDS_OF_NUMBERS)}."
            )
        y, notes = numbers_of(_TARGET, y, Reading(thousands=self.thousands, decimal=self.decimal))
        X, y, weight, offset = self._rows(X, y, sample_weight, offset, y_numeric=True)
        result = self._solve(
            X, np.asarray(y, dtype=np.float64), weight, offset, self.likelihood, l2=self.l2,
            l1=self.l1, quantile=self.quantile, delta=self.delta, weight_kind=self.weight_kind,
            covariance=self.covariance,
        )  # fmt: skip
        result.notes[:0] = notes
        assert result.weights is not None and result.intercepts is not None
        self.coef_, self.intercept_ = result.weights[0], float(result.intercepts[0])
        return self

    def predict(self, X: Any, offset: Any = None) -> np.ndarray:
        """Return (N,) predicted means, medians or quantiles of the target."""
        output = self._predictor(X, offset)
        link = LINKS[self.result_.fitted.response.link]
        return link.mean(torch.from_numpy(output)).numpy()


class NLLClassifier(ClassifierMixin, _Linear):
    """A linear classifier by maximum likelihood: logistic, softmax or ordinal.

    If the classes are separated, so that no finite weights are the maximum, a `ConvergenceWarning`
    names the columns; ``firth=True`` or `l2` give finite weights.

    Args:
        likelihood: ``"auto"``, which is ``"bernoulli"`` for two classes and ``"categorical"`` for
            more, or ``"ordinal"`` for ordered classes: numbers, an ordered category dtype, or
            `levels`; text without an order is refused.
        l2, l1, firth: penalties, as in `neglog.fit`.
        weight_kind: ``"frequency"`` or ``"precision"``, as in `neglog.fit`.
        covariance: the covariance estimator; None for the default of `neglog.fit`.
        max_iter: the maximum number of Newton steps.
        levels: the classes in order, such as ``["low", "high"]``, or as in `neglog.fit` the
            levels of columns of labels, ``"y"`` being the target.
        as_labels: numeric columns to treat as categorical, as in `neglog.fit`.
        dates: the features to derive from date columns, as in `neglog.fit`.
        thousands, decimal: the marks in numbers that are text, as in `neglog.fit`.

    Attributes:
        classes_: (K,) the labels, sorted unless `levels` or y's category dtype declare an order.
        coef_: in the order of ``result_.features``: (1, P) for two classes and of ordinal, else
            (K, P), each column's summing to 0.
        intercept_: (1,) or (K,); ordinal 0.
        n_iter_: the number of steps.
        n_features_in_, feature_names_in_: the columns.
        result_: the result of `neglog.fit`; its `summary()` has the standard errors.

    Source: P. McCullagh, J. A. Nelder, Generalized linear models, 2nd edition, 1989.

    Example:
        >>> import numpy as np
        >>> x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), ["no", "yes", "no", "yes"]
        >>> model = NLLClassifier().fit(x, y)
        >>> model.predict_proba([[1.5]]).round(2)
        array([[0.5, 0.5]])
    """

    def __init__(
        self,
        likelihood: str = "auto",
        *,
        l2: float = 0.0,
        l1: float = 0.0,
        firth: bool = False,
        weight_kind: str = "frequency",
        covariance: str | None = None,
        max_iter: int = 100,
        levels: Any = None,
        as_labels: str | Sequence[str] = (),
        dates: Any = None,
        thousands: str | None = None,
        decimal: str | None = None,
    ) -> None:
        self.likelihood = likelihood
        self.l2 = l2
        self.l1 = l1
        self.firth = firth
        self.weight_kind = weight_kind
        self.covariance = covariance
        self.max_iter = max_iter
        self.levels = levels
        self.as_labels = as_labels
        self.dates = dates
        self.thousands = thousands
        self.decimal = decimal

    def __sklearn_tags__(self) -> Any:
        """Declare that an ordinal model does not suit classes without an order."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = self.likelihood == "ordinal"
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> NLLClassifier:
        """Fit the model.

        Args:
            X: (N, P) numbers, any frame or array that scikit-learn accepts; or a frame with
                categorical columns (text and category dtypes).
            y: (N,) the labels.
            sample_weight: (N,) sample weights.
            offset: (N,) values to add to the log-odds of two classes.

        Raises:
            FitError: the rows cannot be fitted; the message names the reason.
        """
        if self.likelihood not in ("auto", "ordinal"):
            raise FitError(
                f"NLLClassifier has no likelihood {self.likelihood!r}; choose auto or ordinal."
            )
        given = y
        if self.levels is None and _TARGET not in _listed(self.as_labels):
            check_labels(_TARGET, y)
        y = labels_of(_TARGET, y)
        X, y, weight, offset = self._rows(X, y, sample_weight, offset)
        check_classification_targets(y)
        order = self.levels.get(_TARGET) if isinstance(self.levels, Mapping) else self.levels
        ranked = self.likelihood == "ordinal"
        self.classes_ = classes(_TARGET, given, y, order, ranked)
        sorter = np.argsort(self.classes_)
        codes = sorter[np.searchsorted(self.classes_, y, sorter=sorter)]
        count = len(self.classes_)
        if count < 2:
            raise FitError(
                f"NLLClassifier requires two classes or more, but y holds one class, {y[0]}."
            )
        kind = "ordinal" if self.likelihood == "ordinal" else _OF_CLASSES[min(count, 3)]
        result = self._solve(
            X, codes, weight, offset, kind, l2=self.l2, l1=self.l1, firth=self.firth,
            weight_kind=self.weight_kind, covariance=self.covariance,
        )  # fmt: skip
        self.coef_, self.intercept_ = result.weights, result.intercepts
        return self

    def decision_function(self, X: Any, offset: Any = None) -> np.ndarray:
        """Return (N,) log-odds of the second of two classes, or (N, K) logits of the classes."""
        if self.likelihood == "ordinal":
            log_p = self.predict_log_proba(X, offset)
            return log_p if len(self.classes_) > 2 else log_p[:, 1] - log_p[:, 0]
        return self._predictor(X, offset)

    def predict_log_proba(self, X: Any, offset: Any = None) -> np.ndarray:
        """Return (N, K) the logarithms of the classes' probabilities."""
        output = self._predictor(X, offset)
        if self.likelihood == "ordinal":
            with np.errstate(divide="ignore"):
                return np.asarray(np.log(self._between(output)))
        if output.ndim == 1:
            return np.asarray(-np.logaddexp(0.0, np.stack([output, -output], 1)))
        shifted = output - output.max(1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))

    def predict_proba(self, X: Any, offset: Any = None) -> np.ndarray:
        """Return (N, K) the classes' probabilities, in the order of `classes_`."""
        return np.asarray(np.exp(self.predict_log_proba(X, offset)))

    def predict(self, X: Any, offset: Any = None) -> np.ndarray:
        """Return (N,) the most probable labels."""
        chosen = self.predict_log_proba(X, offset).argmax(1)
        return np.asarray(self.classes_[chosen])

    def _between(self, output: np.ndarray) -> np.ndarray:
        """Return the probabilities of falling between one threshold and the next."""
        assert self.result_.coefficients is not None
        cuts = self.result_.coefficients.estimate[-(len(self.classes_) - 1) :]
        below = 1 / (1 + np.exp(output[:, None] - cuts))
        return np.diff(below, axis=1, prepend=0.0, append=1.0)


_OF_CLASSES = {2: "bernoulli", 3: "categorical"}
