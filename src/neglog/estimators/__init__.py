"""Linear models of a likelihood as scikit-learn's estimators."""

from neglog.estimators.classifier import NLLClassifier
from neglog.estimators.regressor import NLLRegressor

__all__ = ["NLLClassifier", "NLLRegressor"]
