"""Losses of classes that weigh an observation by the probability that the model gives to it."""

from __future__ import annotations

from neglog.likelihood import Elementwise, Rows
from neglog.primitives.reference import (
    absolute,
    at_least,
    exp,
    expm1,
    log,
    log1p,
    power,
    sigmoid,
    softplus,
    where,
)
from neglog.support import binary, classes, ends_of_unit_interval


class Focal(Rows):
    """One of K classes; rows that are nearly certain of it count less: the focal loss.

    Model: as `Categorical`, the logarithm of each p_k weighted by (1 − p_k)^gamma. At gamma 0 it
    is `Categorical`.

    Source: T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár, Focal loss for dense object
    detection, ICCV 2017.
    """

    inputs = ("logits",)
    settings = ("gamma",)
    support = classes
    softmax = True
    normalised = False

    @staticmethod
    def nll(log_p, gamma, y):
        return where(y == 0.0, 0.0, -y * power(-expm1(log_p), gamma) * log_p)

    @staticmethod
    def grad(log_p, gamma, y):
        p, rest = exp(log_p), -expm1(log_p)
        ratio = where(log_p == 0.0, 1.0, -log_p / rest)  # 1 or more
        steepness = where(p == 0.0, 0.0, p * ratio)
        return where(y == 0.0, 0.0, -y * power(rest, gamma) * (1.0 + gamma * steepness))

    @staticmethod
    def curvature(log_p, gamma, y):
        p, rest = exp(log_p), -expm1(log_p)
        ratio = where(log_p == 0.0, 1.0, -log_p / rest)
        steepness = where(p == 0.0, 0.0, p * (2.0 + log_p + (gamma - 1.0) * p * ratio))
        slope = where(gamma == 0.0, 0.0, gamma * power(rest, gamma - 1.0) * steepness)
        return where(y == 0.0, 0.0, y * slope)

    @staticmethod
    def grad_target(log_p, gamma, y):
        return -power(-expm1(log_p), gamma) * log_p

    @staticmethod
    def constant(gamma, y):
        return 0.0


class Poly(Rows):
    """One of K classes; cross-entropy whose first polynomial term is changed: Poly-1.

    Model: as `Categorical`, with epsilon · (1 − p_k) added to each −ln p_k.

    Source: Z. Leng, M. Tan, C. Liu, E. D. Cubuk, X. Shi, S. Cheng, D. Anguelov, PolyLoss, ICLR
    2022.
    """

    inputs = ("logits",)
    settings = ("epsilon",)
    support = classes
    softmax = True
    normalised = False

    @staticmethod
    def nll(log_p, epsilon, y):
        return where(y == 0.0, 0.0, -y * (log_p + epsilon * expm1(log_p)))

    @staticmethod
    def grad(log_p, epsilon, y):
        return -y * (1.0 + epsilon * exp(log_p))

    @staticmethod
    def curvature(log_p, epsilon, y):
        return -y * (epsilon * exp(log_p))

    @staticmethod
    def grad_target(log_p, epsilon, y):
        return -(log_p + epsilon * expm1(log_p))

    @staticmethod
    def constant(epsilon, y):
        return 0.0


class GeneralizedCrossEntropy(Rows):
    """One of K classes, some labels wrong: a loss between cross-entropy and absolute errors.

    Model: (1 − p_k^q) / q instead of the −ln p_k of `Categorical`, which is its limit at q = 0;
    at q = 1 it is the absolute error 1 − p_k. q is above 0.

    Source: Z. Zhang, M. R. Sabuncu, Generalized cross entropy loss for training deep neural
    networks with noisy labels, NeurIPS 2018.
    """

    inputs = ("logits",)
    settings = ("q",)
    support = classes
    softmax = True
    normalised = False

    @staticmethod
    def nll(log_p, q, y):
        return -y * (expm1(q * log_p) / q)

    @staticmethod
    def grad(log_p, q, y):
        return -y * exp(q * log_p)

    @staticmethod
    def curvature(log_p, q, y):
        return -y * (q * exp(q * log_p))

    @staticmethod
    def grad_target(log_p, q, y):
        return -expm1(q * log_p) / q

    @staticmethod
    def constant(q, y):
        return 0.0


