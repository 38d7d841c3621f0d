"""One training step of a language model of transformers, with and without `neglog.patch`.

    python benchmarks/patch.py

Prints the loss, the least processor time of a step on one thread, by turns, and how far a second
step raises the memory of its process, gradients included (Linux).
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
import transformers

import neglog

CLASSES, ROWS, LENGTH, STEPS = 32_000, 4, 512, 5


def model() -> Any:
    """Return a model of two layers and 32 000 classes."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=CLASSES, hidden_size=256, intermediate_size=512, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=4,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).train()


def step(model: Any) -> tuple[float, float]:
    """Return the loss and the seconds of a step."""
    torch.manual_seed(1)
    ids = torch.randint(0, CLASSES, (ROWS, LENGTH))
    begin = time.process_time()
    model.zero_grad()
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    return loss.item(), time.process_time() - begin


def _kilobytes(name: str) -> int:
    """Return a figure of this process's memory."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def peak(is_patched: bool) -> None:
    """Print how many MiB a second step takes."""
    found = neglog.patch(model()) if is_patched else model()
    step(found)
    found.zero_grad()
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # resets the peak
    before = _kilobytes("VmRSS")
    step(found)
    print(f"{(_kilobytes('VmHWM') - before) / 1024:.0f}")


def main() -> None:
    """Print both."""
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        return peak(sys.argv[1] == "patched")
    models = {"model": model(), "patched": neglog.patch(model())}
    times: dict[str, list[float]] = {name: [] for name in models}
    losses = {}
    for _ in range(STEPS + 1):
        for name, found in models.items():
            losses[name], seconds = step(found)
            times[name].append(seconds)
    for name in models:
        command = [sys.executable, __file__, name]
        memory = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        print(f"{name:8} loss {losses[name]:.6f}  {min(times[name]):.2f} s  {memory} MiB")
    return None


if __name__ == "__main__":
    main()
