"""The likelihoods that `fit` knows, by name: what each wants of a target, and its response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neglog import likelihoods
from neglog.fitting.likelihoods import misfit as data_warnings
from neglog.fitting.likelihoods.responses import (
    Classes,
    Grouped,
    Location,
    OneParameter,
    Response,
    Shaped,
)
from neglog.fitting.likelihoods.shared_parameters import Ordered, Overdispersed, Robust
from neglog.likelihood import Likelihood
from neglog.support import Support

if TYPE_CHECKING:
    from neglog.fitting.options.fit_options import Options


@dataclass(frozen=True)
class Kind:
    """A likelihood as a choice.

    Attributes:
        declaration: the likelihood.
        target: "classes" for labels, "two" for two of them, "numbers".
        loss: the loss of a row in words, z being what the model emits.
        output_name: what that is.
        make: the response, given how many classes there are, the base's number and the options.
        dispersion: what the dispersion is called; empty where there is none.
        counts: whether the numbers are counts.
        data_warnings: says what the rows show against the likelihood once it is fitted.
        ranked: whether the classes have an order.
    """

    declaration: type[Likelihood]
    target: str
    loss: str
    output_name: str
    make: Callable[[int, int, Options], Response]
    dispersion: str = ""
    counts: bool = False
    data_warnings: Callable[[data_warnings.Residuals], list[str]] = data_warnings.no_warnings
    ranked: bool = False

    @property
    def support(self) -> Support:
        """Where a number must lie."""
        return self.declaration.support


def _classes(count: int, base: int, options: Options) -> Response:
    return Classes(
        declaration=likelihoods.Categorical, outputs=count - 1, base=base, canonical=True
    )


def _ordered(count: int, base: int, options: Options) -> Response:
    cuts = tuple(f"threshold {k + 1}" for k in range(count - 1))
    return Ordered(declaration=likelihoods.LogisticInterval, shared=cuts)


KINDS: dict[str, Kind] = {
    "bernoulli": Kind(
        likelihoods.Bernoulli,
        "two",
        "binary cross-entropy, −ln P(y) = ln(1 + eᶻ) − y·z with the log-odds z",
        "logit",
        lambda *_: OneParameter(
            declaration=likelihoods.Bernoulli, canonical=True, well_conditioned=True
        ),
    ),
    "binomial": Kind(
        likelihoods.Bernoulli,
        "numbers",
        "binomial, −ln P of one trial = ln(1 + eᶻ) − y·z with the log-odds z and the proportion y",
        "logit",
        lambda *_: Grouped(declaration=likelihoods.Bernoulli, canonical=True),
        data_warnings=data_warnings.of_binomial,
    ),
    "categorical": Kind(
        likelihoods.Categorical,
        "classes",
        "cross-entropy, −ln P(y) = ln Σₖ exp zₖ − z_y with the logits z",
        "logit",
        _classes,
    ),
    "ordinal": Kind(
        likelihoods.LogisticInterval,
        "classes",
        "cumulative logit, −ln P(y) = −ln(σ(τ_y − z) − σ(τ_y₋₁ − z)) with thresholds τ",
        "score",
        _ordered,
        ranked=True,
    ),
    "normal": Kind(
        likelihoods.Normal,
        "numbers",
        "squared errors, −ln p(y) = ½ ln 2πσ² + (y − z)² / 2σ², σ by maximum likelihood",
        "mean",
        lambda *_: Location(declaration=likelihoods.Normal, degree=2.0, canonical=True),
        "σ of the errors",
        data_warnings=data_warnings.of_normal,
    ),
    "laplace": Kind(
        likelihoods.Laplace,
        "numbers",
        "absolute errors, −ln p(y) = ln 2b + |y − z| / b, b by maximum likelihood",
        "median",
        lambda *_: Location(declaration=likelihoods.Laplace, degree=1.0, smooth=False),
        "scale b of the errors",
    ),
    "quantile": Kind(
        likelihoods.Quantile,
        "numbers",
        "check loss, −ln p(y) = ln b − ln q(1−q) + ρ_q(y − z) / b, b by maximum likelihood",
        "quantile",
        lambda _count, _base, options: Location(
            declaration=likelihoods.Quantile,
            settings=(options.quantile,),
            degree=1.0,
            smooth=False,
        ),
        "scale b of the errors",
    ),
    "huber": Kind(
        likelihoods.Huber,
        "numbers",
        "Huber's loss of (y − z) / s, s by maximum likelihood",
        "centre",
        lambda _count, _base, options: Robust(
            declaration=likelihoods.Huber, settings=(options.delta,)
        ),
    ),
    "poisson": Kind(
        likelihoods.Poisson,
        "numbers",
        "Poisson, −ln P(y) = eᶻ − y·z + ln y! with the logarithm z of the rate",
        "log rate",
        lambda *_: OneParameter(declaration=likelihoods.Poisson, canonical=True),
        counts=True,
        data_warnings=data_warnings.of_poisson,
    ),
    "negative_binomial": Kind(
        likelihoods.NegativeBinomial,
        "numbers",
        "negative binomial, of mean eᶻ and variance eᶻ + α e²ᶻ, α by maximum likelihood",
        "log mean",
        lambda *_: Overdispersed(declaration=likelihoods.NegativeBinomial),
        counts=True,
    ),
    "gamma": Kind(
        likelihoods.Gamma,
        "numbers",
        "gamma, of mean eᶻ and shape k, −ln p(y) = k(z + y e⁻ᶻ) + …, k by maximum likelihood",
        "log mean",
        lambda *_: Shaped(declaration=likelihoods.Gamma, settings=(1.0,)),
        "dispersion 1/k",
    ),
}
"""In the order in which they are listed."""
