"""The loss layer for PyTorch: a loss is the negative logarithm of a likelihood."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from neglog._version import __version__ as __version__

if TYPE_CHECKING:
    from neglog import distributed as distributed
    from neglog import functional as functional
    from neglog import preference as preference
    from neglog import primitives as primitives
    from neglog import support as support
    from neglog.checking.api import check as check
    from neglog.compatibility import torch_compatible as torch_compatible
    from neglog.criteria import AdaptiveLogSoftmaxWithLoss as AdaptiveLogSoftmaxWithLoss
    from neglog.criteria import AsymmetricLoss as AsymmetricLoss
    from neglog.criteria import BCELoss as BCELoss
    from neglog.criteria import BCEWithLogitsLoss as BCEWithLogitsLoss
    from neglog.criteria import BetaBinomialNLLLoss as BetaBinomialNLLLoss
    from neglog.criteria import BetaNLLLoss as BetaNLLLoss
    from neglog.criteria import BetaNLLWeightedGaussian as BetaNLLWeightedGaussian
    from neglog.criteria import BinomialNLLLoss as BinomialNLLLoss
    from neglog.criteria import BradleyTerryLoss as BradleyTerryLoss
    from neglog.criteria import CensoredNormalNLLLoss as CensoredNormalNLLLoss
    from neglog.criteria import CORNLoss as CORNLoss
    from neglog.criteria import CosineEmbeddingLoss as CosineEmbeddingLoss
    from neglog.criteria import CoxPHLoss as CoxPHLoss
    from neglog.criteria import CrossEntropyLoss as CrossEntropyLoss
    from neglog.criteria import CRPSLoss as CRPSLoss
    from neglog.criteria import CTCLoss as CTCLoss
    from neglog.criteria import DiscreteHazardLoss as DiscreteHazardLoss
    from neglog.criteria import ExpectileLoss as ExpectileLoss
    from neglog.criteria import ExponentialNLLLoss as ExponentialNLLLoss
    from neglog.criteria import FocalLoss as FocalLoss
    from neglog.criteria import GammaNLLLoss as GammaNLLLoss
    from neglog.criteria import GaussianNLLLoss as GaussianNLLLoss
    from neglog.criteria import GeneralizedCrossEntropyLoss as GeneralizedCrossEntropyLoss
    from neglog.criteria import HingeEmbeddingLoss as HingeEmbeddingLoss
    from neglog.criteria import HuberLoss as HuberLoss
    from neglog.criteria import InverseGaussianNLLLoss as InverseGaussianNLLLoss
    from neglog.criteria import KLDivLoss as KLDivLoss
    from neglog.criteria import L1Loss as L1Loss
    from neglog.criteria import LaplaceNLLLoss as LaplaceNLLLoss
    from neglog.criteria import LogCoshLoss as LogCoshLoss
    from neglog.criteria import LogNormalNLLLoss as LogNormalNLLLoss
    from neglog.criteria import LogSoftmax as LogSoftmax
    from neglog.criteria import MarginRankingLoss as MarginRankingLoss
    from neglog.criteria import MixtureDensityLoss as MixtureDensityLoss
    from neglog.criteria import MSELoss as MSELoss
    from neglog.criteria import MultiLabelMarginLoss as MultiLabelMarginLoss
    from neglog.criteria import MultiLabelSoftMarginLoss as MultiLabelSoftMarginLoss
    from neglog.criteria import MultiMarginLoss as MultiMarginLoss
    from neglog.criteria import MultivariateNormalNLLLoss as MultivariateNormalNLLLoss
    from neglog.criteria import NegativeBinomialNLLLoss as NegativeBinomialNLLLoss
    from neglog.criteria import NLLLoss as NLLLoss
    from neglog.criteria import OrdinalLoss as OrdinalLoss
    from neglog.criteria import PlackettLuceLoss as PlackettLuceLoss
    from neglog.criteria import PoissonHurdleNLLLoss as PoissonHurdleNLLLoss
    from neglog.criteria import PoissonNLLLoss as PoissonNLLLoss
    from neglog.criteria import PolyLoss as PolyLoss
    from neglog.criteria import QuantileLoss as QuantileLoss
    from neglog.criteria import SigmoidFocalLoss as SigmoidFocalLoss
    from neglog.criteria import SmoothL1Loss as SmoothL1Loss
    from neglog.criteria import SoftMarginLoss as SoftMarginLoss
    from neglog.criteria import SSELoss as SSELoss
    from neglog.criteria import StudentTNLLLoss as StudentTNLLLoss
    from neglog.criteria import TripletMarginLoss as TripletMarginLoss
    from neglog.criteria import TripletMarginWithDistanceLoss as TripletMarginWithDistanceLoss
    from neglog.criteria import TweedieLoss as TweedieLoss
    from neglog.criteria import VonMisesNLLLoss as VonMisesNLLLoss
    from neglog.criteria import WeibullNLLLoss as WeibullNLLLoss
    from neglog.criteria import (
        ZeroInflatedNegativeBinomialNLLLoss as ZeroInflatedNegativeBinomialNLLLoss,
    )
    from neglog.criteria import ZeroInflatedPoissonNLLLoss as ZeroInflatedPoissonNLLLoss
    from neglog.criteria_likelihood import LikelihoodLoss as LikelihoodLoss
    from neglog.criteria_linear import LinearCrossEntropyLoss as LinearCrossEntropyLoss
    from neglog.errors import NeglogError as NeglogError
    from neglog.estimators import NLLClassifier as NLLClassifier
    from neglog.estimators import NLLRegressor as NLLRegressor
    from neglog.explanation import explain as explain
    from neglog.fitting.api import fit as fit
    from neglog.fitting.results.evaluate import evaluate as evaluate
    from neglog.fitting.results.predict import predict as predict
    from neglog.likelihood import Elementwise as Elementwise
    from neglog.likelihood import Rows as Rows
    from neglog.likelihoods import REGISTRY as REGISTRY
    from neglog.patching import patch as patch
    from neglog.patching import unpatch as unpatch
    from neglog.replacement.api import everywhere as everywhere
    from neglog.verification.api import verify as verify

# Names are imported when they are asked for: `neglog --help` should not wait for torch.
_HOMES = {
    "AdaptiveLogSoftmaxWithLoss": "criteria",
    "AsymmetricLoss": "criteria",
    "BCELoss": "criteria",
    "BCEWithLogitsLoss": "criteria",
    "BetaNLLWeightedGaussian": "criteria",
    "BradleyTerryLoss": "criteria",
    "CORNLoss": "criteria",
    "CRPSLoss": "criteria",
    "CTCLoss": "criteria",
    "CensoredNormalNLLLoss": "criteria",
    "CosineEmbeddingLoss": "criteria",
    "CoxPHLoss": "criteria",
    "CrossEntropyLoss": "criteria",
    "DiscreteHazardLoss": "criteria",
    "Elementwise": "likelihood",
    "ExpectileLoss": "criteria",
    "ExponentialNLLLoss": "criteria",
    "FocalLoss": "criteria",
    "GammaNLLLoss": "criteria",
    "GaussianNLLLoss": "criteria",
    "GeneralizedCrossEntropyLoss": "criteria",
    "HingeEmbeddingLoss": "criteria",
    "HuberLoss": "criteria",
    "InverseGaussianNLLLoss": "criteria",
    "KLDivLoss": "criteria",
    "L1Loss": "criteria",
    "LaplaceNLLLoss": "criteria",
    "LikelihoodLoss": "criteria_likelihood",
    "LinearCrossEntropyLoss": "criteria_linear",
    "LogCoshLoss": "criteria",
    "LogNormalNLLLoss": "criteria",
    "LogSoftmax": "criteria",
    "MSELoss": "criteria",
    "MarginRankingLoss": "criteria",
    "MixtureDensityLoss": "criteria",
    "MultiLabelMarginLoss": "criteria",
    "MultiLabelSoftMarginLoss": "criteria",
    "MultiMarginLoss": "criteria",
    "MultivariateNormalNLLLoss": "criteria",
    "NLLClassifier": "estimators",
    "NLLLoss": "criteria",
    "NLLRegressor": "estimators",
    "NeglogError": "errors",
    "OrdinalLoss": "criteria",
    "PlackettLuceLoss": "criteria",
    "PoissonNLLLoss": "criteria",
    "PolyLoss": "criteria",
    "QuantileLoss": "criteria",
    "REGISTRY": "likelihoods",
    "Rows": "likelihood",
    "SSELoss": "criteria",
    "SigmoidFocalLoss": "criteria",
    "SmoothL1Loss": "criteria",
    "SoftMarginLoss": "criteria",
    "StudentTNLLLoss": "criteria",
    "TripletMarginLoss": "criteria",
    "TripletMarginWithDistanceLoss": "criteria",
    "TweedieLoss": "criteria",
    "WeibullNLLLoss": "criteria",
    "BetaNLLLoss": "criteria",
    "VonMisesNLLLoss": "criteria",
    "PoissonHurdleNLLLoss": "criteria",
    "ZeroInflatedNegativeBinomialNLLLoss": "criteria",
    "ZeroInflatedPoissonNLLLoss": "criteria",
    "NegativeBinomialNLLLoss": "criteria",
    "BetaBinomialNLLLoss": "criteria",
    "BinomialNLLLoss": "criteria",
    "check": "checking.api",
    "distributed": "distributed",
    "evaluate": "fitting.results.evaluate",
    "everywhere": "replacement.api",
    "explain": "explanation",
    "fit": "fitting.api",
    "functional": "functional",
    "integrations": "integrations",
    "patch": "patching",
    "predict": "fitting.results.predict",
    "preference": "preference",
    "primitives": "primitives",
    "support": "support",
    "torch_compatible": "compatibility",
    "unpatch": "patching",
    "verify": "verification.api",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'neglog' has no attribute {name!r}")
    try:
        home = import_module(f"neglog.{_HOMES[name]}")
    except ModuleNotFoundError as missing:
        if not _HOMES[name].startswith(("fitting", "estimators")):
            raise
        message = f"neglog.{name} needs {missing.name}: pip install neglog[fit]"
        raise ModuleNotFoundError(message, name=missing.name) from missing
    return home if name == _HOMES[name] else getattr(home, name)


def __dir__() -> list[str]:
    """List the public names, the ones not yet imported too."""
    return sorted([*_HOMES, "__version__"])
