"""The declarations, grouped by where the target lives."""

from neglog.families.classes import (
    Bernoulli,
    BernoulliProbability,
    Categorical,
    CategoricalLogProbability,
    WeightedBernoulli,
)
from neglog.families.real import Normal
from neglog.likelihood import REGISTRY as REGISTRY

__all__ = [
    "Bernoulli",
    "BernoulliProbability",
    "Categorical",
    "CategoricalLogProbability",
    "Normal",
    "WeightedBernoulli",
]
