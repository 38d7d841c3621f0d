"""The losses as modules: subclasses of torch's own, with the arithmetic of neglog.

`repr`, pickling, `state_dict`, `isinstance` and the constructors' parameters are torch's. The
parameters that torch does not have are keyword-only; `neglog.functional` describes them. The
constructor takes `empty`, `class_dim` and the `ignore_index` of losses that have none in torch;
each call takes `mask`, `sample_weight` and `normalizer`.
"""

from neglog.criteria.binary import (
    BCELoss,
    BCEWithLogitsLoss,
    MultiLabelSoftMarginLoss,
    SoftMarginLoss,
)
from neglog.criteria.classes import CrossEntropyLoss, LogSoftmax, NLLLoss
from neglog.criteria.counts import PoissonNLLLoss
from neglog.criteria.real import GaussianNLLLoss, HuberLoss, L1Loss, MSELoss, SmoothL1Loss, SSELoss
from neglog.criteria.shares import KLDivLoss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "LogSoftmax",
    "MSELoss",
    "MultiLabelSoftMarginLoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SSELoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
]
