"""Likelihoods of binary targets."""

from __future__ import annotations

from neglog import distributions
from neglog.likelihood import Elementwise
from neglog.primitives.reference import (
    absolute,
    at_least,
    centred_sigmoid,
    exp,
    log,
    log1p,
    sigmoid,
    softplus,
    where,
)
from neglog.support import binary, ends_of_unit_interval, signs, unit_interval


class Bernoulli(Elementwise):
    """A binary target; the model outputs the log-odds: binary cross-entropy with logits.

    Model: y ~ Bernoulli(σ(logit)), σ the sigmoid. A target between 0 and 1 is the probability
    of class 1. Prefer it to `BernoulliProbability`: a confidently wrong logit keeps its gradient.

    Source: D. R. Cox, The regression analysis of binary sequences, JRSS B 20, 1958.
    """

    inputs = ("logit",)
    support = binary
    well_conditioned = ends_of_unit_interval
    link = "logit"

    @staticmethod
    def distribution(logit):
        return distributions.Bernoulli(logits=logit)

    @staticmethod
    def nll(logit, y):
        # softplus(logit) − y·logit cancels; the part of y that the logit's sign denies does not.
        mismatch = where(logit > 0.0, 1.0 - y, y)
        slope = where(mismatch == 0.0, 0.0, absolute(logit) * mismatch)  # ∞ · 0 is 0 here
        return slope + softplus(-absolute(logit))

    @staticmethod
    def grad(logit, y):
        # σ − y, by way of ½ where they nearly cancel there, else of the smaller of σ and 1 − σ.
        tail = sigmoid(-absolute(logit))
        far = where(logit > 0.0, (1.0 - y) - tail, tail - y)
        return where(absolute(logit) < 1.0, (0.5 - y) + centred_sigmoid(logit), far)

    @staticmethod
    def well_conditioned_nll(logit, y):
        return softplus((1.0 - 2.0 * y) * logit)

    @staticmethod
    def well_conditioned_grad(logit, y):
        sign = 1.0 - 2.0 * y
        return sign * sigmoid(sign * logit)

    @staticmethod
    def curvature(logit, y):
        odds = exp(-absolute(logit))
        return odds / ((1.0 + odds) * (1.0 + odds))

    @staticmethod
    def grad_target(logit, y):
        return -logit

    @staticmethod
    def constant(y):
        return 0.0


class WeightedBernoulli(Elementwise):
    """`Bernoulli` with the weight `positive_weight` for positive targets.

    Model: the likelihood σ^(positive_weight · y) · (1 − σ)^(1 − y), which repeats
    positive rows. It is torch's ``pos_weight``.

    Source: G. King, L. Zeng, Logistic regression in rare events data, Political Analysis 9, 2001.
    """

    inputs = ("logit",)
    given = ("positive_weight",)
    support = binary
    well_conditioned = ends_of_unit_interval
    normalised = False

    @staticmethod
    def distribution(logit, positive_weight):
        return distributions.Bernoulli(logits=logit)

    @staticmethod
    def nll(logit, positive_weight, y):
        mismatch = where(logit > 0.0, 1.0 - y, positive_weight * y)
        slope = where(mismatch == 0.0, 0.0, absolute(logit) * mismatch)
        return slope + (positive_weight * y + (1.0 - y)) * softplus(-absolute(logit))

    @staticmethod
    def grad(logit, positive_weight, y):
        tail = sigmoid(-absolute(logit))
        positive = where(logit > 0.0, tail, 1.0 - tail)  # 1 − σ
        negative = where(logit > 0.0, 1.0 - tail, tail)  # σ
        return (1.0 - y) * negative - positive_weight * y * positive

    @staticmethod
    def well_conditioned_nll(logit, positive_weight, y):
        return where(y == 0.0, 1.0, positive_weight) * softplus((1.0 - 2.0 * y) * logit)

    @staticmethod
    def well_conditioned_grad(logit, positive_weight, y):
        sign = 1.0 - 2.0 * y
        return sign * where(y == 0.0, 1.0, positive_weight) * sigmoid(sign * logit)

    @staticmethod
    def curvature(logit, positive_weight, y):
        odds = exp(-absolute(logit))
        return (positive_weight * y + (1.0 - y)) * odds / ((1.0 + odds) * (1.0 + odds))

    @staticmethod
    def grad_target(logit, positive_weight, y):
        return positive_weight * softplus(-logit) - softplus(logit)

    @staticmethod
    def constant(y):
        return 0.0


class SmoothedBernoulli(Elementwise):
    """`Bernoulli` with targets that are moved towards ½: label smoothing.

    Model: as there, with the target (1 − smoothing) · y + ½ · smoothing.

    Source: C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna, Rethinking the inception
    architecture for computer vision, CVPR 2016.
    """

    inputs = ("logit",)
    settings = ("smoothing",)
    support = binary
    normalised = False

    @staticmethod
    def nll(logit, smoothing, y):
        negative = (1.0 - smoothing) * (1.0 - y) + 0.5 * smoothing
        positive = (1.0 - smoothing) * y + 0.5 * smoothing
        mismatch = where(logit > 0.0, negative, positive)
        slope = where(mismatch == 0.0, 0.0, absolute(logit) * mismatch)
        return slope + softplus(-absolute(logit))

    @staticmethod
    def grad(logit, smoothing, y):
        negative = (1.0 - smoothing) * (1.0 - y) + 0.5 * smoothing
        positive = (1.0 - smoothing) * y + 0.5 * smoothing
        tail = sigmoid(-absolute(logit))
        return where(logit > 0.0, negative - tail, tail - positive)


