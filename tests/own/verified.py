"""Declarations with one fault each, and one without."""

import neglog
from neglog.primitives import at_least, exp, log, log1p, log_gamma, sigmoid, softplus


class StudentT(neglog.Elementwise):
    """Heavy-tailed errors: y ~ location + scale · t(df)."""

    inputs, settings, support = ("location", "log_scale"), ("df",), neglog.support.real

    def nll(location, log_scale, df, y):
        z = (y - location) * exp(-log_scale)
        return 0.5 * (df + 1.0) * log1p(z * z / df) + log_scale

    def constant(df, y):
        return log_gamma(0.5 * df) - log_gamma(0.5 * (df + 1.0)) + 0.5 * log(3.141592653589793 * df)


class Naive(neglog.Elementwise):
    """Naive binary cross-entropy."""

    inputs, support = ("logit",), neglog.support.ends_of_unit_interval

    def nll(logit, y):
        return softplus(logit) - y * logit


class Forgotten(neglog.Elementwise):
    """No constant."""

    inputs, support = ("location",), neglog.support.real

    def nll(location, y):
        z = y - location
        return log(1.0 + z * z)

    def grad(location, y):
        z = y - location
        return 2.0 * z / (1.0 + z * z)


class LogSigmoid(neglog.Elementwise):
    """Logarithms of sigmoids."""

    inputs, support = ("logit",), neglog.support.ends_of_unit_interval

    def nll(logit, y):
        p = sigmoid(logit)
        return -y * log(p) - (1.0 - y) * log(1.0 - p)


class Infinite(neglog.Elementwise):
    """A logarithm of a target that may be 0."""

    inputs, support = ("log_mean",), neglog.support.nonnegative
    normalised = False

    def nll(log_mean, y):
        return (log(y) - log_mean) * (log(y) - log_mean)


class Bounded(neglog.Elementwise):
    """A density of a bounded error, with a target that may be anywhere."""

    inputs, support = ("location",), neglog.support.real
    normalised = False

    def nll(location, y):
        return -log(at_least(4.0 - (y - location) * (y - location), 0.0))


class Divergent(neglog.Elementwise):
    """A density whose tails are too heavy to have an integral."""

    inputs, support = ("location",), neglog.support.real

    def nll(location, y):
        return 0.5 * log1p((y - location) * (y - location))


class Constant(neglog.Rows):
    """A class without target contributes to the loss."""

    inputs, support, softmax = ("logits",), neglog.support.classes, True
    normalised = False

    def nll(log_p, y):
        return 1.0 - y * log_p


class Skewed(neglog.Elementwise):
    """A stated gradient whose mean is not 0."""

    inputs, support = ("location",), neglog.support.real

    def nll(location, y):
        return 0.5 * (y - location) * (y - location)

    def constant(y):
        return 0.9189385332046727

    def grad(location, y):
        return location - y + 0.25


class Doubled(neglog.Rows):
    """Squares of probabilities, which do not sum to 1."""

    inputs, support, softmax = ("logits",), neglog.support.classes, True

    def nll(log_p, y):
        return -2.0 * y * log_p


class Unlogged(neglog.Elementwise):
    """A mean that must be above 0, which `domains` does not say."""

    inputs, support = ("rate",), neglog.support.counts

    def nll(rate, y):
        return rate - y * log(rate)


class Exposed(neglog.Elementwise):
    """A count without the terms in y, whose sum depends on the rate."""

    inputs, given, support = ("rate",), ("exposure",), neglog.support.counts
    domains, given_domains = (neglog.support.positive,), (neglog.support.positive,)

    def nll(rate, exposure, y):
        return exposure * rate - y * log(exposure * rate)


class Rooted(neglog.Elementwise):
    """A setting that must be above 0."""

    inputs, settings, support = ("location",), ("shape",), neglog.support.real
    normalised = False

    def nll(location, shape, y):
        return log(shape) + (y - location) * (y - location)
