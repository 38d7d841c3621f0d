"""A training in a process of its own, which may kill itself at any of its moments."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import torch

from neglog.fitting.network import schedule
from neglog.fitting.network.architecture import Architecture
from neglog.fitting.network.checkpoint import Checkpoint
from neglog.fitting.network.optimizers import make
from neglog.fitting.network.settings import Settings
from neglog.fitting.network.standardise import Standardise
from neglog.fitting.network.train import train
from neglog.fitting.network.training_objective import TrainingObjective

KINDS = {
    "adam": ("adam", {}, "onecyclelr", {"max_lr": 0.02}, 0.3, None),
    "sgd": ("sgd", {"momentum": 0.9}, "reducelronplateau", {"patience": 1}, 0.0, 4),
    "lbfgs": ("lbfgs", {"max_iter": 3}, "cosineannealinglr", {}, 0.0, None),
    "asgd": ("asgd", {}, "steplr", {"step_size": 3}, 0.2, None),
}
EPOCHS, ROWS, BATCH = 12, 90, 16


class Moments:
    """Counts what a training does, and kills the process at one of the counts."""

    def __init__(self, fatal: int) -> None:
        self.left = fatal

    def pass_one(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, owner: object, name: str) -> None:
        """Let each call of a function be two moments: before it, and after."""
        function = getattr(owner, name)

        def watched(*arguments, **options):
            self.pass_one()
            result = function(*arguments, **options)
            try:
                self.pass_one()
            except BaseException:  # where a test lets itself be killed in its own process
                if name == "open":
                    result.close()
                raise
            return result

        setattr(owner, name, watched)


def problem_of(model, moments):
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(ROWS, 3, generator=generator, dtype=torch.float64)
    y = x[:, :1] * x[:, 1:2] + 0.3 * torch.randn(ROWS, 1, generator=generator, dtype=torch.float64)
    training = slice(0, 70)

    def loss(output, rows):
        moments.pass_one()
        return (output - y[rows]).square().mean()

    def losses():
        errors = (model(x) - y).square()
        return float(errors[training].mean()), float(errors[70:].mean())

    return TrainingObjective(x[training], loss, losses)


def run(kind: str, file: Path, fatal: int = 0) -> torch.Tensor:
    """Train, going on from the file where there is one; return all weights in one line."""
    name, options, scheduled, details, dropout, patience = KINDS[kind]
    moments = Moments(fatal)
    units = Standardise(torch.zeros(3).double(), torch.ones(3).double())
    model = Architecture((8, 5), "gelu", dropout).build(units, 1, seed=3)
    problem = problem_of(model, moments)
    settings = Settings(EPOCHS, BATCH, seed=1, patience=patience)
    optimizer, _ = make(name, options, model)
    steps = settings.steps(optimizer, len(problem.x))
    plan = schedule.make(scheduled, details, optimizer, EPOCHS, steps)
    if fatal:
        moments.watch(os, "fsync")
        moments.watch(Path, "open")
        moments.watch(Path, "replace")
    checkpoint = Checkpoint(file, {"rows": ROWS}, resume=True)
    train(model, problem, optimizer, plan, settings, checkpoint=checkpoint)
    return torch.cat([tensor.reshape(-1) for tensor in model.state_dict().values()])


def main(kind: str, file: Path, out: Path, fatal: int) -> None:
    """Train, and write the weights to a file."""
    torch.set_num_threads(1)
    weights = run(kind, file, fatal)
    out.write_text(" ".join(value.hex() for value in weights.tolist()))