class SmoothedWeightedBernoulli(Elementwise):
    """`WeightedBernoulli` with targets that are moved towards ½, as in `SmoothedBernoulli`.

    Model: as there, with the target (1 − smoothing) · y + ½ · smoothing.

    Source: as `WeightedBernoulli` and `SmoothedBernoulli`.
    """

    inputs = ("logit",)
    given = ("positive_weight",)
    settings = ("smoothing",)
    support = binary
    normalised = False

    @staticmethod
    def nll(logit, positive_weight, smoothing, y):
        negative = (1.0 - smoothing) * (1.0 - y) + 0.5 * smoothing
        positive = positive_weight * ((1.0 - smoothing) * y + 0.5 * smoothing)
        mismatch = where(logit > 0.0, negative, positive)
        slope = where(mismatch == 0.0, 0.0, absolute(logit) * mismatch)
        return slope + (positive + negative) * softplus(-absolute(logit))

    @staticmethod
    def grad(logit, positive_weight, smoothing, y):
        negative = (1.0 - smoothing) * (1.0 - y) + 0.5 * smoothing
        positive = positive_weight * ((1.0 - smoothing) * y + 0.5 * smoothing)
        return negative * sigmoid(logit) - positive * sigmoid(-logit)

    @staticmethod
    def curvature(logit, positive_weight, smoothing, y):
        negative = (1.0 - smoothing) * (1.0 - y) + 0.5 * smoothing
        positive = positive_weight * ((1.0 - smoothing) * y + 0.5 * smoothing)
        odds = exp(-absolute(logit))
        return (positive + negative) * odds / ((1.0 + odds) * (1.0 + odds))

    @staticmethod
    def grad_target(logit, positive_weight, smoothing, y):
        return (1.0 - smoothing) * (positive_weight * softplus(-logit) - softplus(logit))

    @staticmethod
    def constant(smoothing, y):
        return 0.0


class BernoulliProbability(Elementwise):
    """A binary target; the model outputs the probability of class 1: binary cross-entropy.

    Model: y ~ Bernoulli(probability). As in torch, a logarithm is never less than −100 nats and
    the gradient's denominator never less than 10⁻¹², so that a probability of exactly 0 or 1
    stays finite; a sigmoid that has saturated has lost the digits that `Bernoulli` keeps.

    Source: I. J. Good, Rational decisions, JRSS B 14, 1952.
    """

    inputs = ("probability",)
    domains = (unit_interval,)
    support = binary
    well_conditioned = ends_of_unit_interval

    @staticmethod
    def distribution(probability):
        return distributions.Bernoulli(probs=probability)

    @staticmethod
    def nll(probability, y):
        positive = at_least(log(probability), -100.0)
        negative = at_least(log1p(-probability), -100.0)
        return -(y * positive) - (1.0 - y) * negative

    @staticmethod
    def grad(probability, y):
        variance = at_least(probability * (1.0 - probability), 1e-12)
        return (probability - y) / variance

    @staticmethod
    def well_conditioned_nll(probability, y):
        log_likelihood = where(y == 0.0, log1p(-probability), log(probability))
        return -at_least(log_likelihood, -100.0)

    @staticmethod
    def curvature(probability, y):
        positive = at_least(probability * probability, 1e-24)
        negative = at_least((1.0 - probability) * (1.0 - probability), 1e-24)
        return y / positive + (1.0 - y) / negative

    @staticmethod
    def grad_target(probability, y):
        positive = at_least(log(probability), -100.0)
        negative = at_least(log1p(-probability), -100.0)
        return negative - positive

    @staticmethod
    def constant(y):
        return 0.0

    @staticmethod
    def information(probability):
        return 1.0 / at_least(probability * (1.0 - probability), 1e-12)


class SignedBernoulli(Elementwise):
    """`Bernoulli` with the labels −1 and +1: the logistic loss of margins, `SoftMarginLoss`.

    Model: y ~ Bernoulli(σ(logit)), +1 for class 1 and −1 for class 0.

    Source: J. Friedman, T. Hastie, R. Tibshirani, Additive logistic regression, Annals of
    Statistics 28, 2000.
    """

    inputs = ("logit",)
    support = signs
    well_conditioned = signs

    @staticmethod
    def distribution(logit):
        return distributions.SignedBernoulli(logit)

    @staticmethod
    def nll(logit, y):
        return softplus(-y * logit)

    @staticmethod
    def curvature(logit, y):
        odds = exp(-absolute(y * logit))
        return y * y * odds / ((1.0 + odds) * (1.0 + odds))

    @staticmethod
    def constant(y):
        return 0.0

    @staticmethod
    def information(logit):
        return sigmoid(logit) * sigmoid(-logit)
