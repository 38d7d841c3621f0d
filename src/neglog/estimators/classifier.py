"""A linear classifier by maximum likelihood: logistic, softmax or ordinal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from neglog.errors.options import FitOptionError
from neglog.errors.tables import ConstantTargetError
from neglog.estimators.base import (
    CLUSTER,
    OFFSET,
    TARGET,
    WEIGHT,
    LinearEstimator,
    documented,
    listed_names,
)
from neglog.fitting.design.estimator_frames import check_labels, classes, labels_of
from neglog.fitting.likelihoods.registry import KINDS, of_classes

_AUTO, _RANKED = "auto", tuple(name for name, kind in KINDS.items() if kind.ranked)


@documented
@dataclass(eq=False, repr=False)
class NLLClassifier(ClassifierMixin, LinearEstimator):
    """A linear classifier by maximum likelihood: logistic, softmax or ordinal.

    If the classes are separated, so that no finite weights are the maximum, a `ConvergenceWarning`
    names the columns; ``firth=True`` or `l2` give finite weights.

    Args:
        likelihood: ``"auto"``, which is ``"bernoulli"`` for two classes and ``"categorical"`` for
            more, or ``"ordinal"`` for ordered classes: numbers, an ordered category dtype, or
            `levels`; text without an order is refused.
        max_iter: the maximum number of Newton steps.
        levels: the classes in order, such as ``["low", "high"]``; or, as in `neglog.fit`, the
            levels of columns by name, ``"y"`` being the target.

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

    likelihood: str = "auto"
    _: KW_ONLY
    firth: bool = False
    levels: Mapping[str, Sequence[Any]] | Sequence[Any] | None = None

    def __sklearn_tags__(self) -> Any:
        """Declare that an ordinal model does not suit classes without an order."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = self.likelihood in _RANKED
        return tags

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None, cluster: Any = None
    ) -> NLLClassifier:
        """Fit the model.

        Args:
            X: (N, P) numbers, any frame or array that scikit-learn accepts; or a frame with
                categorical columns (text and category dtypes).
            y: (N,) the labels.
            sample_weight: (N,) sample weights.
            offset: (N,) values to add to the log-odds of two classes.
            cluster: (N,) the clusters of dependent rows, for clustered standard errors.

        Raises:
            FitError: the rows cannot be fitted; the message names the reason.
        """
        names = (_AUTO, *_RANKED)
        if self.likelihood not in names:
            raise FitOptionError(
                f"NLLClassifier has no likelihood {self.likelihood!r}; choose {' or '.join(names)}."
            )
        given = y
        if self.levels is None and TARGET not in listed_names(self.as_labels):
            check_labels(TARGET, y)
        y = labels_of(TARGET, y)
        roles = {WEIGHT: sample_weight, OFFSET: offset, CLUSTER: cluster}
        X, y, given_roles = self._rows(X, y, roles)
        check_classification_targets(y)
        order = self.levels.get(TARGET) if isinstance(self.levels, Mapping) else self.levels
        ranked = self.likelihood in _RANKED
        self.classes_ = classes(TARGET, given, y, order, ranked)
        sorter = np.argsort(self.classes_)
        codes = sorter[np.searchsorted(self.classes_, y, sorter=sorter)]
        count = len(self.classes_)
        if count < 2:
            raise ConstantTargetError(
                f"NLLClassifier requires two classes or more, but y holds one class, {y[0]}."
            )
        kind = of_classes(count) if self.likelihood == _AUTO else self.likelihood
        result = self._solve(X, codes, given_roles, kind)
        self.coef_, self.intercept_ = result.weights, result.intercepts
        return self

    def decision_function(self, X: Any, offset: Any = None) -> np.ndarray:
        """Return (N,) log-odds of the second of two classes, or (N, K) logits of the classes."""
        if self.likelihood in _RANKED:
            log_p = self.predict_log_proba(X, offset)
            return log_p if len(self.classes_) > 2 else log_p[:, 1] - log_p[:, 0]
        return self._predictor(X, offset)

    def predict_log_proba(self, X: Any, offset: Any = None) -> np.ndarray:
        """Return (N, K) the logarithms of the classes' probabilities."""
        output = self._predictor(X, offset)
        if self.likelihood in _RANKED:
            return self._between(torch.from_numpy(output)[:, None]).log().numpy()
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

    def _between(self, output: torch.Tensor) -> torch.Tensor:
        """Return the probabilities of falling between one threshold and the next."""
        assert self.result_.coefficients is not None
        cuts = self.result_.coefficients.estimate[-(len(self.classes_) - 1) :]
        return self.result_.fitted.response.probabilities(output, torch.from_numpy(cuts))
