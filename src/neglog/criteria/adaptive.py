"""Adaptive softmax: torch's own layer, with neglog's losses, checks and options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from neglog import errors, functional, validation
from neglog.criterion import with_parameters
from neglog.distributed import rows as split_rows
from neglog.distributed.plan import Plan, checked_plan
from neglog.engine import values
from neglog.errors import sentence, shape
from neglog.errors.arguments import OptionError
from neglog.errors.tensors import InputShapeError, LabelError, TargetShapeError
from neglog.functional.common import Extras
from neglog.functional.composed import check_labels, reduced

_NONE = -(2**63)  # no label is ignored


class _Result(NamedTuple):
    """The log-probability of each label, and the loss: torch's type is private."""

    output: Tensor
    loss: Tensor


def _losses(logits: Tensor, label: Tensor) -> Tensor:
    """Return the cross-entropy of each row; 0 for a cluster of one class."""
    if logits.shape[1] == 1:
        return -logits.log_softmax(1).squeeze(1)
    return functional.cross_entropy(logits, label, reduction="none")


class AdaptiveLogSoftmaxWithLoss(nn.AdaptiveLogSoftmaxWithLoss):
    """A layer of many classes whose rare ones share smaller projections, with its loss.

    Every class must have a number: sort classes by frequency, the most frequent first.
    `neglog.LinearCrossEntropyLoss` computes the full softmax without its logits in memory.

    Args:
        in_features: the size of a row.
        n_classes: the number of classes.
        cutoffs: where the clusters of rarer classes begin, increasing, below `n_classes`.
        div_value: the factor between the sizes of the clusters' projections.
        head_bias: whether the head has a bias.
        device: of the layer.
        dtype: of the layer.
        empty: the mean over no losses: ``"nan"``, as in torch, or ``"zero"``.
        plan: how rows are split over processes, as for the other criteria.
        ignore_index: the label of rows to exclude, such as −1.

    Returns:
        A named tuple in nats: `output`, the log-probability of each label, and `loss`, minus their
        mean.

    Shape:
        input_: rows (N, in_features) or (in_features,).
        target_: class labels, integers (N,) or ().

    Raises:
        ArgumentError: the cutoffs do not increase from 1 to ``n_classes - 1``, or an option has an
            invalid type or value.
        ShapeError: the shapes do not fit.
        DtypeError: labels are not integers.
        SupportError: a label is out of range (checked on a CPU).

    Source: E. Grave, A. Joulin, M. Cissé, D. Grangier, H. Jégou, Efficient softmax approximation
    for GPUs, ICML 2017.

    >>> _ = torch.manual_seed(0)
    >>> criterion = AdaptiveLogSoftmaxWithLoss(16, 10, cutoffs=[2, 5])
    >>> criterion(torch.zeros(2, 16), torch.tensor([0, 9])).loss.detach()
    tensor(2.1910)
    """

    empty: str = "nan"
    plan: Plan | None = None
    ignore_index: int | None = None

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
        *,
        empty: str = "nan",
        plan: Plan | None = None,
        ignore_index: int | None = None,
    ) -> None:
        validation.integer("in_features", in_features)
        validation.integer("n_classes", n_classes)
        validation.floating_dtype("dtype", dtype)
        given: Any = cutoffs
        if isinstance(given, str) or not isinstance(given, Iterable):
            expected = "cutoffs must be a sequence of whole numbers"
            raise OptionError(sentence(expected, f"it is {type(given).__name__}"))
        steps = [0, *cutoffs, n_classes]
        whole = all(isinstance(step, (int, float, Integral)) for step in steps)
        rising = whole and all(low < high for low, high in pairwise(steps))
        if len(steps) == 2 or not rising or any(int(step) != step for step in steps):
            expected = f"cutoffs must be whole numbers that increase from 1 to {n_classes - 1}"
            raise OptionError(sentence(expected, f"they are {[*cutoffs]}"))
        validation.number("div_value", div_value)
        validation.positive(div_value=div_value)
        validation.one_of("empty", empty, ("nan", "zero"))
        kept = None if ignore_index is None else validation.ignored(ignore_index)
        if in_features < div_value ** (len(steps) - 2):
            expected = "each cluster must have a projection of one feature or more"
            got = f"in_features is {in_features} and div_value is {div_value:g}"
            remedy = f"pass fewer than {len(steps) - 2} cutoffs or a smaller div_value"
            raise OptionError(sentence(expected, got, remedy=remedy))
        super().__init__(in_features, n_classes, cutoffs, div_value, head_bias, device, dtype)
        self.empty, self.ignore_index = empty, kept
        self.plan = None if plan is None else checked_plan(plan)

    @with_parameters
    def forward(
        self,
        input_: Tensor,
        target_: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Any:
        """Return the log-probability of each label, 0 where excluded, and the mean loss.

        Args:
            input_: rows (N, in_features) or (in_features,).
            target_: class labels, integers (N,) or ().
        """
        extras = Extras(mask, sample_weight, normalizer, self.empty)
        if self.plan is None:
            return self._computed(input_, target_, extras, "mean")
        found: Any = None

        def call(reduction: str, normalizer: Tensor | float | None = None) -> Any:
            nonlocal found
            asked = Extras(mask, sample_weight, normalizer, self.empty)
            found = self._computed(input_, target_, asked, reduction)
            return found.loss

        share = split_rows.share(self.plan, call, "mean", normalizer, self.empty)
        return found._replace(loss=share)

    @with_parameters
    def sum_and_count(
        self,
        input_: Tensor,
        target_: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses and the divisor of their mean.

        Args:
            input_: rows, as in `forward`.
            target_: class labels, as in `forward`.
        """
        extras = Extras(mask, sample_weight)
        pair: tuple[Tensor, Tensor] = self._computed(input_, target_, extras, validation.PAIR).loss
        return pair

    def _computed(self, input: Tensor, target: Tensor, extras: Extras, reduction: str) -> Any:
        extras.check(reduction)
        label = self._labels(input, target)
        counts = validation.counted(label, self.ignore_index)
        weight = extras.loss_weights(label.shape, input, counts)
        included = None if weight is None else weight != 0
        check_labels(label, self.n_classes, included, self.ignore_index)
        if included is not None:
            input = torch.where(included[..., None], input, 0.0)
            label = torch.where(included, label, 0)
        rows, labels = (input, label) if label.dim() else (input[None], label[None])
        nll = self._nll(rows, labels).reshape(label.shape)
        if included is None and extras.are_direct(reduction, label.numel()):
            return _Result(-nll, nll.mean())
        loss = reduced(nll, weight, reduction, extras, nll.dtype)
        return _Result(-nll if included is None else torch.where(included, -nll, 0.0), loss)

    def _nll(self, rows: Tensor, label: Tensor) -> Tensor:
        """Return the loss of each row: that of its cluster, and that within the cluster."""
        if not values.are_known(label):  # as torch does; `check_labels` has seen known ones
            outside = (label < 0) | (label >= self.n_classes)
            if outside.any():
                raise LabelError(errors.wrong_labels(label, outside, self.n_classes, _NONE))
        in_head, parts = label, []
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            (places,) = torch.nonzero((label >= low) & (label < high), as_tuple=True)
            if places.numel():
                in_head = in_head.index_fill(0, places, self.shortlist_size + i)
                logits = self.tail[i](rows.index_select(0, places))
                parts.append((places, _losses(logits, label[places] - low)))
        nll = _losses(self.head(rows), in_head)
        for places, part in parts:
            nll = nll.index_add(0, places, part)
        return nll

    def _labels(self, input: Tensor, target: Tensor) -> Tensor:
        validation.tensors(input_=input, target_=target)
        validation.floating(input, "input_")
        if input.dim() not in (1, 2) or input.shape[-1] != self.in_features:
            expected = f"input_ must be (N, {self.in_features}) or ({self.in_features},)"
            remedy = "use input_.flatten(0, -2) for more rows" if input.dim() > 2 else ""
            raise InputShapeError(sentence(expected, f"it is {shape(input)}", remedy=remedy))
        validation.integers("target_", target, "class labels")
        if target.shape != input.shape[:-1]:
            expected = f"for input_ {shape(input)} target_ must be {tuple(input.shape[:-1])}"
            raise TargetShapeError(sentence(expected, f"it is {shape(target)}"))
        return target.long()
