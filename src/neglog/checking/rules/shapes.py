"""Shapes and dtypes, without reading values, and the effects of broadcasting."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neglog import validation
from neglog.checking.batch import CheckedBatch
from neglog.checking.criterion import BINARY, ELEMENTWISE, LABELS, REAL, STRUCTURED
from neglog.checking.rule import RuleResult, Severity, batch_rule
from neglog.errors import DtypeError, NeglogError, ShapeError, shape


@batch_rule("empty-batch", Severity.BREAKS)
def empty_batch(batch: CheckedBatch) -> RuleResult | None:
    """Find a batch of no elements."""
    if batch.input.numel() and batch.target.numel():
        return None
    if batch.is_inner and batch.criterion.reduction in ("none", "sum"):
        return None  # a part of which this batch has nothing, such as boxes
    return RuleResult(
        "certain",
        "The batch is empty.",
        f"input is {shape(batch.input)}, target is {shape(batch.target)}",
        f"the mean over no elements is {batch.loss:g}, and its gradient has no effect",
        "skip empty batches",
    )


@batch_rule("integer-input", Severity.BREAKS)
def integer_input(batch: CheckedBatch) -> RuleResult | None:
    """Find predictions that are not floating, or arguments in the wrong order."""
    if batch.input.is_floating_point() or batch.input.is_complex():
        return None
    if batch.target.is_floating_point() or batch.criterion.kind == "other":
        return None
    return RuleResult(
        "certain",
        "The input is not floating, so that no gradient flows through it.",
        f"input is {batch.input.dtype}",
        "nothing is learnt: an argmax, a comparison or .long() has cut the graph",
        "pass the model's output, before argmax or rounding",
    )


@batch_rule("swapped-arguments", Severity.WRONG)
def swapped_arguments(batch: CheckedBatch) -> RuleResult | None:
    """Find a target where the prediction should be."""
    x, y = batch.input, batch.target
    integer = not x.is_floating_point() and y.is_floating_point()
    # A symmetric part of a loss may teach its second argument, as a codebook's does.
    meant = batch.criterion.kind == "other" or batch.criterion.is_pair
    meant |= batch.is_inner and batch.criterion.kind in REAL
    backwards = batch.has_graph == (False, True) and not meant
    binary = batch.criterion.kind in BINARY and _looks_binary(x, hard=True)
    if not (integer or backwards or (binary and _looks_binary(y, hard=False))):
        return None
    evidence = "the target requires a gradient and the input does not"
    if not backwards:
        evidence = f"input is {x.dtype}, target is {y.dtype}"
        if not integer:
            evidence = f"all {x.numel()} inputs are exactly 0 or 1, and the targets are between"
    return RuleResult(
        "certain" if integer else "near certain",
        "The arguments look swapped: the prediction comes first, the target second.",
        evidence,
        f"the loss, {batch.loss:.4g}, is that of the labels as a prediction",
        "call criterion(prediction, target)",
    )


def _looks_binary(tensor: Tensor, hard: bool) -> bool:
    """Return whether values are exactly 0 or 1; or probabilities strictly between."""
    if tensor.numel() < 4 or not tensor.is_floating_point():
        return False
    if hard:
        return bool(((tensor == 0) | (tensor == 1)).all()) and bool(
            (tensor != tensor.flatten()[0]).any()
        )
    return bool(((tensor > 0) & (tensor < 1)).all())


@batch_rule("shape-mismatch", Severity.WRONG, *ELEMENTWISE, *STRUCTURED)
def shape_mismatch(batch: CheckedBatch) -> RuleResult | None:
    """Find predictions and targets whose shapes differ, which torch may broadcast."""
    if batch.criterion.kind in STRUCTURED:
        return _refused_shapes(batch)
    x, y = batch.input, batch.target
    if x.shape == y.shape or (batch.is_inner and _is_spread(batch)):
        return None
    try:
        validation.same_shape(x, y)
    except NeglogError as fault:
        evidence = str(fault)
    together = _broadcast(x, y)
    if batch.outcome.error or together is None:
        consequence = "there is no loss"
    else:
        pairs = torch.Size(together).numel()
        consequence = f"the loss compares {pairs} pairs instead of {x.numel()}: {batch.loss:.4g}"
        if x.numel() == y.numel():
            right = CheckedBatch(batch.criterion, x, y.reshape(x.shape), batch.more).loss
            consequence += f" instead of {right:.4g}"
    fix = "give both the same shape"
    for longer, shorter, name in ((x, y, "input"), (y, x, "target")):
        if longer.shape == (*shorter.shape, 1):
            fix = f"use {name}.squeeze(-1)"
    return RuleResult(
        "certain", "Input and target have different shapes.", evidence, consequence, fix
    )


def _refused_shapes(batch: CheckedBatch) -> RuleResult | None:
    """Report shapes that neglog's loss of the same name refuses."""
    fault = batch.refusal
    if not isinstance(fault, ShapeError):
        return None
    evidence = str(fault).rstrip(".")
    fix = evidence.rpartition("; ")[2] if "; " in evidence else "give them the shapes that fit"
    raises = "there is no loss"
    if not batch.outcome.error:
        raises = f"the loss, {batch.loss:.4g}, is that of tensors that were broadcast"
    certainty = "certain" if batch.outcome.error else "near certain"
    return RuleResult(certainty, "The shapes of the tensors do not fit.", evidence, raises, fix)


