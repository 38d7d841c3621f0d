"""Random numbers that a seed decides, and nothing that was drawn before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def mix_seed(*key: int) -> int:
    """Return a seed that differs for each key, with no relation between those of near keys."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)


@contextmanager
def seeded(device: torch.device, seed: int | None) -> Iterator[None]:
    """Let torch's own generators start from a seed, and put them back afterwards.

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
