"""Connectionist temporal classification, behind checks of labels and lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as theirs

from neglog import engine, validation
from neglog.distributed.plan import Plan
from neglog.engine import ComposedProblem, values
from neglog.errors import sentence, shape
from neglog.errors.arguments import TensorExpectedError
from neglog.errors.tensors import (
    InputShapeError,
    LabelError,
    LabelShapeError,
    LogProbabilityError,
    SequenceError,
)
from neglog.functional.common import Extras, loss
from neglog.functional.composed import composed, is_torchs
from neglog.functional.extras import wide
from neglog.functional.options import with_options

_ROUNDING = 1e-2  # of a logarithm in half precision
Lengths = Tensor | Sequence[int] | int


def _check_blank(blank: int) -> None:
    validation.not_negative(blank=blank)


@loss
@with_options(_check_blank)
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> Tensor:
    """Return the negative log-likelihood of label sequences, summed over all their alignments.

    As in torch, ``reduction="mean"`` divides each loss by the length of its target first; so does
    `sum_and_count`. As in torch, the gradient is that with respect to the logits of `log_softmax`:
    probability − posterior. There is no second derivative, and
    ``torch.compile(fullgraph=True)`` does not trace the loss.

    Args:
        log_probs: log-probabilities (T, N, C) or (T, C), from `log_softmax` over the last
            dimension.
        targets: class labels, integers (N, S), padded to the longest, or all of them one after
            the other, (Σ target_lengths,).
        input_lengths: the number of frames of each sequence, (N,), at most T.
        target_lengths: the number of labels of each sequence, (N,).
        blank: the class between labels, which no target holds.
        zero_infinity: give the loss 0 to targets that do not fit into their frames, instead of
            raising an error. A target requires a frame for each label and one between two equal
            labels. Such losses remain part of a mean's divisor; exclude them with `mask`.

    Returns:
        The loss in nats: one number, or with ``reduction="none"`` one per sequence.

    Raises:
        ArgumentError: the blank is negative, or lengths are neither a tensor nor a sequence.
        ShapeError: the shapes do not fit, or there are no frames.
        DtypeError: log_probs is not floating, or labels or lengths are not integers.
        SupportError: a length or a label is out of range, a target holds the blank or does not
            fit into its frames, or log_probs are not logarithms of probabilities (checked on a
            CPU).

    Source: A. Graves, S. Fernández, F. Gomez, J. Schmidhuber, Connectionist temporal
    classification, ICML 2006.

    >>> log_probs = torch.full((2, 1, 2), 0.5).log()  # two frames, one sequence
    >>> ctc_loss(log_probs, torch.tensor([[1]]), torch.tensor([2]), torch.tensor([1]))
    tensor(0.2877)
    """
    reduction = validation.reduction(None, None, reduction)
    validation.tensors(log_probs=log_probs, targets=targets)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    if is_torchs(reduction, extras):
        torchs: Any = theirs.ctc_loss  # which takes sequences of lengths too
        found: Tensor = torchs(
            log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity
        )
        return found
    frames = _frames(log_probs)
    validation.integers("targets", targets, "class labels")
    if targets.dim() not in (1, 2):
        expected = "targets must be (N, S), or (Σ target_lengths,) with all labels in a row"
        raise LabelShapeError(sentence(expected, f"it is {shape(targets)}"))
    steps, size, _ = frames.shape
    taken = _lengths("input_lengths", input_lengths, size, log_probs)
    length = _lengths("target_lengths", target_lengths, size, log_probs)
    labels = targets.long()
    if labels.dim() == 1 and size == 1:
        labels = labels[None]
    if labels.dim() == 2 and len(labels) != size:
        raise LabelShapeError(_misshaped(targets, length))
    x = frames.movedim(1, 0)
    averaged = reduction in ("mean", validation.PAIR)
    facts = _Facts(blank, averaged, zero_infinity)

    direct = size > 0 and extras.are_direct(reduction, size)
    if direct:
        extras.check(reduction)
        whole = x.to(wide(log_probs.dtype))
        problem = facts.problem((whole, labels, taken, length), reduction, facts.check)
        found = engine.loss(problem).to(log_probs.dtype)
        return found.squeeze(0) if found.dim() and log_probs.dim() == 2 else found
    _check_lengths(taken, length, steps, labels)
    labels = _padded(labels, length)

    def check(included: Tensor | None) -> None:
        facts.check(x, labels, taken, length, included)

    def losses(*tensors: Tensor) -> Tensor:
        if not size:
            return tensors[0].sum((1, 2))
        return engine.loss(facts.problem(tensors, "none"))

    each = composed(
        losses, (x, labels, taken, length), torch.Size((size,)), reduction, extras, log_probs.dtype,
        fillers=(-1.0, 1 - min(blank, 1), 1, 0), check=check,
    )  # fmt: skip
    return each.squeeze(0) if reduction == "none" and log_probs.dim() == 2 else each


class _Facts(NamedTuple):
    """The options of a call.

    Attributes:
        blank, zero_infinity: the caller's.
        averaged: whether each loss is divided by the number of its labels.
    """

    blank: int
    averaged: bool
    zero_infinity: bool

    def problem(
        self, tensors: Sequence[Tensor], reduction: str, check: Callable[..., None] | None = None
    ) -> ComposedProblem:
        """Return the problem of log-probabilities (N, T, C), labels and lengths."""
        settings = tuple(map(float, self))
        facts = (1, settings, (), reduction, 2, check)
        return ComposedProblem("ctc", self.formula, tuple(tensors), *facts)

    def formula(
        self, x: Tensor, labels: Tensor, taken: Tensor, length: Tensor, *, reduction: str
    ) -> Tensor:
        """Return the loss as torch computes it."""
        self.check(x, labels, taken, length)
        tensors, kind = (x.movedim(1, 0), labels.contiguous(), taken, length), reduction
        found: Tensor = theirs.ctc_loss(*tensors, self.blank, kind, self.zero_infinity)
        each = self.averaged and reduction == "none"
        return found / length.clamp(min=1) if each else found

    def check(
        self,
        x: Tensor,
        labels: Tensor,
        taken: Tensor,
        length: Tensor,
        included: Tensor | None = None,
    ) -> None:
        """Refuse invalid values, if they are known."""
        _check_lengths(taken, length, x.shape[1], labels)
        if not values.are_known(x, labels, taken, length):
            return
        labels = _padded(labels, length)
        _check_labels(labels, length, included, x.shape[-1], self.blank)
        _check_log_probs(x, taken, included)
        if not self.zero_infinity:
            _check_fit(labels, _real(labels, length, included), taken)


def _frames(log_probs: Tensor) -> Tensor:
    """Return log-probabilities as (T, N, C)."""
    validation.floating(log_probs, "log_probs")
    if log_probs.dim() not in (2, 3):
        expected = "log_probs must be (T, N, C) or (T, C)"
        raise InputShapeError(sentence(expected, f"it is {shape(log_probs)}"))
    if not len(log_probs) and log_probs.shape[1:-1] != (0,):
        raise InputShapeError(sentence("log_probs must hold a frame", f"it is {shape(log_probs)}"))
    return log_probs[:, None] if log_probs.dim() == 2 else log_probs


def _lengths(name: str, given: Lengths, size: int, log_probs: Tensor) -> Tensor:
    """Return one length for each sequence."""
    try:
        lengths = given if isinstance(given, Tensor) else torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError):
        expected = f"{name} must be integers, a tensor or a sequence, one for each sequence"
        raise TensorExpectedError(sentence(expected, f"it is {type(given).__name__}")) from None
    validation.tensors(**{name: lengths})
    if lengths.numel():
        validation.integers(name, lengths, "one for each sequence")
    lengths = lengths.long().reshape(-1) if lengths.dim() == 0 else lengths.long()
    if tuple(lengths.shape) != (size,):
        expected = f"{name} must hold one length for each of {size} sequences, ({size},)"
        remedy = ""
        if log_probs.dim() == 3 and tuple(lengths.shape) == log_probs.shape[:1]:
            remedy = "if the batch comes first, pass log_probs.transpose(0, 1)"
        raise InputShapeError(sentence(expected, f"it is {shape(lengths)}", remedy=remedy))
    return lengths


def _check_lengths(taken: Tensor, length: Tensor, steps: int, labels: Tensor) -> None:
    """Refuse lengths that are not in memory, if they are known."""
    longest = labels.numel() if labels.dim() == 1 else labels.shape[1]
    for name, lengths, most in (
        ("input_lengths", taken, steps),
        ("target_lengths", length, longest),
    ):
        numbers = lengths.tolist() if values.are_known(lengths) else []
        if numbers and (min(numbers) < 0 or max(numbers) > most):
            first = next(i for i, number in enumerate(numbers) if not 0 <= number <= most)
            what = "frames" if name == "input_lengths" else "labels"
            expected = f"{name} must lie in [0, {most}], the number of {what}"
            raise SequenceError(sentence(expected, f"it is {numbers[first]} at index {first}"))


def _padded(labels: Tensor, length: Tensor) -> Tensor:
    """Return labels as (N, S), also where they were given one after the other."""
    if labels.dim() == 2:
        return labels
    if int(length.sum()) != len(labels):
        raise LabelShapeError(_misshaped(labels, length))
    parts = labels.split(length.tolist())
    return torch.nn.utils.rnn.pad_sequence(parts, True) if parts else labels.new_zeros((0, 0))


def _misshaped(targets: Tensor, length: Tensor) -> str:
    total = int(length.sum())
    expected = f"targets must be ({len(length)}, S), or ({total},) with all labels in a row"
    return sentence(expected, f"it is {shape(targets)}")


def _real(labels: Tensor, length: Tensor, included: Tensor | None) -> Tensor:
    """Return which labels are no padding, and belong to an included sequence."""
    real = torch.arange(labels.shape[1], device=labels.device) < length[:, None]
    return real if included is None else real & included[:, None]


def _check_labels(
    labels: Tensor, length: Tensor, included: Tensor | None, classes: int, blank: int
) -> None:
    """Refuse a blank out of range, labels out of range, and blanks in targets."""
    if not 0 <= blank < classes:
        expected = f"blank must be a class, in [0, {classes - 1}]"
        raise LabelError(sentence(expected, f"it is {blank}"))
    if included is None:  # a set is cheaper than operations of torch
        rows = zip(labels.tolist(), length.tolist(), strict=True)
        used = set().union(*(row[:count] for row, count in rows))
        if not used or (min(used) >= 0 and max(used) < classes and blank not in used):
            return
    outside = (labels < 0) | (labels >= classes) | (labels == blank)
    outside &= _real(labels, length, included)
    if not outside.any():
        return
    row, column = outside.nonzero()[0].tolist()
    value, remedy = int(labels[row, column]), ""
    expected = f"labels must lie in [0, {classes - 1}] for {classes} classes, without the blank"
    if value == blank:
        remedy = f"number the labels without the blank {blank}, or pass blank=…"
    got = f"targets has {int(outside.sum())} others, the first {value} at index {(row, column)}"
    raise LabelError(sentence(expected, got, remedy=remedy))


def _check_log_probs(x: Tensor, taken: Tensor, included: Tensor | None) -> None:
    """Refuse raw logits: logarithms of probabilities are at most 0."""
    real = torch.arange(x.shape[1]) < taken[:, None]
    tops = torch.where(real, x.detach().amax(2), -1.0)
    top = tops.amax(1)
    above = top > _ROUNDING
    above = above if included is None else above & included
    if above.any():
        first = int(above.nonzero()[0])
        got = f"the largest of sequence {first} is {top[first].item():g}"
        expected = "log_probs must hold logarithms of probabilities, at most 0"
        remedy = "pass log_probs.log_softmax(-1)"
        raise LogProbabilityError(sentence(expected, got, "these look like logits", remedy))


def _check_fit(labels: Tensor, real: Tensor, taken: Tensor) -> None:
    """Refuse targets that do not fit into their frames, which have no alignment."""
    equal = real[:, 1:] & (labels[:, 1:] == labels[:, :-1])
    length, repeats = real.sum(1), equal.sum(1)
    short = (length + repeats > taken) & (length > 0)
    if not short.any():
        return
    first = int(short.nonzero()[0])
    needed = int(length[first] + repeats[first])
    expected = "each target must fit into its frames, with one more between equal labels"
    got = (
        f"target {first} of {int(length[first])} labels requires {needed} frames and "
        f"input_lengths is {int(taken[first])} at index {first}"
    )
    remedy = "exclude it with mask=, or pass zero_infinity=True"
    cause = "" if int(short.sum()) == 1 else f"{int(short.sum())} of {len(short)} targets do not"
    raise SequenceError(sentence(expected, got, cause, remedy))
