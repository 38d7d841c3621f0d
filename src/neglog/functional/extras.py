"""What a caller may add to any loss: masks, sample weights, normalizers; and how a mean divides."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neglog import validation
from neglog.compatibility import is_torch_compatible
from neglog.device import sum_dtype
from neglog.distributed.plan import Plan
from neglog.engine import values

_HALF_PRECISION = (torch.float16, torch.bfloat16)


class Extras(NamedTuple):
    """The keyword-only arguments of all losses; the defaults keep torch's behaviour."""

    mask: Tensor | None = None
    sample_weight: Tensor | None = None
    normalizer: Tensor | float | None = None
    empty: str = "nan"
    plan: Plan | None = None

    def are_direct(self, reduction: str, size: int) -> bool:
        """Return whether the engine's own reduction suffices."""
        nothing = self.mask is None and self.sample_weight is None and self.normalizer is None
        return (
            nothing
            and (self.empty == "nan" or size > 0)
            and (reduction in validation.REDUCTIONS[:3])
        )

    def batch_size(self, shape: torch.Size, like: Tensor) -> Tensor | int:
        """Return the divisor of ``"batchmean"``: the first dimension of losses, over processes."""
        size = shape[0] if shape else 1
        if self.plan is None:
            return size
        sizes = torch.full((), size, dtype=sum_dtype(like.device), device=like.device)
        return (self.plan.total(sizes) / self.plan.scale).to(like.dtype)

    def check(self, reduction: str) -> None:
        """Refuse an invalid divisor of a mean."""
        validation.extras(self.normalizer, self.empty, reduction)
        if isinstance(self.normalizer, Tensor) and values.are_known(self.normalizer):
            validation.known_normalizer(self.normalizer, self.empty)

    def check_sum(self, reduction: str, weight: Tensor | None, divisors: Any) -> None:
        """Refuse weights that cancel in the divisor of a mean, if values may be read.

        Args:
            reduction: only a mean divides.
            weight: torch's weight, if a mean divides by it too.
            divisors: returns the summed weights.
        """
        if reduction != "mean" or self.normalizer is not None or is_torch_compatible():
            return
        named = {"sample_weight": self.sample_weight, "weight": weight}
        for name, given in named.items():
            known = given is not None and values.are_known(given) and given.numel() > 0
            if known and given is not None and given.detach().amin().item() < 0:
                ours = self.sample_weight is not None
                validation.positive_sum(name, divisors().detach(), ours)

    def scaled_down(
        self, reduction: str, weight: Tensor | None, count: Tensor | int
    ) -> tuple[Extras, Tensor | None] | None:
        """Return weights whose sum does not overflow and whose mean is the same, if that helps.

        Args:
            reduction: only a mean divides.
            weight: torch's weight, if a mean divides by it too.
            count: what a mean divides by.
        """
        fixed = self.normalizer is not None or self.plan is not None  # processes scale alike
        if reduction != "mean" or fixed or not _is_infinite(count):
            return None
        given = [t for t in (self.sample_weight, weight) if t is not None and t.numel()]
        if not given or not all(bool(t.isfinite().all()) for t in given):
            return None
        return self._replace(sample_weight=_small(self.sample_weight)), _small(weight)

    def loss_weights(self, shape: torch.Size, like: Tensor, counts: Tensor | None) -> Tensor | None:
        """Return the weight of each loss, 0 for excluded ones; None if all are equal."""
        if self.mask is None and self.sample_weight is None and counts is None:
            return None
        dtype = wide(like.dtype)
        if self.mask is not None:
            validation.boolean(mask=self.mask)
            mask = validation.leading("mask", self.mask, shape)
            counts = mask if counts is None else counts & mask
        if self.sample_weight is None:
            assert counts is not None
            return counts.to(dtype)
        loss_weight = validation.leading("sample_weight", self.sample_weight, shape).to(dtype)
        return loss_weight if counts is None else torch.where(counts, loss_weight, 0.0)


def _is_infinite(count: Tensor | int) -> bool:
    return isinstance(count, Tensor) and values.are_known(count) and math.isinf(count.item())


def _small(weight: Tensor | None) -> Tensor | None:
    """Return a weight times the power of two that brings its largest number to 1 or below."""
    if weight is None or not weight.numel():
        return weight
    top = float(weight.detach().double().abs().amax())
    exponent = math.frexp(top)[1]
    half = 2.0 ** -(exponent // 2)  # twice: the whole power may be no float32
    return weight * half * 2.0 ** -(exponent - exponent // 2)


def wide(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype in which losses of a dtype are computed."""
    return torch.float32 if dtype in _HALF_PRECISION else dtype
