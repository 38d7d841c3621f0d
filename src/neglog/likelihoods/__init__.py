"""The declared likelihoods, grouped by the kind of target."""

from neglog.likelihood import REGISTRY as REGISTRY
from neglog.likelihoods.classes import (
    Bernoulli,
    BernoulliProbability,
    Categorical,
    CategoricalLogProbability,
    SignedBernoulli,
    SmoothedBernoulli,
    WeightedBernoulli,
)
from neglog.likelihoods.counts import NegativeBinomial, Poisson, PoissonRate
from neglog.likelihoods.errors import (
    Expectile,
    LogCosh,
    QuantileOfLevel,
    ScaledLaplace,
    StudentT,
)
from neglog.likelihoods.lifetimes import Exponential, Weibull
from neglog.likelihoods.normal import BetaWeightedNormal, CensoredNormal, NormalScore
from neglog.likelihoods.ordinal import LogisticInterval
from neglog.likelihoods.positive import Gamma, InverseGaussian, LogNormal, Tweedie
from neglog.likelihoods.real import HeteroscedasticNormal, Huber, Laplace, Normal, Quantile
from neglog.likelihoods.reweighted import (
    Asymmetric,
    Focal,
    GeneralizedCrossEntropy,
    Poly,
    SigmoidFocal,
)
from neglog.likelihoods.soft_targets import RelativeEntropy, RelativeEntropyOfLog

__all__ = [
    "Asymmetric",
    "Bernoulli",
    "BernoulliProbability",
    "BetaWeightedNormal",
    "Categorical",
    "CategoricalLogProbability",
    "CensoredNormal",
    "Expectile",
    "Exponential",
    "Focal",
    "Gamma",
    "GeneralizedCrossEntropy",
    "HeteroscedasticNormal",
    "Huber",
    "InverseGaussian",
    "Laplace",
    "LogCosh",
    "LogNormal",
    "LogisticInterval",
    "NegativeBinomial",
    "Normal",
    "NormalScore",
    "Poisson",
    "PoissonRate",
    "Poly",
    "Quantile",
    "QuantileOfLevel",
    "RelativeEntropy",
    "RelativeEntropyOfLog",
    "ScaledLaplace",
    "SigmoidFocal",
    "SignedBernoulli",
    "SmoothedBernoulli",
    "StudentT",
    "Tweedie",
    "Weibull",
    "WeightedBernoulli",
]
