"""Means over all tokens of a step in Lightning, which averages the means of micro-batches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neglog.device import sum_dtype


class WeightedAccumulation:
    """A mixin for a LightningModule: accumulated gradients are those of one big batch.

    Lightning divides the loss of each micro-batch by `accumulate_grad_batches`, and averages over
    processes. Where micro-batches hold different numbers of tokens, that is a mean of means. This
    mixin lets `training_step` return sums, and divides the gradients once by the number of tokens
    of the step, over all micro-batches and processes, before they are clipped::

        class Model(WeightedAccumulation, lightning.LightningModule):
            def training_step(self, batch, batch_idx):
                logits = self(batch["input_ids"])
                total, count = sum_and_count(cross_entropy, logits, batch["labels"])
                return self.accumulate(total, count)

    Automatic optimisation, every precision and strategy of Lightning that averages gradients, and
    an incomplete last window stay as they are. A module with its own `on_before_optimizer_step`
    calls this one by `super()`.
    """

    trainer: Any  # of the LightningModule
    _count: Tensor | None = None

    def accumulate(self, total: Tensor, count: Tensor | float) -> Tensor:
        """Return the loss that `training_step` returns.

        Args:
            total: the sum of the losses of a micro-batch, in nats.
            count: their number, or the sum of their weights.
        """
        count = torch.as_tensor(count, device=total.device).detach()
        self._count = count if self._count is None else self._count + count
        batches: int = self.trainer.accumulate_grad_batches
        return total * batches

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        """Divide the gradients by the number of losses of the step."""
        if self._count is None:
            return
        count = self._count.to(sum_dtype(self._count.device))
        count = self.trainer.strategy.reduce(count, reduce_op="sum")
        self._count = None
        scale = torch.where(count > 0, self.trainer.world_size / count, 0.0)
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad.mul_(scale)
