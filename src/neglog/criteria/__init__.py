"""The losses as modules: subclasses of torch's, with neglog's arithmetic.

`repr`, pickling, `state_dict`, `isinstance` and the constructors' parameters are torch's. The
additional parameters are keyword-only. The constructors take
`empty`, `class_dim` and, for losses without one in torch, `ignore_index`; each call takes `mask`,
`sample_weight` and `normalizer`.
"""

from neglog.criteria.adaptive import (
    AdaptiveLogSoftmaxWithLoss,
)
from neglog.criteria.binary import (
    BCELoss,
    BCEWithLogitsLoss,
    MultiLabelSoftMarginLoss,
    SoftMarginLoss,
)
from neglog.criteria.bounded import BetaNLLLoss, VonMisesNLLLoss
from neglog.criteria.classes import CrossEntropyLoss, LogSoftmax, NLLLoss
from neglog.criteria.counts import PoissonNLLLoss
from neglog.criteria.ctc import (
    CTCLoss,
)
from neglog.criteria.distances import (
    CosineEmbeddingLoss,
    TripletMarginLoss,
    TripletMarginWithDistanceLoss,
)
from neglog.criteria.excess_zeros import (
    PoissonHurdleNLLLoss,
    ZeroInflatedNegativeBinomialNLLLoss,
    ZeroInflatedPoissonNLLLoss,
)
from neglog.criteria.heavy_tails import (
    ExpectileLoss,
    LaplaceNLLLoss,
    LogCoshLoss,
    QuantileLoss,
    StudentTNLLLoss,
)
from neglog.criteria.lifetimes import (
    ExponentialNLLLoss,
    WeibullNLLLoss,
)
from neglog.criteria.margins import (
    HingeEmbeddingLoss,
    MarginRankingLoss,
    MultiLabelMarginLoss,
    MultiMarginLoss,
)
from neglog.criteria.mixtures import (
    MixtureDensityLoss,
    MultivariateNormalNLLLoss,
)
from neglog.criteria.normal import (
    BetaNLLWeightedGaussian,
    CensoredNormalNLLLoss,
    CRPSLoss,
)
from neglog.criteria.ordinal import CORNLoss, OrdinalLoss
from neglog.criteria.overdispersed import NegativeBinomialNLLLoss
from neglog.criteria.positive import (
    GammaNLLLoss,
    InverseGaussianNLLLoss,
    LogNormalNLLLoss,
    TweedieLoss,
)
from neglog.criteria.ranking import (
    BradleyTerryLoss,
    PlackettLuceLoss,
)
from neglog.criteria.real import GaussianNLLLoss, HuberLoss, L1Loss, MSELoss, SmoothL1Loss, SSELoss
from neglog.criteria.reweighted import (
    AsymmetricLoss,
    FocalLoss,
    GeneralizedCrossEntropyLoss,
    PolyLoss,
    SigmoidFocalLoss,
)
from neglog.criteria.soft_targets import KLDivLoss
from neglog.criteria.survival import (
    CoxPHLoss,
    DiscreteHazardLoss,
)
from neglog.criteria.trials import BetaBinomialNLLLoss, BinomialNLLLoss

__all__ = [
    "AdaptiveLogSoftmaxWithLoss",
    "AsymmetricLoss",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BetaBinomialNLLLoss",
    "BetaNLLLoss",
    "BetaNLLWeightedGaussian",
    "BinomialNLLLoss",
    "BradleyTerryLoss",
    "CORNLoss",
    "CRPSLoss",
    "CTCLoss",
    "CensoredNormalNLLLoss",
    "CosineEmbeddingLoss",
    "CoxPHLoss",
    "CrossEntropyLoss",
    "DiscreteHazardLoss",
    "ExpectileLoss",
    "ExponentialNLLLoss",
    "FocalLoss",
    "GammaNLLLoss",
    "GaussianNLLLoss",
    "GeneralizedCrossEntropyLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "InverseGaussianNLLLoss",
    "KLDivLoss",
    "L1Loss",
    "LaplaceNLLLoss",
    "LogCoshLoss",
    "LogNormalNLLLoss",
    "LogSoftmax",
    "MSELoss",
    "MarginRankingLoss",
    "MixtureDensityLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "MultivariateNormalNLLLoss",
    "NLLLoss",
    "NegativeBinomialNLLLoss",
    "OrdinalLoss",
    "PlackettLuceLoss",
    "PoissonHurdleNLLLoss",
    "PoissonNLLLoss",
    "PolyLoss",
    "QuantileLoss",
    "SSELoss",
    "SigmoidFocalLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "StudentTNLLLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
    "TweedieLoss",
    "VonMisesNLLLoss",
    "WeibullNLLLoss",
    "ZeroInflatedNegativeBinomialNLLLoss",
    "ZeroInflatedPoissonNLLLoss",
]
