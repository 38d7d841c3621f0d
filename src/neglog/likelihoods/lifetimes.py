"""Likelihoods of the time until an event, which may be censored on the right."""

from __future__ import annotations

from neglog.likelihood import Elementwise
from neglog.primitives.reference import exp, expm1, log, minimum, where
from neglog.support import anything, ends_of_unit_interval, nonnegative, positive


class Exponential(Elementwise):
    """The time until an event of constant hazard; the model outputs the log rate.

    Model: time ~ Exponential(exp(log_rate)). `event` is 1 where the event was observed at y, 0
    where the time is only known to be y or more.

    Source: D. R. Cox, D. Oakes, Analysis of survival data, 1984, chapter 3.
    """

    inputs = ("log_rate",)
    given = ("event",)
    given_domains = (ends_of_unit_interval,)
    support = nonnegative
    normalised = False

    @staticmethod
    def nll(log_rate, event, y):
        beyond = (log_rate > 1e30) & (y > 0.0)
        observed = event * where(beyond, 1e30, log_rate)  # ∞ − ∞ is ∞ here
        expected = where(y == 0.0, 0.0, exp(log_rate) * y)
        return expected - where(event == 0.0, 0.0, observed)

    @staticmethod
    def grad(log_rate, event, y):
        return where(y == 0.0, 0.0, exp(log_rate) * y) - event

    @staticmethod
    def curvature(log_rate, event, y):
        return where(y == 0.0, 0.0, exp(log_rate) * y)

    @staticmethod
    def grad_target(log_rate, event, y):
        return exp(log_rate)


class Weibull(Elementwise):
    """The time until an event whose hazard rises or falls; the model outputs log scale and shape.

    Model: time ~ Weibull(exp(log_scale), exp(log_shape)). `event` is 1 where the event was observed
    at y, 0 where the time is only known to be y or more. At a shape of 1 the hazard is constant.

    Source: D. R. Cox, D. Oakes, Analysis of survival data, 1984, chapters 2 and 3.
    """

    inputs = ("log_scale", "log_shape")
    given = ("event",)
    given_domains = (ends_of_unit_interval,)
    domains = (anything, anything)
    support = positive
    normalised = False

    @staticmethod
    def nll(log_scale, log_shape, event, y):
        u = exp(log_shape) * (log(y) - log_scale)
        density = minimum(log_shape, 1e30) + where(u > 1e30, 1e30, u) - log(y)  # ∞ − ∞ is −∞ here
        return exp(u) - where(event == 0.0, 0.0, event * density)

    @staticmethod
    def grad(log_scale, log_shape, event, y):
        shape = exp(log_shape)
        u = shape * (log(y) - log_scale)
        hazard = exp(u)
        rest = where(event == 1.0, expm1(u), hazard - event)
        known = rest == 0.0  # 0 · ∞ is 0 here
        return where(known, 0.0, -shape * rest), where(known, 0.0, u * rest) - event

    @staticmethod
    def curvature(log_scale, log_shape, event, y):
        shape = exp(log_shape)
        u = shape * (log(y) - log_scale)
        hazard = exp(u)
        rest = where(event == 1.0, expm1(u), hazard - event)
        change = rest + where(hazard == 0.0, 0.0, u * hazard)
        twice = where(hazard == 0.0, 0.0, shape * (shape * hazard))
        known = change == 0.0  # 0 · ∞ is 0 here
        return twice, where(known, 0.0, -shape * change), where(known, 0.0, u * change)

    @staticmethod
    def grad_target(log_scale, log_shape, event, y):
        shape = exp(log_shape)
        hazard = exp(shape * (log(y) - log_scale))
        rest = hazard - event
        return (where(rest == 0.0, 0.0, shape * rest) + event) / y
