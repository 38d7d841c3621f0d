"""Train a small language model on the source of Python's library, and keep its last layer.

    python benchmarks/language_model.py --out model.pt [--steps 2000]

A byte-pair vocabulary of 32 000 pieces (the package `tokenizers`), an embedding, two layers over
the last eight pieces, and the embedding again as the output layer, trained with
`neglog.functional.linear_cross_entropy`. What is kept: rows of the last hidden layer on text that
was not trained on, the output layer, and the true next pieces. `sparse_rows.py` measures on them.
"""

from __future__ import annotations

import argparse
import sysconfig
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import Tensor, nn

from neglog import functional

CONTEXT, WIDTH, BATCH = 8, 256, 1024


def text() -> list[str]:
    """Return the files of the standard library, in an order that mixes its parts."""
    paths = sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py"), key=lambda p: p.name)
    chosen = [p for p in paths if "site-packages" not in p.parts]
    return [p.read_text(encoding="utf-8", errors="ignore") for p in chosen]


def encoded(files: list[str], pieces: int) -> Tensor:
    """Return the files as one sequence of tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(files, trainers.BpeTrainer(vocab_size=pieces))
    lines = [torch.tensor(e.ids, dtype=torch.int32) for e in tokenizer.encode_batch(files)]
    return torch.cat(lines)


class Model(nn.Module):
    """Two layers over the last tokens; the output layer is tied to the embedding."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(pieces, WIDTH)
        nn.init.normal_(self.embedding.weight, std=WIDTH**-0.5)
        self.hidden = nn.Sequential(
            nn.Linear(CONTEXT * WIDTH, 2 * WIDTH),
            nn.GELU(),
            nn.Linear(2 * WIDTH, WIDTH),
            nn.LayerNorm(WIDTH),
        )

    def forward(self, context: Tensor) -> Tensor:
        """Return the rows that the output layer takes."""
        rows: Tensor = self.hidden(self.embedding(context).flatten(1))
        return rows


def batch(line: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Return the contexts before some places, and what stands there."""
    around = places[:, None] + torch.arange(-CONTEXT, 0)
    return line[around].long(), line[places].long()


def train(line: Tensor, pieces: int, steps: int) -> Model:
    """Minimise the mean loss of the next token."""
    model = Model(pieces)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    started = time.perf_counter()
    for step in range(steps):
        context, following = batch(line, torch.randint(CONTEXT, len(line), (BATCH,)))
        rows = model(context)
        loss = functional.linear_cross_entropy(rows, model.embedding.weight, following)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0 or step == steps - 1:
            seconds = time.perf_counter() - started
            print(f"step {step}: {loss.item():.3f} nats, {seconds:.0f} s", flush=True)
    return model


def main() -> None:
    """Train, and save the inputs of the measurement."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--steps", type=int, default=2000)
    options.add_argument("--pieces", type=int, default=32000)
    options.add_argument("--rows", type=int, default=4096)
    given = options.parse_args()
    torch.manual_seed(0)
    line = encoded(text(), given.pieces)
    known = int(0.95 * len(line))
    print(f"{len(line)} pieces of text, {given.pieces} different ones")
    model = train(line[:known], given.pieces, given.steps)
    with torch.no_grad():
        places = torch.arange(known + CONTEXT, known + CONTEXT + given.rows)
        context, following = batch(line, places)
        rows, layer = model(context), model.embedding.weight.detach()
        held_out = functional.linear_cross_entropy(rows, layer, following)
    print(
        f"held out: {held_out:.3f} nats a piece (a guess: {torch.tensor(given.pieces).log():.3f})"
    )
    torch.save({"rows": rows, "layer": layer, "following": following}, given.out)


if __name__ == "__main__":
    main()
