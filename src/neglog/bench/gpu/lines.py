"""The lines of the GPU's table, in its order: the one place to add one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["rows", "elements", "layer"]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Line:
    """A loss over data of a shape and a dtype."""

    loss: str  # its name in both `functional` modules
    kind: Kind
    shape: Shape  # of the logits or elements; of a layer its rows, features and classes
    dtype: torch.dtype

    @property
    def title(self) -> str:
        """Return the name of the line."""
        size = "x".join(map(str, self.shape))
        return f"{self.loss} {size} {str(self.dtype).removeprefix('torch.')}"

    def data(self, device: torch.device) -> tuple[Tensor, ...]:
        """Make the arguments of the loss, the same in every call; floats require a gradient."""
        torch.manual_seed(0)
        made = _MAKERS[self.kind](self, device)
        for tensor in made[: 1 + (self.kind == "layer")]:
            tensor.requires_grad_()
        return made

    def bytes(self) -> int | None:
        """Return the number of bytes to move: inputs read once, the gradient written once."""
        if self.kind == "layer":
            return None
        numbers = torch.Size(self.shape).numel()
        read = numbers * self.dtype.itemsize * (2 if self.kind == "elements" else 1)
        labels = 8 * self.shape[0] if self.kind == "rows" else 0
        return read + labels + numbers * self.dtype.itemsize


def _rows(line: Line, device: torch.device) -> tuple[Tensor, ...]:
    rows, classes = line.shape
    x = torch.randn(line.shape, dtype=line.dtype, device=device).mul_(3)
    return x, torch.randint(classes, (rows,), device=device)


def _elements(line: Line, device: torch.device) -> tuple[Tensor, ...]:
    x = torch.randn(line.shape, dtype=line.dtype, device=device)
    y = torch.rand(line.shape, device=device)
    counts = line.loss == "poisson_nll_loss"
    return x, (y.mul_(4).floor_() if counts else y.round_()).to(line.dtype)


def _layer(line: Line, device: torch.device) -> tuple[Tensor, ...]:
    rows, features, classes = line.shape
    x = torch.randn(rows, features, dtype=line.dtype, device=device)
    w = torch.randn(classes, features, dtype=line.dtype, device=device).mul_(features**-0.5)
    return x, w, torch.randint(classes, (rows,), device=device)


_MAKERS: dict[Kind, Callable[[Line, torch.device], tuple[Tensor, ...]]] = {
    "rows": _rows,
    "elements": _elements,
    "layer": _layer,
}
_WIDE, _HALF = torch.float32, torch.bfloat16
_LOGITS: tuple[Shape, ...] = ((8192, 128256), (16384, 32000), (65536, 1000), (30_000_000, 3))
_HEADS: tuple[Shape, ...] = (
    (8192, 4096, 128256), (8192, 4096, 151936), (16384, 2048, 248320),
)  # fmt: skip
_MANY: Shape = (100_000_000,)

LINES: tuple[Line, ...] = (
    *(Line("cross_entropy", "rows", shape, d) for shape in _LOGITS for d in (_HALF, _WIDE)),
    *(Line("binary_cross_entropy_with_logits", "elements", _MANY, d) for d in (_HALF, _WIDE)),
    *(Line("mse_loss", "elements", _MANY, d) for d in (_HALF, _WIDE)),
    *(Line("poisson_nll_loss", "elements", _MANY, d) for d in (_HALF, _WIDE)),
    *(Line("linear_cross_entropy", "layer", shape, _HALF) for shape in _HEADS),
)
