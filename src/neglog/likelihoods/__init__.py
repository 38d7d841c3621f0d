"""The declared likelihoods, grouped by the kind of target."""

from neglog.likelihood import REGISTRY as REGISTRY
from neglog.likelihoods.binary import (
    Bernoulli,
    BernoulliProbability,
    SignedBernoulli,
    SmoothedBernoulli,
    SmoothedWeightedBernoulli,
    WeightedBernoulli,
)
from neglog.likelihoods.bounded import Beta, VonMises
from neglog.likelihoods.classes import Categorical, CategoricalLogProbability
from neglog.likelihoods.counts import NegativeBinomial, Poisson, PoissonRate
from neglog.likelihoods.errors import (
    Expectile,
    LogCosh,
    QuantileOfLevel,
    ScaledLaplace,
    StudentT,
)
from neglog.likelihoods.excess_zeros import (
    PoissonHurdle,
    ZeroInflatedNegativeBinomial,
    ZeroInflatedPoisson,
)
from neglog.likelihoods.lifetimes import Exponential, Weibull
from neglog.likelihoods.margins import HingeEmbedding, MarginRanking
from neglog.likelihoods.normal import BetaWeightedNormal, CensoredNormal, NormalScore
from neglog.likelihoods.ordinal import LogisticInterval, OrderedLogit
from neglog.likelihoods.overdispersed import NegativeBinomialLogits, NegativeBinomialMean
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
from neglog.likelihoods.trials import BetaBinomial, Binomial

__all__ = [
    "Asymmetric",
    "Bernoulli",
    "BernoulliProbability",
    "Beta",
    "BetaBinomial",
    "BetaWeightedNormal",
    "Binomial",
    "Categorical",
    "CategoricalLogProbability",
    "CensoredNormal",
    "Expectile",
    "Exponential",
    "Focal",
    "Gamma",
    "GeneralizedCrossEntropy",
    "HeteroscedasticNormal",
    "HingeEmbedding",
    "Huber",
    "InverseGaussian",
    "Laplace",
    "LogCosh",
    "LogNormal",
    "LogisticInterval",
    "MarginRanking",
    "NegativeBinomial",
    "NegativeBinomialLogits",
    "NegativeBinomialMean",
    "Normal",
    "NormalScore",
    "OrderedLogit",
    "Poisson",
    "PoissonHurdle",
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
    "SmoothedWeightedBernoulli",
    "StudentT",
    "Tweedie",
    "VonMises",
    "Weibull",
    "WeightedBernoulli",
    "ZeroInflatedNegativeBinomial",
    "ZeroInflatedPoisson",
]
