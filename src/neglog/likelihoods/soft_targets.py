"""Likelihoods of soft targets: the probability of a class."""

from __future__ import annotations

from neglog import distributions
from neglog.likelihood import Elementwise
from neglog.primitives.reference import exp, log, where
from neglog.support import anything, nonnegative


class RelativeEntropy(Elementwise):
    """A soft target and the log-probability of its class: Kullback–Leibler.

    Model: a class with the soft target y has the likelihood p^y, as in
    `Categorical`, here measured from its minimum, which is at p = y.

    Source: S. Kullback, R. A. Leibler, On information and sufficiency, Annals of Mathematical
    Statistics 22, 1951.
    """

    inputs = ("log_probability",)
    support = nonnegative
    normalised = False

    @staticmethod
    def distribution(log_probability):
        return distributions.Share(log_probability)

    @staticmethod
    def nll(log_probability, y):
        nothing = (y == 0.0) & (log_probability == log_probability)  # 0 · ln 0 is 0, but for NaN
        return where(nothing, 0.0, y * (log(y) - log_probability))

    @staticmethod
    def grad(log_probability, y):
        return -y

    @staticmethod
    def grad_target(log_probability, y):
        return log(y) - log_probability + 1.0

    @staticmethod
    def constant(y):
        return -where(y == 0.0, 0.0, y * log(y))


class RelativeEntropyOfLog(Elementwise):
    """`RelativeEntropy` of a soft target given as its logarithm.

    Model: as there, with the soft target exp(y).

    Source: as for `RelativeEntropy`.
    """

    inputs = ("log_probability",)
    support = anything
    normalised = False

    @staticmethod
    def distribution(log_probability):
        return distributions.LogShare(log_probability)

    @staticmethod
    def nll(log_probability, y):
        gap = y - log_probability
        nothing = (exp(y) == 0.0) & (log_probability == log_probability)
        return where(nothing | (gap == 0.0), 0.0, exp(y) * gap)

    @staticmethod
    def grad(log_probability, y):
        return -exp(y)

    @staticmethod
    def grad_target(log_probability, y):
        return where(exp(y) == 0.0, 0.0, exp(y) * (y - log_probability + 1.0))

    @staticmethod
    def constant(y):
        return -where(exp(y) == 0.0, 0.0, exp(y) * y)
