"""What the losses of a linear layer have in common: how its tensors come in, and what comes out."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor

from neglog import guards
from neglog.compatibility import is_torch_compatible
from neglog.engine import RowsOfClasses, projection, reference, values
from neglog.engine.projection import Head, Operands, workspace
from neglog.families import Categorical
from neglog.functional.common import Extras


class Layer:
    """A linear layer's input, weight and bias, as rows.

    Attributes:
        leading: the input's shape without its features.
        inner: the shape of the losses of one row.
        positions: how many losses that is.
        classes: how many logits each loss has.
        budget: bytes for logits; 0 for the default.
    """

    def __init__(
        self,
        input: Tensor,
        linear_weight: Tensor,
        linear_bias: Tensor | None,
        memory: int | str | None = None,
    ) -> None:
        self.dtype = input.dtype
        input, linear_weight, linear_bias = self._autocast(input, linear_weight, linear_bias)
        guards.layer(input, linear_weight, linear_bias)
        self.leading, self.inner = input.shape[:-1], linear_weight.shape[1:-1]
        self.positions, self.classes = math.prod(self.inner), linear_weight.shape[0]
        self.x = input.reshape(-1, input.shape[-1])
        self.w = linear_weight.reshape(-1, linear_weight.shape[-1])
        self.b = None if linear_bias is None else linear_bias.reshape(-1)
        self.budget = 0
        if memory is not None:
            self.budget = guards.workspace(memory, workspace.bytes_of(memory))

    def _autocast(self, *tensors: Tensor | None) -> list[Any]:
        """Return the tensors as autocast wants them for a linear layer; its loss is in float32."""
        found = [t for t in tensors if isinstance(t, Tensor)]
        kind = found[0].device.type if found else "meta"
        if kind == "meta" or not torch.is_autocast_enabled(kind):
            return list(tensors)
        dtype = torch.get_autocast_dtype(kind)
        narrow = [isinstance(t, Tensor) and t.dtype != torch.float64 for t in tensors]
        self.dtype = torch.float32
        pairs = zip(tensors, narrow, strict=True)
        return [cast(Tensor, t).to(dtype) if low else t for t, low in pairs]

    def classified(
        self, target: Any, weight: Tensor | None, ignore_index: int | None
    ) -> tuple[Operands, int]:
        """Return the rows with a target of classes, and the label to ignore."""
        guards.several_classes(self.classes, is_torch_compatible())
        guards.class_weight(weight, self.classes)
        ignored = guards.ignored(-100 if ignore_index is None else ignore_index)
        operands = self.operands(weight)
        dtype = operands.computed_in
        if isinstance(target, (tuple, list)):
            if len(target) != 2:
                guards.tensors(target=target)
            probabilities, index = target
            guards.chosen(probabilities, index, self.leading)
            flat = probabilities.reshape(len(self.x), -1), index.reshape(len(self.x), -1)
            return operands._replace(y=flat[0].to(dtype), index=flat[1].long()), ignored
        guards.tensors(target=target)
        whole = torch.Size((*self.leading, self.classes, *self.inner))
        if target.is_floating_point() and target.shape == whole:
            guards.no_ignored_probability(-100 if ignore_index is None else ignored)
            y = target.reshape(len(self.x), self.classes, *self.inner)
            return operands._replace(y=y.flatten(2) if self.inner else y), ignored
        guards.linear_labels(target, torch.Size((*self.leading, *self.inner)), whole)
        return operands._replace(y=target.reshape(len(self.x), -1).long()), ignored

    def operands(self, weight: Tensor | None) -> Operands:
        """Return the rows, the layer and the class weights."""
        operands = Operands(self.x, self.w, self.b)
        weight = None if weight is None else weight.to(operands.computed_in)
        return operands._replace(weight=weight)

    def reduced(
        self,
        head: Head,
        operands: Operands,
        extras: Extras,
        reduction: str,
        loss_dtype: torch.dtype | None,
    ) -> Tensor:
        """Return the losses or what they are reduced to, rounded once."""
        guards.extras(extras.normalizer, extras.empty, reduction)
        shape = torch.Size((*self.leading, *self.inner))
        given = extras.shares(shape, operands.x, None)
        share = None if given is None else given.reshape(len(self.x), self.positions)
        dtype = loss_dtype or self.dtype
        self._check(head, operands, share)
        if share is not None and share.requires_grad:
            return self._weighed(head, operands, extras, reduction, share).to(dtype)
        operands = operands._replace(share=share)
        if reduction == "none":
            line = projection.outputs(head, operands, self.budget)[0]
            return line.reshape(shape).to(dtype)
        divisor = self._divisor(head, operands, extras, reduction)
        if divisor is None or reduction == guards.PAIR:
            total = projection.total(head, operands, self.budget)
            return total.to(dtype) if divisor is None else cast(Tensor, (total, divisor))
        # Divided before and not after, the loss has a 1 from above, and its gradients are final.
        nothing = divisor == 0
        each = 1.0 / torch.where(nothing, 1.0, divisor)
        share = each.expand(len(self.x), self.positions) if share is None else share * each
        total = projection.total(head, operands._replace(share=share), self.budget)
        if extras.empty == "nan":
            total = total + torch.where(nothing, math.nan, 0.0).to(total.dtype)
        return total.to(dtype)

    def _divisor(
        self, head: Head, operands: Operands, extras: Extras, reduction: str
    ) -> Tensor | None:
        """Return what the sum of the losses is divided by."""
        dtype, device = operands.computed_in, operands.x.device
        if reduction == "sum":
            return None
        if reduction == "batchmean":
            return torch.full((), self.leading[0] if self.leading else 1, dtype=dtype, device=device)
        if extras.normalizer is not None:
            return torch.as_tensor(extras.normalizer, dtype=dtype, device=device)
        return reference.count_of_rows(self._problem(head, operands))

    def _problem(self, head: Head, operands: Operands) -> RowsOfClasses:
        """Return the rows as if there were logits: what is counted and checked has no need of any."""
        count = len(self.x) * self.positions
        z = operands.x.new_zeros((), dtype=operands.computed_in).expand(count, self.classes)
        y = operands.y
        labels = y.reshape(-1) if y is not None and y.dtype == torch.int64 else z
        share = None if operands.share is None else operands.share.reshape(-1)
        return RowsOfClasses(Categorical, z, labels, operands.weight, share, head.ignored)

    def _check(self, head: Head, operands: Operands, share: Tensor | None) -> None:
        problem = self._problem(head, operands._replace(share=share))
        if problem.y.dim() == 1 and values.are_known(problem.y):
            values.check_labels(problem)

    def _weighed(
        self, head: Head, operands: Operands, extras: Extras, reduction: str, share: Tensor
    ) -> Tensor:
        """Return the loss whose weights are differentiated too."""
        counts = (share != 0).to(operands.computed_in)
        lines = projection.outputs(head, operands._replace(share=counts), self.budget)[0] * share
        if reduction == "none":
            return lines.reshape((*self.leading, *self.inner))
        divisor = self._divisor(head, operands._replace(share=share), extras, reduction)
        return lines.sum() if divisor is None else lines.sum() / divisor
