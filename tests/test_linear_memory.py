"""The meaning of `memory`: in addition to gradients, a step allocates only the workspace."""

from __future__ import annotations

import subprocess
import sys

import pytest

from neglog.bench import memory

# Logits of 120 MB in a workspace of 8 MiB. The matrix products and the allocator take some more.
# Each step has a process of its own: what one leaves behind, the next would use again.
STEPS = """
import os
import torch
from pathlib import Path
from neglog.functional import linear_cross_entropy as loss

def of_process(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

def grown(**options):
    torch.manual_seed(0)
    x, w = torch.randn(1500, 16, requires_grad=True), torch.randn(20_000, 16, requires_grad=True)
    y = torch.randint(0, 20_000, (1500,))
    loss(x[:8], w[:8000], y[:8] % 8000, memory="1MiB", **options).sum().backward()
    x.grad = w.grad = None
    Path("/proc/self/clear_refs").write_text("5")
    before = of_process("VmRSS")
    loss(x, w, y, memory="8MiB", **options).sum().backward()
    return of_process("VmHWM") - before - x.nbytes - w.nbytes

for options in OPTIONS:
    if os.fork() == 0:
        print(grown(**options), flush=True)
        os._exit(0)
    assert os.wait()[1] == 0
"""
OPTIONS = [{}, {"reduction": "none"}, {"label_smoothing": 0.1}, {"softcap": 5.0}]


@pytest.mark.skipif(not memory.available(), reason=memory.UNAVAILABLE)
@pytest.mark.slow
def test_a_step_takes_the_workspace() -> None:
    code = f"OPTIONS = {OPTIONS}\n{STEPS}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    grown = [int(line) for line in ran.stdout.split()]
    too_much = [(o, g) for o, g in zip(OPTIONS, grown, strict=True) if g >= 24 * 2**20]
    assert not too_much