def _is_spread(batch: CheckedBatch) -> bool:
    """Return whether a broadcast is intended: of a number, or x[:, None] against y[None]."""
    x, y = batch.input, batch.target
    pairs = x.dim() == y.dim() and batch.is_part and _broadcast(x, y) is not None
    return not y.dim() or pairs


def _broadcast(x: Tensor, y: Tensor) -> tuple[int, ...] | None:
    try:
        return tuple(torch.broadcast_shapes(x.shape, y.shape))
    except RuntimeError:
        return None


@batch_rule("class-dimension", Severity.WRONG, *LABELS)
def class_dimension(batch: CheckedBatch) -> RuleResult | None:
    """Find classes in the last dimension, where torch looks for them in dimension 1."""
    x, y = batch.input, batch.target
    if x.dim() < 3:
        return None
    if batch.soft:
        return _soft_class_dimension(batch)
    if y.shape != x.shape[:-1] or y.is_floating_point():
        return None
    where = f"input is {shape(x)}, target is {shape(y)}"
    what = "The classes are in the last dimension, but the loss expects them in dimension 1."
    fix = "pass input.movedim(-1, 1)"
    if batch.label_fault:
        none = "the loss raises, and torch blames the target"
        return RuleResult("certain", what, f"{where}: the target fits without the last", none, fix)
    # Both readings fit. A user who moved the classes left a trace in the strides or in the graph.
    if batch.origin.permuted or x.stride(1) < x.stride(-1):
        return None
    there = CheckedBatch(batch.criterion, x.movedim(-1, 1), y).loss
    evidence = (
        f"{where}: both readings fit; the loss is {batch.loss:.4g}, the other way {there:.4g}"
    )
    silent = f"softmax runs over positions, not classes, silently: {batch.loss:.4g} for {there:.4g}"
    if batch.origin.operator in ("Addmm", "Mm"):
        return RuleResult(
            "near certain", what, f"{evidence}; a linear layer made the input", silent, fix
        )
    guess_loss = math.log(batch.classes)
    if y.numel() >= 16 and there < 0.5 * batch.loss and there < 0.5 * guess_loss:
        return RuleResult("heuristic", what, evidence, silent, fix)
    return None


def _soft_class_dimension(batch: CheckedBatch) -> RuleResult | None:
    sums = {dim: batch.target.float().sum(dim) for dim in (1, -1)}
    here, last = (bool(((s - 1).abs() <= 1e-3).all()) for s in sums.values())
    if here or not last:
        return None
    return RuleResult(
        "near certain",
        "The classes are in the last dimension, but the loss expects them in dimension 1.",
        f"input and target are {shape(batch.input)}; the target sums to 1 over the last dimension",
        f"softmax runs over positions, not classes, silently: the loss is {batch.loss:.4g}",
        "pass input.movedim(-1, 1) and target.movedim(-1, 1)",
    )


@batch_rule("one-class", Severity.BLIND, *LABELS, *ELEMENTWISE)
def one_class(batch: CheckedBatch) -> RuleResult | None:
    """Find a class dimension of size 1, in the loss or in a softmax before it."""
    x = batch.input
    if batch.criterion.kind not in LABELS:
        return _softmax_of_one(batch)
    if x.dim() == 0 or batch.classes != 1:
        return None
    return RuleResult(
        "certain",
        "There is only one class, so that softmax always gives it probability 1.",
        f"input is {shape(batch.input)}, whose dimension {batch.class_dim} has size 1",
        "the loss and its gradient are always 0; a label 1 is out of range",
        "use BCEWithLogitsLoss on input.squeeze(1), or a head of two columns",
    )