class SigmoidFocal(Elementwise):
    """A binary target; elements that are nearly certain of it count less: the binary focal loss.

    Model: as `Bernoulli`, the logarithm of the target's probability p weighted by (1 − p)^gamma,
    and by alpha for a 1 and 1 − alpha for a 0; an alpha below 0 weighs both by 1. For a target
    between 0 and 1, p is y · σ + (1 − y) · (1 − σ), and alpha is mixed likewise.

    Source: T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár, Focal loss for dense object
    detection, ICCV 2017.
    """

    inputs = ("logit",)
    settings = ("alpha", "gamma")
    support = binary
    normalised = False

    @staticmethod
    def nll(logit, alpha, gamma, y):
        mismatch = where(logit > 0.0, 1.0 - y, y)
        slope = where(mismatch == 0.0, 0.0, absolute(logit) * mismatch)
        entropy = slope + softplus(-absolute(logit))
        rest = sigmoid(logit) * (1.0 - y) + sigmoid(-logit) * y  # 1 − p
        share = where(alpha < 0.0, 1.0, alpha * y + (1.0 - alpha) * (1.0 - y))
        return share * power(rest, gamma) * entropy

    @staticmethod
    def grad(logit, alpha, gamma, y):
        above, below = sigmoid(logit), sigmoid(-logit)
        mismatch = where(logit > 0.0, 1.0 - y, y)
        slope = where(mismatch == 0.0, 0.0, absolute(logit) * mismatch)
        entropy = slope + softplus(-absolute(logit))
        rest = above * (1.0 - y) + below * y
        share = where(alpha < 0.0, 1.0, alpha * y + (1.0 - alpha) * (1.0 - y))
        # The derivative of ln(1 − p), without 0 / 0 where a sigmoid is 0.
        inner = (1.0 - 2.0 * y) * above * below / where(rest == 0.0, 1.0, rest)
        rate = where(y == 0.0, below, where(y == 1.0, -above, inner))
        pull = where(rate == 0.0, 0.0, gamma * rate * entropy)
        score = where(y == 0.0, above, where(y == 1.0, -below, above * (1.0 - y) - below * y))
        return share * power(rest, gamma) * (pull + score)

    @staticmethod
    def curvature(logit, alpha, gamma, y):
        above, below = sigmoid(logit), sigmoid(-logit)
        mismatch = where(logit > 0.0, 1.0 - y, y)
        slope = where(mismatch == 0.0, 0.0, absolute(logit) * mismatch)
        entropy = slope + softplus(-absolute(logit))
        rest = above * (1.0 - y) + below * y
        share = where(alpha < 0.0, 1.0, alpha * y + (1.0 - alpha) * (1.0 - y))
        inner = (1.0 - 2.0 * y) * above * below / where(rest == 0.0, 1.0, rest)
        rate = where(y == 0.0, below, where(y == 1.0, -above, inner))
        pull = where(rate == 0.0, 0.0, rate * entropy)
        score = where(y == 0.0, above, where(y == 1.0, -below, above * (1.0 - y) - below * y))
        bend = ((gamma - 1.0) * rate + (below - above)) * pull + 2.0 * rate * score
        return share * power(rest, gamma) * (gamma * bend + above * below)

    @staticmethod
    def grad_target(logit, alpha, gamma, y):
        # All multiples of |logit| first: their sum is not a difference of infinities.
        above, below, tail = sigmoid(logit), sigmoid(-logit), softplus(-absolute(logit))
        mismatch = where(logit > 0.0, 1.0 - y, y)
        rest = above * (1.0 - y) + below * y
        weight = power(rest, gamma)
        share = where(alpha < 0.0, 1.0, alpha * y + (1.0 - alpha) * (1.0 - y))
        change = where(alpha < 0.0, 0.0, 2.0 * alpha - 1.0)
        pull = share * gamma * (below - above)
        whole = where(rest == 0.0, 1.0, rest)
        side = where(logit > 0.0, share, -share)
        slope = absolute(logit) * (mismatch * (change + pull / whole) - side)
        near = change * tail + pull * where(rest == 0.0, 1.0, tail / whole)
        return where(weight == 0.0, 0.0, weight * (slope + near))

    @staticmethod
    def constant(alpha, gamma, y):
        return 0.0


