"""A declaration for tests: several inputs, given tensors and settings, all in one formula."""

from __future__ import annotations

from neglog import distributions
from neglog.likelihood import Elementwise
from neglog.primitives.reference import log
from neglog.support import anything, nonnegative, real


class Several(Elementwise):
    """y ~ Normal(share · (slope · u + lift · v) + shift, variance · scale), of two regressors."""

    inputs, given = ("slope", "variance", "lift"), ("u", "v")
    settings, support = ("share", "shift", "scale"), real
    domains = (anything, nonnegative, anything)

    @staticmethod
    def distribution(slope, variance, lift, u, v, share, shift, scale):
        mean = share * (slope * u + lift * v) + shift
        return distributions.Normal(mean, (variance * scale) ** 0.5)

    @staticmethod
    def nll(slope, variance, lift, u, v, share, shift, scale, y):
        error = share * (slope * u + lift * v) + shift - y
        return 0.5 * log(variance) + 0.5 * error * error / (variance * scale)

    @staticmethod
    def grad(slope, variance, lift, u, v, share, shift, scale, y):
        error = share * (slope * u + lift * v) + shift - y
        each = error / (variance * scale)
        return share * u * each, (0.5 - 0.5 * error * each) / variance, share * v * each

    @staticmethod
    def curvature(slope, variance, lift, u, v, share, shift, scale, y):
        error = share * (slope * u + lift * v) + shift - y
        by_u, by_v, whole = share * u, share * v, variance * scale
        each = error / whole
        of_variance = (error * each - 0.5) / (variance * variance)
        of_both = -each / variance
        return (
            by_u * by_u / whole, by_u * of_both, by_u * by_v / whole,
            of_variance, by_v * of_both, by_v * by_v / whole,
        )  # fmt: skip

    @staticmethod
    def grad_target(slope, variance, lift, u, v, share, shift, scale, y):
        error = share * (slope * u + lift * v) + shift - y
        return -error / (variance * scale)

    @staticmethod
    def constant(share, shift, scale, y):
        return 0.5 * log(scale) + 0.9189385332046727