def _softmax_of_one(batch: CheckedBatch) -> RuleResult | None:
    x, name = batch.input, batch.origin.operator
    constant = {"Softmax": 1, "LogSoftmax": 0}.get(name)
    if constant is None or x.numel() < 2 or not bool((x == constant).all()) or 1 not in x.shape:
        return None
    return RuleResult(
        "certain",
        f"{name} was taken over one column, so that its evidence is {constant} whatever the input.",
        f"input is {shape(x)}; all {x.numel()} are exactly {constant}",
        f"the loss is always {batch.loss:.4g}, and its gradient is 0",
        f"leave out the {name} and use BCEWithLogitsLoss, or give the head a column a class",
    )


@batch_rule("unbatched-pair", Severity.WRONG, "cross_entropy")
def unbatched_pair(batch: CheckedBatch) -> RuleResult | None:
    """Find N binary rows that the loss treats as one row over N classes."""
    x, y = batch.input, batch.target
    if x.dim() != 1 or not batch.soft or x.numel() < 2:
        return None
    if abs(float(y.double().sum()) - 1) <= batch.slack and bool((y >= 0).all()):
        return None
    return RuleResult(
        "near certain",
        "Input and target are one-dimensional and floating: one row over N classes, not N rows.",
        f"both are {shape(x)}, and the target sums to {float(y.double().sum()):g}, not to 1",
        f"softmax makes the {x.numel()} rows compete with one another: {batch.loss:.4g}",
        "use BCEWithLogitsLoss for N binary rows; input[None] for one row over N classes",
    )


@batch_rule("label-shape", Severity.BREAKS, *LABELS)
def label_shape(batch: CheckedBatch) -> RuleResult | None:
    """Find labels whose shape or dtype does not fit the logits."""
    if not batch.label_fault or not batch.outcome.error:
        return None
    if not batch.input.is_floating_point() or class_dimension(batch) or one_class(batch):
        return None
    sentence = batch.label_fault
    fix = sentence.rstrip(".").rpartition("; ")[2]
    if batch.target.is_floating_point():
        fix = "call target.long() for labels; probabilities need the shape of the input"
    return RuleResult(
        "certain", "The labels do not fit the logits.", sentence, "the loss raises", fix
    )


@batch_rule("label-dtype", Severity.BREAKS, *LABELS)
def label_dtype(batch: CheckedBatch) -> RuleResult | None:
    """Find labels of an integer type that torch refuses."""
    y = batch.target
    if batch.label_fault or batch.soft or not batch.outcome.error or y.dtype == torch.long:
        return None
    if "dtype" not in batch.outcome.error and "scalar type" not in batch.outcome.error:
        return None
    return RuleResult(
        "certain",
        "torch takes class labels as int64 only (uint8 where the input has two dimensions).",
        f"target is {y.dtype} of shape {shape(y)}",
        "the loss raises",
        "call target.long(); neglog's losses take every integer type",
    )


@batch_rule("target-dtype", Severity.BREAKS, *ELEMENTWISE, *STRUCTURED)
def target_dtype(batch: CheckedBatch) -> RuleResult | None:
    """Find a target whose dtype the loss, or its backward pass, refuses."""
    if batch.criterion.kind in STRUCTURED:
        return _refused_dtype(batch)
    x, y = batch.input, batch.target
    if x.dtype == y.dtype or not batch.outcome.error or not x.is_floating_point():
        return None
    if x.shape != y.shape:
        return None
    return RuleResult(
        "certain",
        "The target's dtype is not the input's.",
        f"input is {x.dtype}, target is {y.dtype}",
        "the loss raises",
        "call target.to(input.dtype)",
    )


def _refused_dtype(batch: CheckedBatch) -> RuleResult | None:
    """Report a dtype that the loss and neglog's loss of the same name refuse."""
    fault = batch.refusal
    if not isinstance(fault, DtypeError) or not batch.outcome.error or integer_input(batch):
        return None
    evidence = str(fault).rstrip(".")
    fix = evidence.rpartition("; ")[2] if "; " in evidence else "pass tensors of these dtypes"
    return RuleResult("certain", "The dtypes do not fit.", evidence, "the loss raises", fix)
