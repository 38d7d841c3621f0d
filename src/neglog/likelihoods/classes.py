"""Likelihoods of a target that is a class."""

from __future__ import annotations

from typing import ClassVar

from neglog import distributions
from neglog.likelihood import Rows
from neglog.primitives.reference import where
from neglog.support import classes


class Categorical(Rows):
    """One of K classes; the model outputs a row of logits: cross-entropy.

    Model: y ~ Categorical(softmax(logits)), whose likelihood is the product of p_k^(y_k) over the
    classes, y the one-hot row of the label. A target may also be a row of class probabilities.

    Source: J. S. Bridle, Probabilistic interpretation of feedforward classification network
    outputs, Neurocomputing, NATO ASI F68, 1990.
    """

    inputs = ("logits",)
    support = classes
    softmax = True
    link: ClassVar[str | None] = "logit"

    @staticmethod
    def distribution(logits):
        return distributions.Categorical(logits=logits)

    @staticmethod
    def nll(log_p, y):
        return where(y == 0.0, 0.0, -y * log_p)  # 0 · ln 0 is 0

    @staticmethod
    def grad(log_p, y):
        return -y

    @staticmethod
    def curvature(log_p, y):
        return 0.0

    @staticmethod
    def grad_target(log_p, y):
        return -log_p

    @staticmethod
    def constant(y):
        return 0.0


class CategoricalLogProbability(Categorical):
    """One of K classes; the model outputs a row of log-probabilities: `NLLLoss`.

    Model: y ~ Categorical(exp(log_probabilities)). The rows are not normalised again;
    `LogSoftmax` returns such rows.

    Source: as for `Categorical`.
    """

    inputs = ("log_probabilities",)
    softmax = False
    link = None
