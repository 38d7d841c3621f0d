"""The declarations, grouped by where the target lives."""

from neglog.families.classes import (
    Bernoulli,
    BernoulliProbability,
    Categorical,
    CategoricalLogProbability,
    SignedBernoulli,
    WeightedBernoulli,
)
from neglog.families.counts import Poisson, PoissonRate
from neglog.families.real import HeteroscedasticNormal, Huber, Laplace, Normal
from neglog.families.shares import RelativeEntropy, RelativeEntropyOfLog
from neglog.likelihood import REGISTRY as REGISTRY

__all__ = [
    "Bernoulli",
    "BernoulliProbability",
    "Categorical",
    "CategoricalLogProbability",
    "HeteroscedasticNormal",
    "Huber",
    "Laplace",
    "Normal",
    "Poisson",
    "PoissonRate",
    "RelativeEntropy",
    "RelativeEntropyOfLog",
    "SignedBernoulli",
    "WeightedBernoulli",
]
