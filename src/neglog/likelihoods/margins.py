"""Hinge losses of pairs: no likelihoods, but losses of one element all the same."""

from __future__ import annotations

from neglog.likelihood import Elementwise
from neglog.primitives.reference import at_least, where
from neglog.support import signs


class HingeEmbedding(Elementwise):
    """Distances of similar (+1) and dissimilar (−1) pairs: a hinge loss.

    Model: the distance of a similar pair, and max(0, margin − distance) of a dissimilar one. It is
    a score in the unit of the distance, not a likelihood.

    Source: R. Hadsell, S. Chopra, Y. LeCun, Dimensionality reduction by learning an invariant
    mapping, CVPR 2006.
    """

    inputs = ("distance",)
    settings = ("margin",)
    support = signs
    normalised = False
    smooth = False

    @staticmethod
    def nll(distance, margin, y):
        near = where(y == -1.0, 0.0, distance)
        return near + where(y == 1.0, 0.0, at_least(margin - distance, 0.0))

    @staticmethod
    def grad(distance, margin, y):
        closer = (y != 1.0) & (distance <= margin)
        return where(y == -1.0, 0.0, 1.0) - where(closer, 1.0, 0.0)

    @staticmethod
    def curvature(distance, margin, y):
        return 0.0

    @staticmethod
    def grad_target(distance, margin, y):
        return 0.0


class MarginRanking(Elementwise):
    """Which of two scores should be higher, the first (+1) or the second (−1): a hinge loss.

    Model: max(0, margin − y · (first − second)). It is a score in the unit of the scores, not a
    likelihood.

    Source: R. Herbrich, T. Graepel, K. Obermayer, Large margin rank boundaries for ordinal
    regression, 2000.
    """

    inputs = ("first", "second")
    settings = ("margin",)
    support = signs
    normalised = False
    smooth = False

    @staticmethod
    def nll(first, second, margin, y):
        return at_least(margin - y * (first - second), 0.0)

    @staticmethod
    def grad(first, second, margin, y):
        slope = where(y * (first - second) <= margin, y, 0.0)
        return -slope, slope

    @staticmethod
    def curvature(first, second, margin, y):
        return 0.0, 0.0, 0.0

    @staticmethod
    def grad_target(first, second, margin, y):
        return where(y * (first - second) <= margin, second - first, 0.0)
