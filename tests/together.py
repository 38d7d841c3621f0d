"""A training by several processes, each of which runs `main`."""

from __future__ import annotations

import sys
from pathlib import Path

import killed
import torch
from torch import distributed

from neglog.fitting.network import schedule
from neglog.fitting.network.architecture import Architecture
from neglog.fitting.network.checkpoint import Checkpoint
from neglog.fitting.network.optimizers import make
from neglog.fitting.network.process_team import wrap
from neglog.fitting.network.settings import Settings
from neglog.fitting.network.standardise import Standardise
from neglog.fitting.network.train import train


class Cut(BaseException):
    """What ends a process early."""


class Scissors:
    """Cuts a training off after as many losses of steps."""

    def __init__(self, fatal: int) -> None:
        self.left = fatal

    def pass_one(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Cut


def together(
    name: str, batch: int, kind: str | None = None, file: Path | None = None, fatal: int = 0
) -> torch.Tensor:
    """Train; return all weights in one line."""
    units = Standardise(torch.zeros(3).double(), torch.ones(3).double())
    model = Architecture((8, 5), "tanh").build(units, 1, seed=3)
    team = wrap(model, kind) if kind else None
    problem = killed.problem_of(model, Scissors(fatal))
    settings = Settings(8, batch, seed=1, patience=6)
    optimizer, _ = make(name, {}, model)
    steps = settings.steps(optimizer, len(problem.x))
    plan = schedule.make("cosineannealing", {}, optimizer, 8, steps)
    checkpoint = Checkpoint(file, resume=True) if file else None
    found = train(model, problem, optimizer, plan, settings, checkpoint=checkpoint, team=team)
    tensors = model.state_dict().values()
    whole = [tensor if team is None else team.gather(tensor) for tensor in tensors]
    norm = torch.tensor([found.gradient_norm], dtype=torch.float64)
    return torch.cat([*(tensor.reshape(-1) for tensor in whole), norm])


def main(rank: int, folder: Path, kind: str, name: str, batch: int, fatal: int) -> None:
    """Train as one of two processes, and write the weights to a file of the folder."""
    torch.set_num_threads(1)
    meet = f"file://{folder}/meet{fatal}"
    distributed.init_process_group("gloo", init_method=meet, rank=rank, world_size=2)
    try:
        weights = together(name, batch, kind, folder / "file", fatal)
        (folder / f"{name} {rank}").write_text(" ".join(map(float.hex, weights.tolist())))
    except Cut:
        sys.exit(3)
    distributed.destroy_process_group()
