"""Shared by the losses with a linear layer: argument handling and reduction."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor

from neglog import validation
from neglog.compatibility import is_torch_compatible
from neglog.device import tensor_like
from neglog.engine import RowwiseProblem, projection, reference, values
from neglog.engine.projection import Head, Operands, workspace
from neglog.functional.common import Extras, finished
from neglog.functional.extras import wide
from neglog.likelihood import by_key
from neglog.likelihoods import Categorical


class Layer:
    """A linear layer's input, weight and bias, as rows.

    Attributes:
        leading: the input's shape without its features.
        inner: the shape of the losses of one row.
        positions: the number of these losses.
        classes: the number of logits of each loss.
        budget: bytes for the logits; 0 for the default.
    """

    def __init__(
        self,
        input: Tensor,
        linear_weight: Tensor,
        linear_bias: Tensor | None,
        memory: int | str | None = None,
    ) -> None:
        validation.tensors(input=input, linear_weight=linear_weight)
        self.dtype = input.dtype
        input, linear_weight, linear_bias = self._autocast(input, linear_weight, linear_bias)
        validation.layer(input, linear_weight, linear_bias)
        self.leading, self.inner = input.shape[:-1], linear_weight.shape[1:-1]
        self.positions, self.classes = math.prod(self.inner), linear_weight.shape[0]
        self.weight = linear_weight
        self.x = input.reshape(math.prod(self.leading), input.shape[-1])
        self.w = linear_weight.reshape(self.classes * self.positions, linear_weight.shape[-1])
        self.b = None if linear_bias is None else linear_bias.reshape(-1)
        self.budget = 0
        if memory is not None:
            self.budget = validation.workspace(memory, workspace.bytes_of(memory))

    def _autocast(self, *tensors: Tensor | None) -> list[Any]:
        """Return the tensors as autocast casts them for a linear layer; its loss is in float32."""
        found = [t for t in tensors if isinstance(t, Tensor)]
        kind = found[0].device.type if found else "meta"
        if kind == "meta" or not torch.is_autocast_enabled(kind):
            return list(tensors)
        dtype = torch.get_autocast_dtype(kind)
        narrow = [isinstance(t, Tensor) and t.dtype != torch.float64 for t in tensors]
        if narrow and narrow[0]:
            self.dtype = torch.float32
        pairs = zip(tensors, narrow, strict=True)
        return [cast(Tensor, t).to(dtype) if low else t for t, low in pairs]

    def with_class_targets(
        self,
        target: Any,
        weight: Tensor | None,
        ignore_index: int | None,
        allow_single_class: bool = False,
    ) -> tuple[Operands, int]:
        """Return the rows with a target of classes, and the label to ignore."""
        validation.several_classes(self.classes, allow_single_class or is_torch_compatible())
        validation.class_weight(weight, self.classes)
        ignored = validation.ignored(-100 if ignore_index is None else ignore_index)
        operands = self.operands(weight)
        dtype = operands.computed_in
        if isinstance(target, (tuple, list)):
            if len(target) != 2:
                validation.tensors(target=target)
            probabilities, index = target
            validation.chosen(probabilities, index, self.leading)
            if self.inner:
                validation.flat(self.weight)
            flat = [t.reshape(len(self.x), t.shape[-1]) for t in (probabilities, index)]
            return operands._replace(y=flat[0].to(dtype), chosen=flat[1].long()), ignored
        validation.tensors(target=target)
        whole = torch.Size((*self.leading, self.classes, *self.inner))
        if target.is_floating_point() and target.shape == whole:
            validation.no_ignored_probability(-100 if ignore_index is None else ignored)
            y = target.reshape(len(self.x), self.classes, *self.inner)
            return operands._replace(y=y.flatten(2) if self.inner else y), ignored
        validation.linear_labels(target, torch.Size((*self.leading, *self.inner)), whole)
        return operands._replace(y=target.reshape(len(self.x), self.positions).long()), ignored

    def operands(self, weight: Tensor | None) -> Operands:
        """Return the rows, the layer and the class weights."""
        operands = Operands(self.x, self.w, self.b)
        weight = None if weight is None else weight.to(operands.computed_in)
        return operands._replace(weight=weight)

    def with_offset(self, operands: Operands, offset: Tensor, temperature: float) -> Operands:
        """Return the rows with numbers that are added to the logits after the temperature."""
        validation.class_weight(offset, self.classes, "offset")
        each = (offset.to(operands.computed_in) * temperature).repeat_interleave(self.positions)
        return operands._replace(b=each if operands.b is None else operands.b + each)

    def with_directions(self, operands: Operands, ignored: int, extras: Extras) -> Operands:
        """Return rows and weights of length 1; excluded rows may hold any value."""
        assert operands.y is not None
        counts = operands.y[:, 0] != ignored
        loss_weight = extras.loss_weights(self.leading, operands.x, None)
        if loss_weight is not None:
            counts = counts & (loss_weight.reshape(-1) != 0)
        x = torch.where(counts[:, None], operands.x, 0.0)
        return operands._replace(x=_direction(x), w=_direction(operands.w))

    def with_binary_targets(
        self, target: Any, weight: Tensor | None, pos_weight: Tensor | None
    ) -> Operands:
        """Return the rows with a target for each logit, or with the indices of the positives."""
        validation.tensors(target=target)
        validation.class_weight(weight, self.classes)
        if not (isinstance(pos_weight, Tensor) and pos_weight.numel() == 1):
            validation.class_weight(pos_weight, self.classes, "pos_weight")
        operands = self.operands(weight)
        if pos_weight is not None:
            every = pos_weight.to(operands.computed_in).expand(self.classes)
            operands = operands._replace(positive=every)
        if target.is_floating_point() or target.dtype == torch.bool:
            validation.dense(target, (*self.leading, self.classes))
            return operands._replace(y=target.reshape(len(self.x), self.classes))
        validation.indices(target, self.leading, self.classes)
        index = target.reshape(len(self.x), target.shape[-1]).long()
        return operands._replace(chosen=index)

    def with_teacher(self, operands: Operands, teacher: Any) -> Operands:
        """Return the rows with a teacher's."""
        if isinstance(teacher, (tuple, list)):
            teacher = self._autocast(*teacher)
        x, w, b = validation.teacher(teacher, self.leading, self.classes)
        x = x.detach().reshape(len(self.x), x.shape[-1])
        return operands._replace(
            teacher_x=x, teacher_w=w.detach(), teacher_b=None if b is None else b.detach()
        )

    def reduced(
        self,
        head: Head,
        operands: Operands,
        extras: Extras,
        reduction: str,
        loss_dtype: torch.dtype | None,
    ) -> Tensor:
        """Return the reduced losses, rounded once."""
        extras.check(reduction)
        validation.floating_dtype("loss_dtype", loss_dtype)
        shape = torch.Size((*self.leading, *self.inner))
        given = extras.loss_weights(shape, operands.x, None)
        loss_weight = None if given is None else given.reshape(len(self.x), self.positions)
        dtype = loss_dtype or self.dtype
        operands = operands._replace(sample_weight=loss_weight)
        self.check(head, operands)
        problem = self._problem(head, operands)
        weight = operands.weight if problem.y.dim() == 1 else None
        extras.check_sum(reduction, weight, lambda: reference.weights_of_rows(problem))
        if weight is not None or loss_weight is not None:
            divides = reference.count_of_rows(problem)
            if rescaled := extras.scaled_down(reduction, weight, divides):
                retried = operands._replace(
                    weight=operands.weight if weight is None else rescaled[1]
                )
                return self.reduced(head, retried, rescaled[0], reduction, loss_dtype)
        if loss_weight is not None and loss_weight.requires_grad:
            lines = self._unweighed(head, operands) * loss_weight
            total = lines.reshape(shape) if reduction == "none" else lines.sum()
            count = self._divisor(head, operands, Extras(), reduction)
            return finished(total, 1 if count is None else count, shape, reduction, extras, dtype)
        if reduction == "none":
            line = projection.outputs(head, operands, self.budget)[0]
            return line.reshape(shape).to(dtype)
        divisor = self._divisor(head, operands, extras, reduction)
        if divisor is None or reduction == validation.PAIR:
            total = projection.total(head, operands, self.budget)
            return total.to(dtype) if divisor is None else cast(Tensor, (total, divisor))
        return self._mean(head, operands, divisor, extras.empty).to(dtype)

    def _mean(self, head: Head, operands: Operands, divisor: Tensor, empty: str) -> Tensor:
        """Return a mean; it divides first, so that the upstream gradient is often 1."""
        nothing, loss_weight = divisor == 0, operands.sample_weight
        each = 1.0 / torch.where(nothing, 1.0, divisor)
        loss_weight = (
            each.expand(len(self.x), self.positions) if loss_weight is None else loss_weight * each
        )
        total = projection.total(head, operands._replace(sample_weight=loss_weight), self.budget)
        if empty == "zero":
            return total
        return total + torch.where(nothing, math.nan, 0.0).to(total.dtype)

    def _unweighed(self, head: Head, operands: Operands) -> Tensor:
        """Return the included losses before differentiable weights."""
        assert operands.sample_weight is not None
        counts = (operands.sample_weight != 0).to(operands.computed_in)
        return projection.outputs(head, operands._replace(sample_weight=counts), self.budget)[0]

    def _divisor(
        self, head: Head, operands: Operands, extras: Extras, reduction: str
    ) -> Tensor | None:
        """Return the divisor of the sum of the losses."""
        dtype = operands.computed_in
        if reduction == "sum":
            return None
        if reduction == "batchmean":
            return tensor_like(extras.batch_size(self.leading, operands.x), operands.x, dtype)
        if extras.normalizer is not None:
            return tensor_like(extras.normalizer, operands.x, dtype)
        count = reference.count_of_rows(self._problem(head, operands))
        by_logit = by_key(head.likelihood).elementwise and reduction != validation.OF_ROWS
        return count * self.classes if by_logit else count

    def _problem(self, head: Head, operands: Operands) -> RowwiseProblem:
        """Return the rows with dummy logits, which counting and checking do not read."""
        count = len(self.x) * self.positions
        z = operands.x.new_zeros((), dtype=operands.computed_in).expand(count, self.classes)
        y = operands.y
        labels = y.reshape(-1) if y is not None and y.dtype == torch.int64 else z
        loss_weight = None if operands.sample_weight is None else operands.sample_weight.reshape(-1)
        return RowwiseProblem(Categorical, z, labels, operands.weight, loss_weight, head.ignored)

    def check(self, head: Head, operands: Operands) -> None:
        """Raise `SupportError` for an invalid target, if values may be read.

        Ignored targets may hold anything.
        """
        problem, loss_weight = self._problem(head, operands), operands.sample_weight
        if not all(values.are_known(t) for t in (operands.y, operands.chosen) if t is not None):
            return
        if problem.y.dim() == 1:
            values.check_labels(problem)
            return
        counts = None if loss_weight is None else (loss_weight != 0).any(1)
        if operands.chosen is not None:
            validation.known_indices(operands.chosen, self.classes, counts)
        of_few = operands.chosen is not None or by_key(head.likelihood).elementwise
        if operands.y is not None and of_few and not is_torch_compatible():
            validation.known_probabilities(operands.y, counts)


def _direction(rows: Tensor) -> Tensor:
    """Return rows divided by their lengths, computed in float32 or more."""
    wide_rows = rows.to(wide(rows.dtype))
    return torch.nn.functional.normalize(wide_rows, dim=-1).to(rows.dtype)
