"""Every message a caller can meet, word by word: errors are part of the product."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import pytest
import torch

import neglog
from neglog import errors, functional

ROW = torch.zeros(4, 3)
LABELS = torch.tensor([0, 1, 2, 0])
F = functional
FRAMES = torch.full((6, 2, 4), 0.25).log()
WORDS = torch.tensor([[1, 1, 2], [2, 3, 0]])
ADAPTIVE = neglog.AdaptiveLogSoftmaxWithLoss(8, 20, [5])

MESSAGES = [
    (
        lambda: F.mse_loss(torch.zeros(64, 1), torch.zeros(64)),
        errors.ShapeError,
        "input and target must have the same shape, but input is (64, 1) and target is (64,); "
        "they would broadcast to (64, 64) and compare every element with every other; "
        "use input.squeeze(1).",
    ),
    (
        lambda: F.mse_loss(torch.zeros(4), torch.zeros(5)),
        errors.ShapeError,
        "input is (4,) and target is (5,); reshape one of them.",
    ),
    (
        lambda: F.mse_loss(torch.zeros(4), torch.zeros(4, 1)),
        errors.ShapeError,
        "use target.squeeze(1).",
    ),
    (
        lambda: F.mse_loss([1.0], torch.zeros(1)),
        errors.ArgumentError,
        "input must be a torch.Tensor, but it is list; use torch.as_tensor(input).",
    ),
    (
        lambda: F.mse_loss(torch.zeros(1).long(), torch.zeros(1).long()),
        errors.DtypeError,
        "one of input and target must be floating, but input is torch.int64 and target is "
        "torch.int64; use input.float().",
    ),
    (
        lambda: F.mse_loss(torch.zeros(3), torch.tensor([0.0, float("nan"), 1.0])),
        errors.SupportError,
        "target must hold a finite number everywhere, but 1 of 3 values are not, the first nan at "
        "index 1; NaN often comes from a missing value or an earlier overflow.",
    ),
    (
        lambda: F.mse_loss(ROW, ROW, weight=torch.ones(3)),
        errors.ShapeError,
        "input and weight must have the same shape, but input is (4, 3) and weight is (3,)",
    ),
    (
        lambda: F.binary_cross_entropy_with_logits(torch.zeros(2), torch.zeros(2).long()),
        errors.DtypeError,
        "input and target must have the same floating dtype, but input is torch.float32 and "
        "target is torch.int64; use target.to(input.dtype).",
    ),
    (
        lambda: F.binary_cross_entropy(torch.tensor([0.5, 3.2]), torch.zeros(2)),
        errors.SupportError,
        "input must hold a number from 0 to 1 everywhere, but 1 of 2 values are not, the first "
        "3.2 at index 1; these look like logits; use binary_cross_entropy_with_logits.",
    ),
    (
        lambda: F.binary_cross_entropy(torch.tensor(float("nan")), torch.tensor(0.0)),
        errors.SupportError,
        "the first nan at the scalar; NaN often comes from",
    ),
    (
        lambda: F.binary_cross_entropy_with_logits(ROW, torch.full_like(ROW, 255)),
        errors.SupportError,
        "the first 255 at index (0, 0); this looks like a 0/255 mask; divide the target by 255.",
    ),
    (
        lambda: F.binary_cross_entropy_with_logits(torch.zeros(2), torch.tensor([-1.0, 1.0])),
        errors.SupportError,
        "these look like −1/+1 labels; pass (target + 1) / 2.",
    ),
    (
        lambda: F.binary_cross_entropy_with_logits(ROW, ROW, weight=torch.ones(4)),
        errors.ShapeError,
        "weight must broadcast to the input's shape (4, 3), but it is (4,); pass class_dim=0.",
    ),
    (
        lambda: F.binary_cross_entropy_with_logits(ROW, ROW, pos_weight=torch.ones(2)),
        errors.ShapeError,
        "pos_weight must broadcast to the input's shape (4, 3), but it is (2,); give it one value "
        "per class, in the input's last dimension.",
    ),
    (
        lambda: F.binary_cross_entropy_with_logits(
            ROW, ROW, pos_weight=torch.ones(3, requires_grad=True)
        ),
        errors.ArgumentError,
        "pos_weight is a constant, but it requires a gradient; pass pos_weight.detach().",
    ),
    (
        lambda: F.cross_entropy(ROW, LABELS, weight=torch.ones(2)),
        errors.ShapeError,
        "weight must have one value for each of 3 classes, shape (3,), but it is (2,).",
    ),
    (
        lambda: F.cross_entropy(ROW, LABELS + 1),
        errors.SupportError,
        "labels must lie in [0, 2] for 3 classes, but target has 1 of 4 values outside (smallest "
        "1, largest 3), the first 3 at index 2; the labels look 1-based (1..3); subtract 1.",
    ),
    (
        lambda: F.cross_entropy(ROW, torch.tensor([0, 255, 1, 2])),
        errors.SupportError,
        "the first 255 at index 1; 255 often marks what to ignore; pass ignore_index=255.",
    ),
    (
        lambda: F.nll_loss(ROW, torch.tensor([0, -1, 1, 2])),
        errors.SupportError,
        "the first -1 at index 1; -1 often marks what to ignore; pass ignore_index=-1.",
    ),
    (
        lambda: F.cross_entropy(ROW, LABELS.float()),
        errors.DtypeError,
        "class labels must be integers, but target is torch.float32 of shape (4,); call "
        "target.long() for labels; class probabilities have the shape of the input.",
    ),
    (
        lambda: F.cross_entropy(ROW, LABELS[:, None]),
        errors.ShapeError,
        "for input (4, 3) labels must be (4,), but target is (4, 1); use target.squeeze(1).",
    ),
    (
        lambda: F.cross_entropy(ROW, ROW.long()),
        errors.ShapeError,
        "this looks one-hot; pass target.argmax(1), or target.to(input.dtype); for rows with "
        "several labels use binary_cross_entropy_with_logits.",
    ),
    (
        lambda: F.cross_entropy(torch.zeros(2, 7, 5), torch.zeros(2, 7).long()),
        errors.ShapeError,
        "the classes seem to be in the last dimension, of size 5; pass class_dim=-1.",
    ),
    (
        lambda: F.cross_entropy(torch.zeros(4, 1), torch.zeros(4).long()),
        errors.ShapeError,
        "input must have two classes or more in its class dimension, but it is (4, 1); with one "
        "class the loss is always 0; for a binary head use binary_cross_entropy_with_logits.",
    ),
    (
        lambda: F.cross_entropy(torch.zeros(4, 0), torch.zeros(4).long()),
        errors.ShapeError,
        "input must have two classes or more in its class dimension, but it is (4, 0).",
    ),
    (
        lambda: F.cross_entropy(torch.tensor(1.0), torch.tensor(0)),
        errors.ShapeError,
        "input must be (C,), (N, C) or (N, C, d1, …), but it is a scalar.",
    ),
    (
        lambda: F.cross_entropy(LABELS, ROW),
        errors.DtypeError,
        "input must be floating, but it is torch.int64; the prediction comes first, the target",
    ),
    (
        lambda: F.cross_entropy(ROW, LABELS, label_smoothing=1.5),
        errors.ArgumentError,
        "label_smoothing must lie in [0, 1], but it is 1.5.",
    ),
    (
        lambda: F.cross_entropy(ROW, ROW + 1 / 3, ignore_index=1),
        errors.ArgumentError,
        "ignore_index needs class labels, but target holds probabilities; exclude rows with mask=.",
    ),
    (
        lambda: F.log_softmax(LABELS, 0),
        errors.DtypeError,
        "input must be floating, but it is torch.int64",
    ),
    (
        lambda: F.mse_loss(ROW, ROW, reduction="average"),
        errors.ArgumentError,
        "reduction must be one of ('none', 'mean', 'sum', 'batchmean'), but it is 'average'.",
    ),
    (
        lambda: neglog.MSELoss("sum"),
        errors.ArgumentError,
        "`size_average` must be a bool or None, but it is 'sum'; pass it by name, reduction=….",
    ),
    (
        lambda: neglog.CrossEntropyLoss(None, True, -100, "sum"),
        errors.ArgumentError,
        "`reduce` must be a bool or None, but it is 'sum'",
    ),
    (
        lambda: F.l1_loss(ROW, ROW, torch.ones(4)),
        errors.ArgumentError,
        "`size_average` must be a bool or None, but it is a tensor; pass it by name, weight=….",
    ),
    (
        lambda: neglog.CrossEntropyLoss(ROW, LABELS),
        errors.ArgumentError,
        "CrossEntropyLoss is made of options, but got tensors; make the criterion first, then call "
        "it with tensors.",
    ),
    (
        lambda: F.huber_loss(ROW, ROW, delta="wide"),
        errors.ArgumentError,
        "delta must be a number, but it is 'wide'.",
    ),
    (
        lambda: F.huber_loss(ROW, ROW, delta=torch.tensor(1.0)),
        errors.ArgumentError,
        "delta must be a number, but it is a tensor; pass a number, such as delta.item().",
    ),
    (
        lambda: F.binary_cross_entropy_with_logits(ROW, ROW, weight="balanced"),
        errors.ArgumentError,
        "weight must be a tensor, a number or a list of numbers, but it is str.",
    ),
    (
        lambda: F.soft_margin_loss(ROW, ROW, ignore_index="none"),
        errors.ArgumentError,
        "ignore_index must be a number, but it is 'none'.",
    ),
    (
        lambda: F.linear_cross_entropy((ROW[None],), ROW[None], LABELS),
        errors.ArgumentError,
        "input must be a torch.Tensor, but it is tuple; pass outputs[0].",
    ),
    (
        lambda: F.mse_loss(ROW.to_sparse(), ROW),
        errors.ArgumentError,
        "input must be a dense tensor, but its layout is torch.sparse_coo; use input.to_dense().",
    ),
    (
        lambda: F.mse_loss(ROW.to(torch.float8_e4m3fn), ROW),
        errors.ArgumentError,
        "input must be a dense tensor, but it is torch.float8_e4m3fn; use input.float().",
    ),
    (
        lambda: neglog.MSELoss(reduction="Mean"),
        errors.ArgumentError,
        "but it is 'Mean'; write 'mean'.",
    ),
    (
        lambda: F.huber_loss(ROW, ROW, delta=0),
        errors.ArgumentError,
        "delta must be above 0, but it is 0.",
    ),
    (
        lambda: F.smooth_l1_loss(ROW, ROW, beta=-1.0),
        errors.ArgumentError,
        "beta must be 0 or more, but it is -1.0.",
    ),
    (
        lambda: F.poisson_nll_loss(ROW, ROW, full="yes"),
        errors.ArgumentError,
        "full must be one of (False, True, 'exact'), but it is 'yes'.",
    ),
    (
        lambda: F.poisson_nll_loss(ROW, torch.tensor([[1.0, 2, 3]] * 3 + [[4, 5, -1]])),
        errors.SupportError,
        "target must hold a count of at least 0 everywhere, but 1 of 12 values are not, the first "
        "-1 at index (3, 2).",
    ),
    (
        lambda: F.poisson_nll_loss(ROW - 1, ROW, log_input=False),
        errors.SupportError,
        "input must hold a number of 0 or more everywhere",
    ),
    (
        lambda: F.kl_div(ROW, ROW - 1.5, reduction="sum"),
        errors.SupportError,
        "these look like logarithms; pass log_target=True.",
    ),
    (
        lambda: F.soft_margin_loss(ROW, ROW),
        errors.SupportError,
        "target must hold −1 or +1 everywhere, but 12 of 12 values are not, the first 0 at index "
        "(0, 0); these look like 0/1 labels; pass 2 * target - 1.",
    ),
    (
        lambda: F.gaussian_nll_loss(ROW, ROW, ROW - 1),
        errors.SupportError,
        "variance must hold a number of 0 or more everywhere, but 12 of 12 values are not, the "
        "first -1 at index (0, 0).",
    ),
    (
        lambda: F.gaussian_nll_loss(ROW, ROW, torch.ones(2)),
        errors.ShapeError,
        "var must have the input's shape (4, 3), a last dimension of 1, or be one number, "
        "but it is (2,).",
    ),
    (
        lambda: F.gaussian_nll_loss(ROW, ROW, -1.0),
        errors.ArgumentError,
        "var must be 0 or more, but it is -1.0.",
    ),
    (
        lambda: F.gaussian_nll_loss(ROW, ROW, [1.0]),
        errors.ArgumentError,
        "var must be a torch.Tensor or a number, but it is list.",
    ),
    (
        lambda: F.mse_loss(ROW, ROW, mask=ROW),
        errors.ArgumentError,
        "mask must be a tensor of torch.bool, True where an element counts, but it is "
        "torch.float32; use mask.bool().",
    ),
    (
        lambda: F.mse_loss(ROW, ROW, mask=[True] * 4),
        errors.ArgumentError,
        "True where an element counts, but it is list; use torch.as_tensor(mask).",
    ),
    (
        lambda: F.cross_entropy(torch.zeros(5), torch.tensor([3, 1, 4, 2, 0])),
        errors.ShapeError,
        "for input (5,) labels must be (), but target is (5,).",
    ),
    (
        lambda: F.sum_and_count(F.mse_loss, ROW, ROW, normalizer=3),
        errors.ArgumentError,
        "normalizer is the divisor of a mean, but reduction is 'sum and count'; leave it out.",
    ),
    (
        lambda: F.mse_loss(ROW, ROW, mask=torch.ones(3).bool()),
        errors.ShapeError,
        "mask must have the losses' shape (4, 3) or its leading dimensions, but it is (3,).",
    ),
    (
        lambda: F.cross_entropy(ROW, LABELS, sample_weight=[1.0] * 4),
        errors.ArgumentError,
        "sample_weight must be a torch.Tensor, but it is list; use torch.as_tensor(sample_weight).",
    ),
    (
        lambda: F.mse_loss(ROW, ROW, normalizer=3, reduction="sum"),
        errors.ArgumentError,
        "normalizer is the divisor of a mean, but reduction is 'sum'; pass reduction=\"mean\".",
    ),
    (
        lambda: F.mse_loss(ROW, ROW, normalizer=0),
        errors.ArgumentError,
        "normalizer must be a finite number above 0, or a 0-dimensional tensor, but it is 0.",
    ),
    (
        lambda: F.mse_loss(ROW, ROW, normalizer=torch.ones(4)),
        errors.ArgumentError,
        "normalizer must be one number, but it has shape (4,); use normalizer.sum().",
    ),
    (
        lambda: F.mse_loss(ROW, ROW, normalizer=torch.tensor(1.0, requires_grad=True)),
        errors.ArgumentError,
        "normalizer must be one number, but it requires a gradient; use normalizer.detach().",
    ),
    (
        lambda: neglog.MSELoss(empty="none"),
        errors.ArgumentError,
        "empty must be one of ('nan', 'zero'), but it is 'none'.",
    ),
    (
        lambda: F.cross_entropy(ROW, LABELS, ignore_index=1.5),
        errors.ArgumentError,
        "ignore_index must be an integer, but it is 1.5.",
    ),
    (
        lambda: F.cross_entropy(ROW, LABELS, class_dim=2),
        errors.ArgumentError,
        "class_dim must be a dimension of the input (4, 3), but it is 2.",
    ),
    (
        lambda: F.cross_entropy(ROW, LABELS, weight=[1.0, 1.0, 1.0]),
        errors.ArgumentError,
        "weight must be a torch.Tensor, but it is list",
    ),
    (
        lambda: F.mse_loss(ROW, ROW, weight=[1.0]),
        errors.ArgumentError,
        "weight must be a torch.Tensor, but it is list",
    ),
    (
        lambda: F.huber_loss(ROW, ROW, weight=1.0),
        errors.ArgumentError,
        "weight must be a torch.Tensor, but it is float",
    ),
    (
        lambda: F.smooth_l1_loss([1.0], ROW),
        errors.ArgumentError,
        "input must be a torch.Tensor, but it is list",
    ),
    (
        lambda: F.smooth_l1_loss(ROW, None),
        errors.ArgumentError,
        "target must be a torch.Tensor, but it is NoneType",
    ),
    (
        lambda: F.cross_entropy(ROW, LABELS, weight=torch.ones(3, dtype=torch.complex64)),
        errors.DtypeError,
        "weight must be real, but it is torch.complex64.",
    ),
    (
        lambda: neglog.CrossEntropyLoss(weight=[1.0, float("inf")]),
        errors.ArgumentError,
        "weight must be finite and 0 or more, but it is inf at index 1; perhaps its count was 0",
    ),
    (
        lambda: neglog.BCEWithLogitsLoss(pos_weight=-3.0),
        errors.ArgumentError,
        "pos_weight must be finite and 0 or more, but it is -3 at the scalar.",
    ),
    (
        lambda: neglog.CrossEntropyLoss(weight="balanced"),
        errors.ArgumentError,
        "weight must be a tensor, a number or a list of numbers, but it is str.",
    ),
]

MESSAGES += [
    (
        lambda: F.mse_loss(ROW + 1j, ROW),
        errors.DtypeError,
        "input must be real: complex tensors are not supported, but it is torch.complex64; pass "
        "torch.view_as_real(input), its real and imaginary parts.",
    ),
    (lambda: F.huber_loss(ROW, ROW + 1j), errors.DtypeError, "torch.view_as_real(target)"),
    (
        lambda: F.binary_cross_entropy_with_logits(ROW + 1j, ROW),
        errors.DtypeError,
        "torch.view_as_real(input)",
    ),
    (lambda: F.cross_entropy(ROW + 1j, LABELS), errors.DtypeError, "torch.view_as_real(input)"),
    (lambda: F.cross_entropy(ROW, LABELS + 1j), errors.DtypeError, "torch.view_as_real(target)"),
    (lambda: F.poisson_nll_loss(ROW + 1j, ROW), errors.DtypeError, "torch.view_as_real(input)"),
    (lambda: F.gaussian_nll_loss(ROW, ROW, ROW + 1j), errors.DtypeError, "view_as_real"),
    (
        lambda: F.mse_loss(ROW, ROW, sample_weight=ROW + 1j),
        errors.DtypeError,
        "torch.view_as_real(sample_weight)",
    ),
    (
        lambda: F.cross_entropy((ROW, ROW[0]), LABELS),
        errors.ArgumentError,
        "input must be a torch.Tensor, but it is tuple; pass outputs[0].",
    ),
    (lambda: F.cross_entropy([ROW], LABELS), errors.ArgumentError, "pass outputs[0]."),
    (
        lambda: F.cross_entropy([ROW[0], ROW[1]], LABELS),
        errors.ArgumentError,
        "input must be a torch.Tensor, but it is list; use torch.stack(input), or pass outputs[0] "
        "if the others are extra outputs.",
    ),
    (
        lambda: F.cross_entropy({"logits": ROW}, LABELS),
        errors.ArgumentError,
        'it is dict; pass outputs["logits"], or outputs.logits of an output object.',
    ),
    (
        lambda: F.cross_entropy(Output(torch.tensor(0.0), ROW), LABELS),
        errors.ArgumentError,
        "pass outputs.logits.",
    ),
    (
        lambda: F.cross_entropy(Named(ROW, ROW), LABELS),
        errors.ArgumentError,
        "pass outputs.logits.",
    ),
    (lambda: F.cross_entropy(ROW, {"y": LABELS}), errors.ArgumentError, 'pass target["y"]'),
    (
        lambda: F.cross_entropy(ROW, LABELS, sample_weight=torch.tensor([1.0, -1.0, 2.0, -2.0])),
        errors.ArgumentError,
        "a mean divides by the sum of sample_weight, which must be above 0, but the sum of these 4 "
        "is 0; positive and negative ones cancel; pass normalizer=len(batch) to divide by the "
        "number of rows.",
    ),
    (
        lambda: F.mse_loss(ROW, ROW, normalizer=torch.tensor(-3.0)),
        errors.ArgumentError,
        "normalizer must be a finite number above 0, or a 0-dimensional tensor, but it "
        "is a tensor of -3.0.",
    ),
    (
        lambda: F.hinge_embedding_loss(ROW, torch.zeros(4, 3)),
        errors.SupportError,
        "target must hold −1 or +1 everywhere, but 12 of 12 values are not, the first 0 at index "
        "(0, 0); these look like 0/1 labels; pass 2 * target - 1.",
    ),
    (
        lambda: F.hinge_embedding_loss(LABELS, torch.ones(4)),
        errors.DtypeError,
        "input must be floating, but it is torch.int64; the prediction comes first, the target",
    ),
    (
        lambda: F.margin_ranking_loss(ROW, ROW, torch.ones(4, 1)),
        errors.ShapeError,
        "input1 and target must have the same shape, but input1 is (4, 3) and target is (4, 1); "
        "they would broadcast to (4, 3)",
    ),
    (
        lambda: F.cosine_embedding_loss(torch.ones(2, 1, 3), torch.ones(2, 1, 3), torch.ones(2, 1)),
        errors.ShapeError,
        "input1 must be (N, D) or (D,), but it is (2, 1, 3); use input1.flatten(0, -2) for more "
        "rows",
    ),
    (
        lambda: F.cosine_embedding_loss(ROW, ROW, torch.ones(1)),
        errors.ShapeError,
        "for input1 (4, 3) target must be (4,), but it is (1,).",
    ),
    (
        lambda: F.cosine_embedding_loss(ROW, ROW, torch.tensor([1, -1, 0, 1])),
        errors.SupportError,
        "target must hold −1 or +1 everywhere, but 1 of 4 values are not, the first 0 at index 2.",
    ),
    (
        lambda: F.triplet_margin_loss(ROW, ROW, ROW[:1]),
        errors.ShapeError,
        "anchor and negative must have the same shape, but anchor is (4, 3) and negative is (1, 3)",
    ),
    (
        lambda: F.triplet_margin_loss(ROW, ROW, torch.tensor(1.0)),
        errors.ShapeError,
        "anchor and negative must have the same shape, but anchor is (4, 3) and negative is ()",
    ),
    (
        lambda: F.triplet_margin_loss(*torch.zeros(3)),
        errors.ShapeError,
        "anchor must hold rows of features, but it is a scalar.",
    ),
    (
        lambda: F.triplet_margin_with_distance_loss(ROW, ROW, ROW, distance_function=torch.sub),
        errors.ShapeError,
        "distance_function must return one distance per row, (4,), but it returned (4, 3); sum "
        "over the last dimension, as (a - b).abs().sum(-1).",
    ),
    (
        lambda: F.triplet_margin_with_distance_loss(
            ROW, ROW, ROW, distance_function=lambda a, b: (a - b).norm(dim=-1, keepdim=True)
        ),
        errors.ShapeError,
        "distance_function must return one distance per row, (4,), but it returned (4, 1)",
    ),
    (
        lambda: F.triplet_margin_with_distance_loss(ROW, ROW, ROW, distance_function=F.mse_loss),
        errors.ShapeError,
        "distance_function must return one distance per row, (4,), but it returned ()",
    ),
    (
        lambda: F.triplet_margin_with_distance_loss(
            ROW, ROW, ROW, distance_function=lambda a, b: 1.0
        ),
        errors.ArgumentError,
        "the result of distance_function must be a torch.Tensor, but it is float",
    ),
    (
        lambda: F.triplet_margin_with_distance_loss(ROW, ROW, ROW, distance_function=2),
        errors.ArgumentError,
        "distance_function must be a function of two tensors, but it is int.",
    ),
    (
        lambda: F.triplet_margin_loss(ROW, ROW, ROW, p=-1.0),
        errors.ArgumentError,
        "p must be 0 or more, but it is -1.0.",
    ),
    (
        lambda: F.poisson_nll_loss(ROW, ROW, eps=-1.0),
        errors.ArgumentError,
        "eps must be 0 or more, but it is -1.0.",
    ),
    (
        lambda: F.hinge_embedding_loss(ROW, ROW, torch.tensor(1.0)),
        errors.ArgumentError,
        "margin must be a number, but it is a tensor; pass a number, such as margin.item().",
    ),
    (
        lambda: F.hinge_embedding_loss(ROW, ROW, float("nan")),
        errors.ArgumentError,
        "margin must be a finite number, but it is nan.",
    ),
    (
        lambda: F.crps_loss(ROW, float("nan"), ROW),
        errors.ArgumentError,
        "scale must be a finite number, but it is nan.",
    ),
    (
        lambda: F.student_t_nll_loss(ROW, 1.0, ROW, True),
        errors.ArgumentError,
        "df must be a number, but it is True.",
    ),
    (
        lambda: F.log_cosh_loss(ROW, ROW, "mean"),
        errors.ArgumentError,
        "full must be True or False, but it is 'mean'.",
    ),
    (
        lambda: F.binary_cross_entropy(ROW, ROW, class_dim="a"),
        errors.ArgumentError,
        "class_dim must be an integer, but it is 'a'.",
    ),
    (
        lambda: F.soft_margin_loss(ROW, ROW, ignore_index=float("nan")),
        errors.ArgumentError,
        "ignore_index must be a number, but it is nan; pass mask=~target.isnan().",
    ),
    (
        lambda: F.log_softmax(ROW, 2),
        errors.SupportError,
        "dim must be a dimension of the input (4, 3), but it is 2.",
    ),
    (
        lambda: F.log_softmax(ROW, 1, dtype=torch.int64),
        errors.ArgumentError,
        "dtype must be a floating torch.dtype, but it is torch.int64.",
    ),
    (
        lambda: F.multi_margin_loss(ROW, LABELS + 1),
        errors.SupportError,
        "labels must lie in [0, 2] for 3 classes, but target has 1 of 4 values outside",
    ),
    (
        lambda: F.multi_margin_loss(ROW[None], LABELS),
        errors.ShapeError,
        "input must be (C,) or (N, C), but it is (1, 4, 3); use input.flatten(0, -2) for more",
    ),
    (
        lambda: F.multilabel_margin_loss(ROW, ROW),
        errors.DtypeError,
        "target must hold integers, the indices of the labels, then −1, but it is torch.float32; "
        "use target.long().",
    ),
    (
        lambda: F.multilabel_margin_loss(ROW, LABELS[:, None] + torch.arange(3)),
        errors.SupportError,
        "target must hold class indices from 0 to 2, then −1, but it is 3 at index (1, 2).",
    ),
    (
        lambda: F.multilabel_margin_loss(ROW, torch.eye(4, 3).long()),
        errors.SupportError,
        "but it is only 0 and 1; this looks multi-hot; pass the indices of the ones, or use "
        "multilabel_soft_margin_loss.",
    ),
]


def ctc(targets=WORDS, frames=(6, 5), lengths=(3, 2), log_probs=FRAMES, **options):
    return lambda: F.ctc_loss(log_probs, targets, frames, lengths, **options)


MESSAGES += [
    (
        ctc(log_probs=FRAMES + 2),
        errors.SupportError,
        "log_probs must hold logarithms of probabilities, at most 0, but the largest of sequence "
        "0 is 0.613706; these look like logits; pass log_probs.log_softmax(-1).",
    ),
    (
        ctc(log_probs=FRAMES[None]),
        errors.ShapeError,
        "log_probs must be (T, N, C) or (T, C), but it is (1, 6, 2, 4).",
    ),
    (
        ctc(WORDS.float()),
        errors.DtypeError,
        "targets must hold integers, class labels, but it is torch.float32; use targets.long().",
    ),
    (
        ctc(WORDS + 1),
        errors.SupportError,
        "labels must lie in [0, 3] for 4 classes, without the blank, but targets has 1 others, "
        "the first 4 at index (1, 1).",
    ),
    (
        ctc(WORDS - 1),
        errors.SupportError,
        "but targets has 2 others, the first 0 at index (0, 0); number the labels without the "
        "blank 0, or pass blank=….",
    ),
    (
        ctc(blank=4),
        errors.SupportError,
        "blank must be a class, in [0, 3], but it is 4.",
    ),
    (
        ctc(frames=(6, 7)),
        errors.SupportError,
        "input_lengths must lie in [0, 6], the number of frames, but it is 7 at index 1.",
    ),
    (
        ctc(lengths=(4, 1)),
        errors.SupportError,
        "target_lengths must lie in [0, 3], the number of labels, but it is 4 at index 0.",
    ),
    (
        ctc(log_probs=FRAMES.transpose(0, 1)),
        errors.ShapeError,
        "input_lengths must hold one length for each of 6 sequences, (6,), but it is (2,); if the "
        "batch comes first, pass log_probs.transpose(0, 1).",
    ),
    (
        ctc(frames=torch.tensor([6.0, 5.0])),
        errors.DtypeError,
        "input_lengths must hold integers, one for each sequence, but it is torch.float32",
    ),
    (
        ctc(frames=(3, 5)),
        errors.SupportError,
        "each target must fit into its frames, with one more between equal labels, but target 0 of "
        "3 labels requires 4 frames and input_lengths is 3 at index 0; exclude it with mask=, or "
        "pass zero_infinity=True.",
    ),
    (
        ctc(frames=(3, 1)),
        errors.SupportError,
        "input_lengths is 3 at index 0; 2 of 2 targets do not;",
    ),
    (
        ctc(WORDS.flatten()),
        errors.ShapeError,
        "targets must be (2, S), or (5,) with all labels in a row, but it is (6,).",
    ),
    (
        lambda: F.cox_ph_loss(ROW[:, :1], LABELS, LABELS > 0),
        errors.ShapeError,
        "log_hazard and time must have the same shape, but log_hazard is (4, 1) and time is (4,); "
        "they would broadcast to (4, 4) and compare every element with every other; use "
        "log_hazard.squeeze(1).",
    ),
    (
        lambda: F.cox_ph_loss(ROW, ROW, ROW),
        errors.ShapeError,
        "log_hazard must be (N,), but it is (4, 3); use log_hazard.flatten().",
    ),
    (
        lambda: F.cox_ph_loss(ROW[:, 0], LABELS, LABELS),
        errors.SupportError,
        "event must hold 0 or 1 everywhere, but 1 of 4 values are not, the first 2 at index 2.",
    ),
    (
        lambda: F.cox_ph_loss(ROW[:, 0], ROW[:, 0] / 0, LABELS > 0),
        errors.SupportError,
        "time must hold a finite number everywhere, but 4 of 4 values are not",
    ),
    (
        lambda: F.cox_ph_loss(ROW[:, 0], LABELS, LABELS > 0, sample_weight=LABELS - 1.0),
        errors.ArgumentError,
        "sample_weight must be 0 or more in risk sets, but it is -1 at index 0.",
    ),
    (
        lambda: F.cox_ph_loss(ROW[:, 0], LABELS, LABELS > 0, ties="exact"),
        errors.ArgumentError,
        "ties must be one of ('efron', 'breslow'), but it is 'exact'.",
    ),
    (
        lambda: F.cox_ph_loss(ROW[:, 0], LABELS, LABELS > 0, strata=ROW[:, 0]),
        errors.DtypeError,
        "strata must hold integers, the number of each one's stratum, but it is torch.float32",
    ),
    (
        lambda: F.discrete_hazard_loss(ROW, LABELS + 1, LABELS > 0),
        errors.SupportError,
        "interval must lie in [0, 2] for 3 intervals, but it is 3 at index 2; subtract 1 if they "
        "count from 1, or emit one more logit.",
    ),
    (
        lambda: F.discrete_hazard_loss(ROW, LABELS[:, None], LABELS > 0),
        errors.ShapeError,
        "logits must be (…, T) and interval (…), but logits is (4, 3) and interval is (4, 1).",
    ),
    (
        lambda: F.plackett_luce_loss(ROW, ROW, sample_weight=ROW + 1),
        errors.ShapeError,
        "sample_weight must be one number per list, (4,), but it is (4, 3).",
    ),
    (
        lambda: F.plackett_luce_loss(ROW, ROW, top_k=0),
        errors.ArgumentError,
        "top_k must be a number of places, 1 or more, but it is 0.",
    ),
    (
        lambda: F.plackett_luce_loss(torch.tensor(1.0), torch.tensor(1.0)),
        errors.ShapeError,
        "input must hold lists of scores, (…, K), but it is a scalar.",
    ),
    (
        lambda: F.mixture_density_loss(ROW, ROW, ROW, ROW),
        errors.ShapeError,
        "logits must be (…, K), mean (…, K, D) or (…, K), and target (…, D) or (…), but logits is "
        "(4, 3), mean (4, 3, 1) and target (4, 3, 1).",
    ),
    (
        lambda: F.mixture_density_loss(ROW, ROW, ROW[:, :2], ROW[:, 0]),
        errors.ShapeError,
        "log_scale must be (4, 3, 1), or have one scale for each component, but it is (4, 2, 1).",
    ),
    (
        lambda: F.multivariate_normal_nll_loss(ROW, torch.eye(2), ROW),
        errors.ShapeError,
        "scale_tril must be (4, 3, 3) or (3, 3) for mean (4, 3), but it is (2, 2).",
    ),
    (
        lambda: F.multivariate_normal_nll_loss(ROW, 2 + torch.eye(3), ROW),
        errors.SupportError,
        "scale_tril must be lower triangular, but it is 2 at index (0, 1); this looks like a "
        "covariance matrix; pass torch.linalg.cholesky(scale_tril).",
    ),
    (
        lambda: F.multivariate_normal_nll_loss(ROW, torch.ones(3, 3).triu(), ROW),
        errors.SupportError,
        "scale_tril must be lower triangular, but it is 1 at index (0, 1); use scale_tril.tril().",
    ),
    (
        lambda: F.multivariate_normal_nll_loss(ROW, -torch.eye(3), ROW),
        errors.SupportError,
        "scale_tril must have a positive diagonal, but it is -1 at index (0, 0); pass its diagonal "
        "through softplus or exp.",
    ),
    (
        lambda: F.ctc_loss(FRAMES, WORDS, None, [3, 2]),
        errors.ArgumentError,
        "input_lengths must be integers, a tensor or a sequence, one for each sequence, but it is "
        "NoneType.",
    ),
    (
        lambda: F.ctc_loss(FRAMES, WORDS, [6, 6], "32"),
        errors.ArgumentError,
        "target_lengths must be integers, a tensor or a sequence, one for each sequence, but it is "
        "str.",
    ),
    (
        lambda: F.ctc_loss(FRAMES, WORDS[0, 0], [6, 6], [3, 2]),
        errors.ShapeError,
        "targets must be (N, S), or (Σ target_lengths,) with all labels in a row, but it is ().",
    ),
    (
        lambda: F.ctc_loss(FRAMES[:0], WORDS, [0, 0], [0, 0]),
        errors.ShapeError,
        "log_probs must hold a frame, but it is (0, 2, 4).",
    ),
    (
        lambda: neglog.CTCLoss(blank=-1),
        errors.ArgumentError,
        "blank must be 0 or more, but it is -1.",
    ),
    (
        lambda: neglog.CTCLoss(zero_infinity="no"),
        errors.ArgumentError,
        "zero_infinity must be True or False, but it is 'no'.",
    ),
    (
        lambda: F.cox_ph_loss(ROW[:, 0], ROW[:, 1].clone().requires_grad_(), LABELS > 0),
        errors.ArgumentError,
        "time has no gradient, since the loss only compares it, but it requires one; pass "
        "time.detach().",
    ),
    (
        lambda: F.bradley_terry_loss(LABELS, ROW[:, 0]),
        errors.DtypeError,
        "chosen must be floating, but it is torch.int64",
    ),
    (
        lambda: ADAPTIVE(torch.zeros(2, 8), torch.tensor([0, 20])),
        errors.SupportError,
        "labels must lie in [0, 19] for 20 classes, but target has 1 of 2 values outside",
    ),
    (
        lambda: ADAPTIVE(torch.zeros(2, 3, 8), torch.tensor([0, 1])),
        errors.ShapeError,
        "input_ must be (N, 8) or (8,), but it is (2, 3, 8); use input_.flatten(0, -2)",
    ),
    (
        lambda: ADAPTIVE(torch.zeros(2, 8), torch.tensor([0])),
        errors.ShapeError,
        "for input_ (2, 8) target_ must be (2,), but it is (1,).",
    ),
    (
        lambda: neglog.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 20]),
        errors.ArgumentError,
        "cutoffs must be whole numbers that increase from 1 to 19, but they are [5, 20].",
    ),
    (
        lambda: neglog.AdaptiveLogSoftmaxWithLoss(8, 20, 5),
        errors.ArgumentError,
        "cutoffs must be a sequence of whole numbers, but it is int.",
    ),
    (
        lambda: neglog.AdaptiveLogSoftmaxWithLoss(8, 20, [None]),
        errors.ArgumentError,
        "cutoffs must be whole numbers that increase from 1 to 19, but they are [None].",
    ),
    (
        lambda: neglog.AdaptiveLogSoftmaxWithLoss("8", 20, [5]),
        errors.ArgumentError,
        "in_features must be an integer, but it is '8'.",
    ),
    (
        lambda: ADAPTIVE(torch.zeros(2, 8), torch.tensor([0, -1])),
        errors.SupportError,
        "-1 often marks what to ignore; pass ignore_index=-1.",
    ),
    (
        lambda: neglog.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 9]),
        errors.ArgumentError,
        "each cluster must have a projection of one feature or more, but in_features is 8 and "
        "div_value is 4; pass fewer than 2 cutoffs or a smaller div_value.",
    ),
]


class Named(NamedTuple):
    logits: torch.Tensor
    hidden: torch.Tensor


@dataclasses.dataclass
class Output:
    loss: torch.Tensor
    logits: torch.Tensor


@pytest.mark.parametrize("number", range(len(MESSAGES)))
def test_message(number) -> None:
    call, kind, words = MESSAGES[number]
    with pytest.raises(kind) as caught:
        call()
    assert words in str(caught.value)
    assert isinstance(caught.value, neglog.NeglogError)
    assert "\n" not in str(caught.value)


def test_log_softmax_without_dim_warns_as_torch_does() -> None:
    with pytest.warns(UserWarning, match="log_softmax without `dim` is deprecated"):
        got = neglog.LogSoftmax()(ROW)
    torch.testing.assert_close(got, torch.log_softmax(ROW, 1))


def test_every_kind_of_error_is_provoked_here() -> None:
    provoked = {kind for _, kind, _ in MESSAGES}
    kinds = set(errors.NeglogError.__subclasses__())
    others = {errors.BenchError, errors.CheckError, errors.DeclarationError, errors.FitError}
    others |= {errors.DerivativeError}
    # test_bench_command, test_check, test_contract, test_fit, test_linear_derivatives
    assert provoked == kinds - others
