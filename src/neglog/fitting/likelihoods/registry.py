"""The likelihoods that `fit` knows, by name: what each requires of a target, and its response."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neglog import likelihoods
from neglog.errors.options import LikelihoodSettingError
from neglog.fitting.likelihoods import misfit, tails
from neglog.fitting.likelihoods.classes import Classes, Logistic, TwoClasses
from neglog.fitting.likelihoods.constants import constants, fixed_values
from neglog.fitting.likelihoods.estimated import Estimated, Overdispersed
from neglog.fitting.likelihoods.responses import OneParameter, Response
from neglog.fitting.likelihoods.scaled import Location, Shaped
from neglog.fitting.likelihoods.shared_parameters import Ordered, Robust
from neglog.fitting.likelihoods.tails import Tails, Truths
from neglog.likelihood import Likelihood
from neglog.support import Support

if TYPE_CHECKING:
    from neglog.fitting.options.fit_options import Options


@dataclass(frozen=True)
class Formula:
    """How a report writes the loss of a row, derived from the declared distribution.

    Attributes:
        symbols: of the prediction and of the settings; empty for the declared `nll` itself.
        words: what they stand for.
        scale: the symbol of what the declaration sets to 1 and a fit estimates; "" for nothing.
        arguments: the distribution's, given the symbols.
        target: the target that the loss is of; None for the symbol y.
    """

    symbols: tuple[str, ...]
    words: str
    scale: str = ""
    arguments: Callable[..., Sequence[Any]] = lambda *symbols: symbols
    target: int | None = None


@dataclass(frozen=True)
class Kind:
    """A likelihood as a choice of `fit`: one entry per likelihood.

    The defaults suit a declaration of a number that states its `link`; its inputs after the first
    and its settings are constants, which are estimated with the weights.

    Attributes:
        declaration: the likelihood.
        name: its name; by default the declaration's.
        target: "classes" for labels, "two" for two of them, "numbers".
        loss: the loss of a row in words, z being the model's output.
        output_name: what the model's output is; by default the declaration's input.
        make: the response, given the number of classes, the reference class and the options.
        dispersion: the name of the dispersion; "" without one.
        counts: whether the numbers are counts, as a support of integers implies.
        data_warnings: returns warnings about a fit that contradicts the likelihood.
        ranked: whether the classes are ordered.
        tails: ln F and ln(1 − F) of targets, F being the fitted cumulative distribution.
        formula: how a report writes the loss.
        defaults: constants that are fixed at these values unless `settings` fixes them at others.
    """

    declaration: type[Likelihood]
    name: str = ""
    target: str = "numbers"
    loss: str = ""
    output_name: str = ""
    make: Callable[[int, int, Options], Response] | None = None
    dispersion: str = ""
    counts: bool = False
    data_warnings: Callable[[misfit.Residuals], list[str]] = misfit.no_warnings
    ranked: bool = False
    tails: Callable[[Truths], Tails | None] | None = None
    formula: Formula | None = None
    defaults: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        """Fill in what follows from the declaration."""
        object.__setattr__(self, "name", self.name or self.declaration.name)
        counts = self.counts or self.declaration.support.points == "integers"
        object.__setattr__(self, "counts", counts)
        title = (self.declaration.__doc__ or "").strip().partition("\n")[0]
        object.__setattr__(self, "loss", self.loss or f"−ln p(y). {title}".rstrip())
        first = self.declaration.inputs[0].replace("_", " ")
        object.__setattr__(self, "output_name", self.output_name or first)

    @property
    def support(self) -> Support:
        """The support of the target."""
        return self.declaration.support

    @property
    def title(self) -> str:
        """The name in a sentence."""
        return self.name.replace("_", " ")

    def response(self, count: int, base: int, options: Options) -> Response:
        """Return the response, given the number of classes and the reference class's.

        Raises:
            FitError: the options fix a constant that the likelihood does not have.
        """
        declaration: Any = self.declaration
        if self.make is not None:
            if options.settings:
                raise LikelihoodSettingError(
                    f"the {self.name} likelihood has no constants to fix; leave out settings "
                    "(--setting), which are for likelihoods that you declare."
                )
            return self.make(count, base, options)
        chosen = {**dict(self.defaults), **(options.settings or {})}
        fixed = fixed_values(declaration, self.name, chosen)
        shared = tuple(c.label for c in constants(declaration) if c.name not in dict(fixed))
        if shared or len(declaration.inputs) > 1:
            return Estimated(declaration=declaration, shared=shared, fixed=fixed)
        return OneParameter(declaration=declaration, settings=tuple(value for _, value in fixed))

    def tails_of(self, rows: Truths) -> Tails | None:
        """Return ln F and ln(1 − F) of targets; None where F is not known."""
        if self.tails is not None:
            return self.tails(rows)
        return tails.declared_counts(rows) if self.counts else tails.declared(rows)


def _classes(count: int, base: int, options: Options) -> Response:
    return Classes(
        declaration=likelihoods.Categorical, outputs=count - 1, base=base, canonical=True
    )


def _ordered(count: int, base: int, options: Options) -> Response:
    cuts = tuple(f"threshold {k + 1}" for k in range(count - 1))
    return Ordered(declaration=likelihoods.LogisticInterval, shared=cuts)


_ENTRIES = (
    Kind(
        likelihoods.Bernoulli,
        target="two",
        loss="binary cross-entropy, −ln P(y) = ln(1 + eᶻ) − y·z with the log-odds z",
        output_name="logit",
        make=lambda *_: TwoClasses(declaration=likelihoods.Bernoulli),
        formula=Formula(("z",), "z is the predicted log-odds, y is 0 or 1"),
    ),
    Kind(
        likelihoods.Bernoulli,
        name="binomial",
        loss="binomial, −ln P of one trial = ln(1 + eᶻ) − y·z with the log-odds z and the "
        "proportion y",
        output_name="logit",
        make=lambda *_: Logistic(declaration=likelihoods.Bernoulli),
        data_warnings=misfit.of_binomial,
        tails=tails.binomial,
        formula=Formula(("z",), "z is the predicted log-odds, y is 0 or 1"),
    ),
    Kind(
        likelihoods.Categorical,
        target="classes",
        loss="cross-entropy, −ln P(y) = ln Σₖ exp zₖ − z_y with the logits z",
        output_name="logit",
        make=_classes,
    ),
    Kind(
        likelihoods.LogisticInterval,
        name="ordinal",
        target="classes",
        loss="cumulative logit, −ln P(y) = −ln(σ(τ_y − z) − σ(τ_y₋₁ − z)) with thresholds τ",
        output_name="score",
        make=_ordered,
        ranked=True,
        formula=Formula(
            ("z", "tau_y-1", "tau_y"),
            "the thresholds τ cut the scale of z into the classes",
            arguments=lambda z, lower, upper: (lower - z, upper - z),
            target=1,
        ),
    ),
    Kind(
        likelihoods.Normal,
        loss="squared errors, −ln p(y) = ½ ln 2πσ² + (y − z)² / 2σ², σ by maximum likelihood",
        make=lambda *_: Location(declaration=likelihoods.Normal, degree=2.0, canonical=True),
        dispersion="σ of the errors",
        data_warnings=misfit.of_normal,
        tails=tails.normal,
        formula=Formula(
            ("zhat",),
            "ẑ is the predicted mean; σ, the standard deviation of the errors, does not affect the "
            "weights",
            scale="sigma",
        ),
    ),
    Kind(
        likelihoods.Laplace,
        loss="absolute errors, −ln p(y) = ln 2b + |y − z| / b, b by maximum likelihood",
        output_name="median",
        make=lambda *_: Location(declaration=likelihoods.Laplace, degree=1.0, smooth=False),
        dispersion="scale b of the errors",
        tails=tails.laplace,
        formula=Formula(
            ("zhat",),
            "ẑ is the predicted median; b, the scale of the errors, does not affect the weights",
            scale="b",
        ),
    ),
    Kind(
        likelihoods.Quantile,
        loss="check loss, −ln p(y) = ln b − ln q(1−q) + ρ_q(y − z) / b, b by maximum likelihood",
        make=lambda _count, _base, options: Location(
            declaration=likelihoods.Quantile,
            settings=(options.quantile,),
            degree=1.0,
            smooth=False,
        ),
        dispersion="scale b of the errors",
        tails=tails.quantile,
        formula=Formula(
            ("zhat", "q"),
            "ẑ is the predicted quantile of level q; b, the scale of the errors, does not affect "
            "the weights",
            scale="b",
        ),
    ),
    Kind(
        likelihoods.Huber,
        loss="Huber's loss of (y − z) / s, s by maximum likelihood",
        output_name="centre",
        make=lambda _count, _base, options: Robust(
            declaration=likelihoods.Huber, settings=(options.delta,)
        ),
        tails=tails.huber,
        formula=Formula(
            ("zhat", "delta"),
            "ẑ is the predicted centre, s the scale of the errors, estimated with the weights; "
            "errors beyond δ scales have a linear, not a quadratic loss",
            scale="s",
        ),
    ),
    Kind(
        likelihoods.StudentT,
        loss="Student's t of df degrees of freedom, −ln p(y) = ln s + ½ (df + 1) ln(1 + ((y − z) / "
        "s)² / df) + …, s by maximum likelihood",
        formula=Formula(
            ("zhat", "s", "nu"),
            "ẑ is the predicted location; s, the scale of the errors, is estimated with the "
            "weights; ν is df, the degrees of freedom",
        ),
        defaults=(("df", 4.0),),
    ),
    Kind(
        likelihoods.Poisson,
        loss="Poisson, −ln P(y) = eᶻ − y·z + ln y! with the logarithm z of the rate",
        make=lambda *_: OneParameter(declaration=likelihoods.Poisson, canonical=True),
        counts=True,
        data_warnings=misfit.of_poisson,
        tails=tails.poisson,
        formula=Formula(("z",), "z is the predicted logarithm of the rate"),
    ),
    Kind(
        likelihoods.NegativeBinomial,
        loss="negative binomial, of mean eᶻ and variance eᶻ + α e²ᶻ, α by maximum likelihood",
        make=lambda *_: Overdispersed(declaration=likelihoods.NegativeBinomial),
        counts=True,
        tails=tails.negative_binomial,
        formula=Formula(
            ("z", "alpha"),
            "z is the predicted logarithm of the mean; α, the dispersion, is estimated with the "
            "weights",
        ),
    ),
    Kind(
        likelihoods.Gamma,
        loss="gamma, of mean eᶻ and shape k, −ln p(y) = k(z + y e⁻ᶻ) + …, k by maximum likelihood",
        make=lambda *_: Shaped(declaration=likelihoods.Gamma, settings=(1.0,)),
        dispersion="dispersion 1/k",
        tails=tails.gamma,
        formula=Formula(
            ("z", "k"),
            "z is the predicted logarithm of the mean; the shape k does not affect the weights",
        ),
    ),
)
KINDS = {entry.name: entry for entry in _ENTRIES}
"""By name, in the order in which they are listed."""


def of_classes(count: int) -> str:
    """Return the name of the likelihood for a number of unordered classes."""
    return "bernoulli" if count == 2 else "categorical"
