"""A linear regression by maximum likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import RegressorMixin

from neglog.errors import NeglogError
from neglog.errors.declaring import UnknownLikelihoodError
from neglog.estimators.base import CLUSTER, OFFSET, TARGET, WEIGHT, LinearEstimator, documented
from neglog.fitting.design.estimator_frames import numbers_of
from neglog.fitting.likelihoods.links import LINKS
from neglog.fitting.likelihoods.own import find, reference
from neglog.fitting.likelihoods.registry import KINDS
from neglog.fitting.options.fit_options import Options


@documented
@dataclass(eq=False, repr=False)
class NLLRegressor(RegressorMixin, LinearEstimator):
    """A linear regression by maximum likelihood, without a penalty by default.

    Args:
        likelihood: ``"normal"``, ``"laplace"``, ``"quantile"``, ``"huber"``, ``"poisson"``,
            ``"negative_binomial"``, ``"gamma"``, ``"binomial"`` of proportions whose
            `sample_weight` is the number of trials, or one that you declare, as in `neglog.fit`.
        max_iter: the maximum number of Newton steps.

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

    likelihood: str | type = "normal"
    _: KW_ONLY
    quantile: float = 0.5
    delta: float = 1.345
    settings: Mapping[str, Any] | None = None
    levels: Mapping[str, Sequence[Any]] | None = None

    def __sklearn_tags__(self) -> Any:
        """Declare that some likelihoods require positive targets."""
        tags = super().__sklearn_tags__()
        try:
            kind = find(self._reference())
        except NeglogError:
            kind = None  # fit says why
        tags.target_tags.positive_only = kind is not None and not kind.support.contains(-1.0)
        return tags

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None, cluster: Any = None
    ) -> NLLRegressor:
        """Fit the model.

        Args:
            X: (N, P) numbers, any frame or array that scikit-learn accepts; or a frame with
                categorical columns (text and category dtypes).
            y: (N,) the target.
            sample_weight: (N,) sample weights.
            offset: (N,) values to add to the linear predictor.
            cluster: (N,) the clusters of dependent rows, for clustered standard errors.

        Raises:
            FitError: the rows cannot be fitted; the message names the reason.
        """
        likelihood = self._reference()
        y, notes = numbers_of(TARGET, y, Options(**self._table_options()).reading)
        roles = {WEIGHT: sample_weight, OFFSET: offset, CLUSTER: cluster}
        X, y, given = self._rows(X, y, roles, y_numeric=True)
        result = self._solve(X, np.asarray(y, dtype=np.float64), given, likelihood)
        result.notes[:0] = notes
        assert result.weights is not None and result.intercepts is not None
        self.coef_, self.intercept_ = result.weights[0], float(result.intercepts[0])
        return self

    def _reference(self) -> str:
        """Return the name of the likelihood, or where it is declared."""
        given = reference(self.likelihood)
        is_known = isinstance(given, str) and (given in KINDS or ":" in given)
        if is_known and find(given).target == "numbers":
            return str(given)
        names = [name for name, kind in KINDS.items() if kind.target == "numbers"]
        raise UnknownLikelihoodError(
            f"NLLRegressor has no likelihood {self.likelihood!r}; choose one of "
            f"{', '.join(names)}, or pass module:Name or file.py:Name for one of your own."
        )

    def predict(self, X: Any, offset: Any = None) -> np.ndarray:
        """Return (N,) predicted means, medians or quantiles of the target."""
        output = self._predictor(X, offset)
        link = LINKS[self.result_.fitted.response.link]
        return link.mean(torch.from_numpy(output)).numpy()