class Asymmetric(Elementwise):
    """One of several labels that is there or, mostly, is not: the asymmetric loss.

    Model: as `Bernoulli`; the logarithm of p = σ(logit) is weighted by (1 − p)^gamma_pos for a 1,
    that of 1 − q by q^gamma_neg for a 0, where q = p − clip, and 0 below that: negatives of a small
    probability do not contribute.

    Source: T. Ridnik, E. Ben-Baruch, N. Zamir, A. Noy, I. Friedman, M. Protter, L. Zelnik-Manor,
    Asymmetric loss for multi-label classification, ICCV 2021.
    """

    inputs = ("logit",)
    settings = ("gamma_neg", "gamma_pos", "clip")
    support = ends_of_unit_interval
    normalised = False

    @staticmethod
    def nll(logit, gamma_neg, gamma_pos, clip, y):
        odds = exp(-absolute(logit))
        near, far = 1.0 / (1.0 + odds), odds / (1.0 + odds)  # the larger of p and 1 − p
        p, rest = where(logit > 0.0, near, far), where(logit > 0.0, far, near)
        shifted, tail = at_least(p - clip, 0.0), log1p(odds)
        # −ln of p, for a 0 of 1 − p + clip.
        clipped = where(shifted < 0.5, -log1p(-shifted), -log(rest + clip))
        entropy = at_least(where(y == 0.0, logit, -logit), 0.0) + tail
        entropy = where((y == 0.0) & (clip != 0.0), clipped, entropy)
        base, gamma = where(y == 0.0, shifted, rest), where(y == 0.0, gamma_neg, gamma_pos)
        return where(base == 0.0, 0.0, power(base, gamma) * entropy)

    @staticmethod
    def grad(logit, gamma_neg, gamma_pos, clip, y):
        odds = exp(-absolute(logit))
        near, far = 1.0 / (1.0 + odds), odds / (1.0 + odds)
        p, rest = where(logit > 0.0, near, far), where(logit > 0.0, far, near)
        shifted, tail = at_least(p - clip, 0.0), log1p(odds)
        clipped = where(shifted < 0.5, -log1p(-shifted), -log(rest + clip))
        entropy = at_least(where(y == 0.0, logit, -logit), 0.0) + tail
        entropy = where((y == 0.0) & (clip != 0.0), clipped, entropy)
        base, gamma = where(y == 0.0, shifted, rest), where(y == 0.0, gamma_neg, gamma_pos)
        weight = power(base, gamma)
        positive = -(where(p == 0.0, 0.0, gamma_pos * p * entropy) + rest)
        push = where(rest == 0.0, 0.0, gamma_neg * rest * entropy)
        share = where(clip == 0.0, 1.0, rest / (rest + clip))
        negative = p * (push / where(base == 0.0, 1.0, base) + share)
        slope = where(base == 0.0, 0.0, negative)
        return weight * where(y == 0.0, slope, positive)

    @staticmethod
    def curvature(logit, gamma_neg, gamma_pos, clip, y):
        p, rest = sigmoid(logit), sigmoid(-logit)
        tail = where(p == 0.0, 0.0, p * softplus(-logit))
        pull = gamma_pos * tail * (gamma_pos * p - rest) + p * rest * (2.0 * gamma_pos + 1.0)
        positive = power(rest, gamma_pos) * pull
        shifted = at_least(p - clip, 0.0)
        far = where(clip == 0.0, softplus(logit), -log(rest + clip))
        entropy = where(shifted < 0.5, -log1p(-shifted), far)
        above = where(shifted == 0.0, 1.0, shifted)
        odds = where(clip == 0.0, 1.0, rest / (rest + clip))
        push = where(rest == 0.0, 0.0, rest * entropy / above)
        bend = gamma_neg * ((gamma_neg - 1.0) * rest * push + 2.0 * rest * odds) / above
        lack = where(clip == 0.0, 0.0, clip / (rest + clip))  # 1 − odds, which cancels
        change = (rest - p) * (gamma_neg * push) + p * bend + odds * (rest - p * lack)
        negative = where(shifted == 0.0, 0.0, p * power(shifted, gamma_neg) * change)
        return where(y == 0.0, negative, positive)

    @staticmethod
    def grad_target(logit, gamma_neg, gamma_pos, clip, y):
        # The loss of a 1 less that of a 0.
        p, rest = sigmoid(logit), sigmoid(-logit)
        shifted = at_least(p - clip, 0.0)
        far = where(clip == 0.0, softplus(logit), -log(rest + clip))
        entropy = where(shifted < 0.5, -log1p(-shifted), far)
        positive = where(rest == 0.0, 0.0, power(rest, gamma_pos) * softplus(-logit))
        return positive - where(shifted == 0.0, 0.0, power(shifted, gamma_neg) * entropy)

    @staticmethod
    def constant(gamma_neg, gamma_pos, clip, y):
        return 0.0
