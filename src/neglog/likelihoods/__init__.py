"""The declared likelihoods, grouped by the kind of target."""

from neglog.likelihood import REGISTRY as REGISTRY
from neglog.likelihoods.classes import (
    Bernoulli,
    BernoulliProbability,
    Categorical,
    CategoricalLogProbability,
    SignedBernoulli,
    WeightedBernoulli,
)
from neglog.likelihoods.counts import NegativeBinomial, Poisson, PoissonRate
from neglog.likelihoods.ordinal import LogisticInterval
from neglog.likelihoods.positive import Gamma
from neglog.likelihoods.real import HeteroscedasticNormal, Huber, Laplace, Normal, Quantile
from neglog.likelihoods.soft_targets import RelativeEntropy, RelativeEntropyOfLog

__all__ = [
    "Bernoulli",
    "BernoulliProbability",
    "Categorical",
    "CategoricalLogProbability",
    "Gamma",
    "HeteroscedasticNormal",
    "Huber",
    "Laplace",
    "LogisticInterval",
    "NegativeBinomial",
    "Normal",
    "Poisson",
    "PoissonRate",
    "Quantile",
    "RelativeEntropy",
    "RelativeEntropyOfLog",
    "SignedBernoulli",
    "WeightedBernoulli",
]
