"""Lines for the losses that are no declaration: torch's other losses, and losses of several steps.

Each is compared with torch's function of the same name, or with a formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as theirs

from neglog import criteria
from neglog import functional as neglogs
from neglog.bench import formulas
from neglog.bench.batch import Loss, LossTask
from neglog.bench.case import Group, Shape
from neglog.bench.inputs import classes, signs


@dataclass(frozen=True)
class Composed:
    """Loss and gradient by the tensors that the model returns: a line of the table."""

    loss: str
    shape: Shape
    make: Callable[[Shape], tuple[Tensor, ...]]
    outputs: int = 1  # the tensors that require a gradient, the first ones
    options: Mapping[str, Any] = field(default_factory=dict)  # of neglog's loss
    formula: Loss | None = None  # None: torch's function of the same name
    note: str = ""
    order: tuple[int, ...] | None = None  # of the tensors in neglog's loss, if another one
    layer: Callable[[bool], Loss] | None = None  # neglog's or torch's, if it has parameters
    dtype: torch.dtype = torch.float32
    group: Group = "large"
    forward: bool = False
    compiles: bool = True

    @property
    def name(self) -> str:
        """Return the name of the loss."""
        return self.loss

    @property
    def size(self) -> str:
        """Return the shape of the data, in words."""
        return "x".join(map(str, self.shape))

    def task(self) -> LossTask:
        """Create the data, the same in every call."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            tensors = self.make(self.shape)
        tensors = tuple(t.to(self.dtype) if t.is_floating_point() else t for t in tensors)
        for tensor in tensors[: self.outputs]:
            tensor.requires_grad_()
        return LossTask(tensors, self.options, tuple(range(self.outputs)))

    def function(self, ours: bool, keywords: Mapping[str, Any]) -> Loss:
        """Return neglog's loss, or torch's function or formula."""
        if self.layer is not None:
            return self.layer(ours)
        if ours:
            found = partial(getattr(neglogs, self.loss), **keywords)
            order = self.order
            return found if order is None else lambda *given: found(*(given[i] for i in order))
        return self.formula or partial(getattr(theirs, self.loss), **keywords)

    def cast(self, dtype: torch.dtype) -> Composed:
        """Return the same line in another dtype."""
        return replace(self, dtype=dtype)


def _scores(shape: Shape) -> tuple[Tensor, ...]:
    return torch.randn(shape), torch.randn(shape), signs(shape)[1]


def _distances(shape: Shape) -> tuple[Tensor, ...]:
    return torch.rand(shape), signs(shape)[1]


def _binary(shape: Shape) -> tuple[Tensor, ...]:
    return torch.randn(shape), (torch.rand(shape) > 0.5).float()


def _label_lists(shape: Shape) -> tuple[Tensor, ...]:
    lists = torch.rand(shape).argsort(1)
    return torch.randn(shape), lists.where(torch.arange(shape[1]) < 3, -1)


def _embeddings(shape: Shape) -> tuple[Tensor, ...]:
    return torch.randn(shape), torch.randn(shape), torch.randn(shape)


def _pairs(shape: Shape) -> tuple[Tensor, ...]:
    return torch.randn(shape), torch.randn(shape), signs(shape[:1])[1]


