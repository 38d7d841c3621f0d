"""The declared likelihoods, grouped by the kind of target."""

from neglog.families.classes import (
    Bernoulli,
    BernoulliProbability,
    Categorical,
    CategoricalLogProbability,
    SignedBernoulli,
    WeightedBernoulli,
)
from neglog.families.counts import NegativeBinomial, Poisson, PoissonRate
from neglog.families.ordinal import LogisticInterval
from neglog.families.positive import Gamma
from neglog.families.real import HeteroscedasticNormal, Huber, Laplace, Normal, Quantile
from neglog.families.shares import RelativeEntropy, RelativeEntropyOfLog
from neglog.likelihood import REGISTRY as REGISTRY

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
