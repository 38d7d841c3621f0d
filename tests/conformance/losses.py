"""Which losses are held against torch's, and the two libraries they are taken from."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

import neglog


class Loss(NamedTuple):
    """A loss under its name in `nn.functional` and its name in `nn`."""

    function: str
    module: str


LOSSES = (
    Loss("mse_loss", "MSELoss"),
    Loss("l1_loss", "L1Loss"),
    Loss("smooth_l1_loss", "SmoothL1Loss"),
    Loss("huber_loss", "HuberLoss"),
    Loss("poisson_nll_loss", "PoissonNLLLoss"),
    Loss("gaussian_nll_loss", "GaussianNLLLoss"),
    Loss("kl_div", "KLDivLoss"),
    Loss("soft_margin_loss", "SoftMarginLoss"),
    Loss("multilabel_soft_margin_loss", "MultiLabelSoftMarginLoss"),
    Loss("binary_cross_entropy", "BCELoss"),
    Loss("binary_cross_entropy_with_logits", "BCEWithLogitsLoss"),
    Loss("cross_entropy", "CrossEntropyLoss"),
    Loss("nll_loss", "NLLLoss"),
    Loss("log_softmax", "LogSoftmax"),
    Loss("linear_cross_entropy", "LinearCrossEntropyLoss"),
    Loss("hinge_embedding_loss", "HingeEmbeddingLoss"),
    Loss("margin_ranking_loss", "MarginRankingLoss"),
    Loss("multi_margin_loss", "MultiMarginLoss"),
    Loss("multilabel_margin_loss", "MultiLabelMarginLoss"),
    Loss("triplet_margin_loss", "TripletMarginLoss"),
    Loss("triplet_margin_with_distance_loss", "TripletMarginWithDistanceLoss"),
    Loss("cosine_embedding_loss", "CosineEmbeddingLoss"),
    Loss("ctc_loss", "CTCLoss"),
)


class Library(NamedTuple):
    """Where a loss is looked up: a check gets one library and does not know which."""

    name: str
    functions: Any
    modules: Any

    def function(self, loss: Loss) -> Callable[..., Any]:
        """Return the loss as a function."""
        function = getattr(self.functions, loss.function)
        return in_one_piece(function) if self.name == "torch" else function

    def module(self, loss: Loss) -> Callable[..., Any]:
        """Return the loss as a class of modules."""
        return getattr(self.modules, loss.module)


def in_one_piece(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return torch's function without `options`, which its chunked version handles wrongly.

    Then a forward derivative is 0, a double backward forgets the layer, and a sum in bfloat16
    loses its digits: torch says that derivatives hold without options only.
    """

    @functools.wraps(function)
    def call(*args: Any, options: Any = None, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


THEIRS = Library("torch", torch.nn.functional, torch.nn)
OURS = Library("neglog", neglog.functional, neglog)