def _sequences(shape: Shape) -> tuple[Tensor, ...]:
    steps, size, count = shape
    labels = torch.randint(1, count, (size, steps // 4))
    frames, length = torch.full((size,), steps), torch.full((size,), steps // 4)
    return torch.randn(shape).log_softmax(-1), labels, frames, length


def _frequent(shape: Shape) -> tuple[Tensor, ...]:
    return torch.randn(shape), (_CLUSTERED * torch.rand(shape[0]) ** 3).long()


def _adaptive(ours: bool) -> Loss:
    """Return the loss of a new layer of 256 features, with the same weights in every call."""
    of = criteria.AdaptiveLogSoftmaxWithLoss if ours else torch.nn.AdaptiveLogSoftmaxWithLoss
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = of(256, _CLUSTERED, (1000, 4000))
    return lambda rows, labels: layer(rows, labels).loss


def _mixture(shape: Shape) -> tuple[Tensor, ...]:
    rows, _, width = shape
    mean, log_scale = torch.randn(shape), 0.3 * torch.randn(shape)
    return torch.randn(shape[:2]), mean, log_scale, torch.randn(rows, width)


def _normals(shape: Shape) -> tuple[Tensor, ...]:
    raw = torch.randn(*shape, shape[1])
    factor = raw.tril(-1) + torch.diag_embed(torch.rand(shape) + 0.5)
    return torch.randn(shape), factor, torch.randn(shape)


def _lists(shape: Shape) -> tuple[Tensor, ...]:
    return torch.randn(shape), torch.rand(shape).argsort(1)


def _tied_lists(shape: Shape) -> tuple[Tensor, ...]:
    return torch.randn(shape), torch.randint(0, 5, shape).float()


def _hazards(shape: Shape) -> tuple[Tensor, ...]:
    rows, steps = shape
    event = torch.randint(0, 2, (rows,)).float()
    return torch.randn(shape), torch.randint(0, steps, (rows,)), event


def _survival(shape: Shape, ties: bool = True) -> tuple[Tensor, ...]:
    time = torch.randint(1, 10_000, shape).float() if ties else 1.0 + torch.randperm(*shape)
    return torch.randn(shape), time, torch.randint(0, 2, shape).float()


def _ordered(shape: Shape) -> tuple[Tensor, ...]:
    return torch.randn(shape), torch.linspace(-2, 2, 4), torch.randint(0, 5, shape)


def _conditional(shape: Shape) -> tuple[Tensor, ...]:
    return torch.randn(shape), torch.randint(0, shape[1] + 1, shape[:1])


def _several(shape: Shape) -> tuple[Tensor, ...]:
    return torch.randn(shape), torch.randn(shape[:1])


_CLUSTERED = 10_000  # classes
_MANY = (1_000_000,)
_TABLE = (100_000, 10)
_CLASSES = (16_384, 1000)
_BCE = "binary_cross_entropy_with_logits"
_LEVELS = {"quantile": (0.1, 0.5, 0.9)}

LINES = (
    Composed("hinge_embedding_loss", _MANY, _distances),
    Composed("margin_ranking_loss", _MANY, _scores, 2, {"margin": 0.1}),
    Composed("multi_margin_loss", _TABLE, classes),
    Composed("multilabel_margin_loss", _TABLE, _label_lists),
    Composed("triplet_margin_loss", _TABLE, _embeddings, 3),
    Composed("triplet_margin_loss", (8192, 128), _embeddings, 3),
    Composed("triplet_margin_loss", (8192, 128), _embeddings, 3, {"p": 1.0}, note="p = 1"),
    Composed("triplet_margin_loss", (8192, 128), _embeddings, 3, {"p": math.inf}, note="p = ∞"),
    Composed("triplet_margin_with_distance_loss", (8192, 128), _embeddings, 3),
    Composed("cosine_embedding_loss", _TABLE, _pairs, 2),
    Composed("cosine_embedding_loss", (8192, 128), _pairs, 2),
    Composed("ctc_loss", (100, 64, 160), _sequences),
    Composed("adaptive_log_softmax", (4096, 256), _frequent, layer=_adaptive, compiles=False),
    Composed("mixture_density_loss", (50_000, 5, 4), _mixture, 3, {"full": True},
             formulas.mixture),
    Composed("multivariate_normal_nll_loss", (100_000, 2), _normals, 2, {"full": True},
             formulas.multivariate_normal),
    Composed("multivariate_normal_nll_loss", (50_000, 4), _normals, 2, {"full": True},
             formulas.multivariate_normal),
    Composed("multivariate_normal_nll_loss", (4096, 16), _normals, 2, {"full": True},
             formulas.multivariate_normal),
    Composed("bradley_terry_loss", _MANY, lambda s: (torch.randn(s), torch.randn(s)), 2,
             formula=formulas.bradley_terry),
    Composed("plackett_luce_loss", _TABLE, _lists, formula=formulas.plackett_luce),
    Composed("plackett_luce_loss", (10_000, 100), _lists, formula=formulas.plackett_luce),
    Composed("plackett_luce_loss", (10_000, 100), _tied_lists, 1, {"ties": "breslow"},
             formulas.plackett_luce_ties, "ties"),
    Composed("discrete_hazard_loss", _TABLE, _hazards, formula=formulas.discrete_hazard),
    Composed("cox_ph_loss", _MANY, partial(_survival, ties=False), formula=formulas.cox,
             note="no ties"),
    Composed("cox_ph_loss", _MANY, _survival, 1, {"ties": "breslow"}, formulas.cox, "Breslow"),
    Composed("cox_ph_loss", _MANY, _survival, 1, {}, formulas.cox_efron, "Efron"),
    Composed("ordinal_loss", _MANY, _ordered, 2, {}, formulas.ordinal, order=(0, 2, 1)),
    Composed("corn_loss", _TABLE, _conditional, formula=formulas.corn),
    Composed("quantile_loss", (333_333, 3), _several, 1, _LEVELS, formulas.quantiles),
    Composed("focal_loss", _CLASSES, classes, formula=formulas.focal),
    Composed("generalized_cross_entropy", _CLASSES, classes,
             formula=formulas.generalized_cross_entropy),
    Composed(_BCE, _MANY, _binary, 1, {"label_smoothing": 0.1}, formulas.smoothed, "smoothing"),
)  # fmt: skip
