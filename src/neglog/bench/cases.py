"""The lines of the table, in its order: the one place to add one."""

from __future__ import annotations

import torch

from neglog.bench.case import Case, Line
from neglog.bench.derivatives import (
    Derivative,
    create_graph,
    func_grad,
    hessian,
    jvp,
    penalty,
    vmap_grad,
)
from neglog.bench.inputs import (
    binary,
    classes,
    counts,
    log_classes,
    next_tokens,
    probabilities,
    real,
    signs,
    soft_classes,
    soft_targets,
    with_variance,
)
from neglog.bench.models import Step, factors, network, sampled, segmentation

_MANY = (3_000_000,)
_TABLE = (100_000, 30)
_FEW_CLASSES = (1_000_000, 10)
_CLASSES = (65_536, 1000)
_WORDS = (4096, 32_000)
_OF_IMAGES = (2, 4, 19)  # classes of an image
_TINY = (64,)
_ORDERS = (4096, 1000)
_BCE = "binary_cross_entropy_with_logits"
_SMOOTH = {"label_smoothing": 0.1}
_BATCHMEAN = {"reduction": "batchmean"}  # torch warns of kl_div's "mean"
_NONE = {"reduction": "none"}
_HALF = torch.bfloat16

CASES: tuple[Line, ...] = (
    Case(_BCE, _MANY, binary),
    Case(_BCE, _TABLE, binary, "pos_weight weight", weights=("pos_weight", "weight")),
    Case("binary_cross_entropy", _MANY, probabilities),
    Case("mse_loss", _MANY, real),
    Case("l1_loss", _MANY, real),
    Case("smooth_l1_loss", _MANY, real),
    Case("huber_loss", _MANY, real),
    Case("gaussian_nll_loss", _MANY, with_variance),
    Case("gaussian_nll_loss", _MANY, with_variance, "var's gradient", needs_grad=(0, 2)),
    Case("poisson_nll_loss", _MANY, counts),
    Case("soft_margin_loss", _MANY, signs),
    Case("kl_div", _TABLE, soft_targets, "batchmean", options=_BATCHMEAN),
    Case("multilabel_soft_margin_loss", _TABLE, binary),
    Case("cross_entropy", (3_000_000, 3), classes),
    Case("cross_entropy", _FEW_CLASSES, classes),
    Case("cross_entropy", _CLASSES, classes),
    Case("cross_entropy", _CLASSES, classes, "weight", weights=("weight",)),
    Case("cross_entropy", _CLASSES, classes, "smoothing", options=_SMOOTH),
    Case("cross_entropy", _CLASSES, classes, "weight smoothing", options=_SMOOTH,
         weights=("weight",)),
    Case("cross_entropy", _WORDS, classes),
    Case("cross_entropy", (65_536, 100), soft_classes, "soft targets"),
    Case("cross_entropy", (8, 21, 256, 256), classes, "segmentation"),
    *(Case("cross_entropy", (2, k, 256, 256), soft_classes, "soft images") for k in _OF_IMAGES),
    *(Case("cross_entropy", (2, k, 256, 256), classes, "smoothed images", options=_SMOOTH)
      for k in _OF_IMAGES),
    Case("cross_entropy", (8, 256, 8000), next_tokens, "next-token slice",
         options={"class_dim": -1}),
    Case("cross_entropy", (8, 256, 8000), next_tokens, "smoothed slice",
         options=_SMOOTH | {"class_dim": -1}),
    Case("nll_loss", _CLASSES, log_classes),
    Case(_BCE, _MANY, binary, dtype=_HALF),
    Case("mse_loss", _MANY, real, dtype=_HALF),
    Case("cross_entropy", _FEW_CLASSES, classes, dtype=_HALF),
    Case("cross_entropy", _CLASSES, classes, dtype=_HALF),
    Case("cross_entropy", _WORDS, classes, dtype=_HALF),
    Case(_BCE, _MANY, binary, "none", options=_NONE),
    Case("mse_loss", _MANY, real, "none", options=_NONE),
    Case("cross_entropy", _FEW_CLASSES, classes, "none", options=_NONE),
    Case(_BCE, _MANY, binary, "no_grad", forward=True),
    Case("mse_loss", _MANY, real, "no_grad", forward=True),
    Case("cross_entropy", _FEW_CLASSES, classes, "no_grad", forward=True),
    Case("cross_entropy", _CLASSES, classes, "no_grad", forward=True),
    Case("cross_entropy", _ORDERS, soft_classes, "target's gradient", needs_grad=(0, 1)),
    Derivative("cross_entropy", _ORDERS, classes, "create_graph", derive=create_graph),
    Derivative("cross_entropy", _ORDERS, classes, "gradient penalty", derive=penalty),
    Derivative("cross_entropy", _ORDERS, classes, "func.grad", derive=func_grad),
    Derivative("cross_entropy", _ORDERS, classes, "jvp", derive=jvp),
    Derivative("cross_entropy", _ORDERS, classes, "vmap(grad)", derive=vmap_grad),
    Derivative("cross_entropy", (4, 100), classes, "Hessian", derive=hessian),
    Derivative(_BCE, _ORDERS, binary, "gradient penalty", derive=penalty),
    Derivative(_BCE, _ORDERS, binary, "jvp", derive=jvp),
    Derivative("huber_loss", _ORDERS, real, "gradient penalty", derive=penalty),
    Case("cross_entropy", (32, 10), classes, group="small"),
    Case("cross_entropy", (256, 100), classes, group="small"),
    Case("mse_loss", _TINY, real, group="small"),
    Case(_BCE, _TINY, binary, group="small"),
    Case("huber_loss", _TINY, real, group="small"),
    Case("poisson_nll_loss", _TINY, counts, group="small"),
    Derivative("cross_entropy", (256, 10), classes, "create_graph", "small", derive=create_graph),
    Derivative("cross_entropy", (256, 10), classes, "func.grad", "small", derive=func_grad),
    Derivative("cross_entropy", (256, 10), classes, "jvp", "small", derive=jvp),
    Derivative("cross_entropy", (256, 10), classes, "vmap(grad)", "small", derive=vmap_grad),
    Step("digits MLP", "128x64", "cross_entropy", network),
    Step("U-Net segmentation", "8x3x256x256", "cross_entropy", segmentation),
    Step("recommender BCE", "65536 pairs", _BCE, factors),
    Step("recommender sampled softmax", "4096x513", "cross_entropy", sampled),
)  # fmt: skip
