"""`engine/memory.py` reuses a block, but not while the block is in use."""

from __future__ import annotations

import pytest
import torch

from neglog import functional
from neglog.engine import memory

SIZE = 70_000  # several blocks of work


@pytest.fixture(autouse=True)
def _every_gradient_is_large(monkeypatch):
    if not memory._CAN_ADVISE:
        pytest.skip("this system cannot be told what memory is for")
    monkeypatch.setattr(memory, "LARGE", 1)
    memory._waiting.clear()


def gradient(value: float) -> torch.Tensor:
    x = torch.full((SIZE,), value, requires_grad=True)
    functional.mse_loss(x, torch.zeros(SIZE), reduction="sum").backward()
    assert x.grad is not None
    return x.grad


def test_freed_memory_is_used_again() -> None:
    first = gradient(1.0)
    place = first.data_ptr()
    del first
    assert gradient(2.0).data_ptr() == place


@pytest.mark.parametrize("keep", [lambda g: g, lambda g: g[5:7], lambda g: g.view(-1, 7).T])
def test_what_somebody_holds_is_left_alone(keep) -> None:
    held = keep(gradient(1.0))
    for value in (2.0, 3.0, 4.0):
        gradient(value)
    assert (held == 2.0).all()


def test_another_size_gets_its_own_memory() -> None:
    gradient(1.0)
    x = torch.ones(3, requires_grad=True)
    functional.mse_loss(x, torch.zeros(3), reduction="sum").backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    assert gradient(1.5).sum() == 3.0 * SIZE


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(6, 5), (5, 6), (2, 3, 5)])
def test_it_has_the_dtype_and_the_order_that_were_asked_for(dtype, shape) -> None:
    like = torch.empty(shape, dtype=dtype).transpose(0, -1)
    fresh = memory.empty_like(like)
    assert (fresh.dtype, fresh.shape, fresh.stride()) == (dtype, like.shape, like.stride())


def test_three_blocks_wait_at_most() -> None:
    several = [gradient(1.0) for _ in range(4)]
    del several
    assert len(memory._waiting) == 3
