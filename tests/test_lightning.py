"""Accumulated gradients in Lightning are those of one big batch of tokens."""

from __future__ import annotations

import copy

import pytest
import torch

import neglog
from neglog import functional as F
from neglog.integrations.lightning import WeightedAccumulation

pytestmark = pytest.mark.slow  # Lightning's import takes seconds

LENGTHS = [5, 1, 3, 4, 2, 6, 7]  # the last window of two is incomplete


def data() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return micro-batches with different numbers of labels."""
    torch.manual_seed(0)
    batches = [(torch.randn(8, 3), torch.randint(0, 4, (8,))) for _ in LENGTHS]
    for (_, labels), length in zip(batches, LENGTHS, strict=True):
        labels[length:] = -100
    return batches


def trained(clip: float | None) -> tuple[torch.nn.Linear, torch.nn.Linear]:
    """Return a layer that Lightning trained, and one that big batches trained."""
    import lightning

    class Model(WeightedAccumulation, lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 4)

        def training_step(self, batch, batch_idx):
            inputs, labels = batch
            total, count = F.sum_and_count(F.cross_entropy, self.layer(inputs), labels)
            return self.accumulate(total, count)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.5)

    torch.manual_seed(1)
    model = Model()
    plain = copy.deepcopy(model.layer)
    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=1, accumulate_grad_batches=2, gradient_clip_val=clip,
        logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(model, torch.utils.data.DataLoader(data(), batch_size=None))
    optimizer = torch.optim.SGD(plain.parameters(), 0.5)
    batches = data()
    for window in (batches[:2], batches[2:4], batches[4:6], batches[6:]):
        inputs, labels = (torch.cat(parts) for parts in zip(*window, strict=True))
        optimizer.zero_grad()
        neglog.CrossEntropyLoss()(plain(inputs), labels).backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(plain.parameters(), clip)
        optimizer.step()
    return model.layer, plain


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("clip", [None, 0.1])
def test_steps_are_those_of_big_batches(clip) -> None:
    ours, plain = trained(clip)
    torch.testing.assert_close(ours.weight, plain.weight)
    torch.testing.assert_close(ours.bias, plain.bias)


def test_a_window_without_losses_has_no_gradient() -> None:
    class Strategy:
        def reduce(self, count, reduce_op):
            assert reduce_op == "sum"
            return count

    class Trainer:
        accumulate_grad_batches, world_size, strategy = 2, 1, Strategy()

    module = WeightedAccumulation()
    module.trainer = Trainer()
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight])
    module.accumulate((weight * 0).sum(), 0).backward()
    module.on_before_optimizer_step(optimizer)
    assert weight.grad.tolist() == [0.0, 0.0]
    module.on_before_optimizer_step(optimizer)  # nothing was accumulated since
