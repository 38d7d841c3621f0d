"""Losses of DTensors, in two processes: torch's value and gradient, however they are sharded."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

import neglog
from neglog import functional as F


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def compare(rank: int, size: int, port: int) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=size)
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor, init_device_mesh

    mesh = init_device_mesh("cpu", (size,))
    torch.manual_seed(0)
    x, labels, y = torch.randn(6, 8), torch.randint(0, 8, (6,)), torch.rand(6, 8)
    losses = [
        (F.cross_entropy, x, labels),
        (F.nll_loss, x.log_softmax(1), labels),
        (F.cross_entropy, x, y),
        (F.mse_loss, x, y),
        (F.binary_cross_entropy_with_logits, x, y),
        (lambda x, y, **o: F.gaussian_nll_loss(x, y, 1.0, **o), x, y),
        (lambda x, y, **o: F.log_softmax(x, 1), x, y),
    ]
    options = [{}, {"reduction": "sum"}, {"reduction": "none"}]
    options += [{"sample_weight": torch.rand(6)}, {"mask": labels > 2}]
    for place in (Shard(1), Shard(0), Replicate()):
        for loss, whole, target in losses:
            by_rows = Replicate() if place == Shard(1) and target is labels else place
            for option in options:
                leaf = distribute_tensor(whole, mesh, [place]).requires_grad_()
                found = loss(leaf, distribute_tensor(target, mesh, [by_rows]), **option)
                found.full_tensor().sum().backward()
                plain = whole.clone().requires_grad_()
                expected = loss(plain, target, **option)
                expected.sum().backward()
                torch.testing.assert_close(found.full_tensor(), expected)
                torch.testing.assert_close(leaf.grad.full_tensor(), plain.grad)
                assert leaf.grad.placements == leaf.placements
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_losses_of_sharded_tensors() -> None:
    source = str(Path(neglog.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": source, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, __file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    mp.spawn(compare, (2, free_port()), 2)
