"""Random numbers that depend on a seed only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def mix_seed(*key: int) -> int:
    """Hash a key to a seed."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)


@contextmanager
def seeded(device: torch.device, seed: int | None) -> Iterator[None]:
    """Seed torch's generators within a block, and restore their state afterwards.

    Dropout and the layers' first weights draw from them. Without a seed nothing is changed.
    """
    if seed is None:
        yield
        return
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        for one in devices:
            with torch.cuda.device(one):
                torch.cuda.manual_seed(seed)
        yield
