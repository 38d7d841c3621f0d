"""Who takes turns: neglog, torch in three ways, and the libraries that are installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as torch_losses

from neglog import functional as neglogs
from neglog.bench.gpu.lines import Line

Loss = Callable[..., Tensor]
NEGLOG, EAGER, COMPILE, CHUNKED, LIGER, CCE, FLOOR = (
    "neglog", "eager", "compile", "chunked", "liger", "cce", "floor",
)  # fmt: skip
NAMES = (NEGLOG, EAGER, COMPILE, CHUNKED, LIGER, CCE, FLOOR)


def contenders(line: Line, compiling: bool) -> dict[str, Loss]:
    """Return the contenders of a line by name; neglog first."""
    found: dict[str, Loss] = {NEGLOG: getattr(neglogs, line.loss)}
    eager = _layer if line.kind == "layer" else getattr(torch_losses, line.loss)
    found[EAGER] = eager
    if compiling:
        torch._dynamo.reset()
        found[COMPILE] = torch.compile(eager)
    if line.kind == "layer" and hasattr(torch_losses, "linear_cross_entropy"):
        found[CHUNKED] = torch_losses.linear_cross_entropy
    for name, (package, module, functions) in _LIBRARIES.items():
        if line.kind in functions and find_spec(package) is not None:
            found[name] = getattr(import_module(module), functions[line.kind])
    return found


# Their functions take the logits, or the rows and the layer, and then the labels.
_LIBRARIES: dict[str, tuple[str, str, dict[str, str]]] = {
    LIGER: (
        "liger_kernel",
        "liger_kernel.transformers.functional",
        {"rows": "liger_cross_entropy", "layer": "liger_fused_linear_cross_entropy"},
    ),
    CCE: ("cut_cross_entropy", "cut_cross_entropy", {"layer": "linear_cross_entropy"}),
}


WRITERS = (LIGER,)  # they write the gradient over the logits


def _layer(x: Tensor, w: Tensor, y: Tensor) -> Tensor:
    return torch_losses.cross_entropy(torch_losses.linear(x, w), y)


def step(loss: Loss, data: tuple[Tensor, ...]) -> Callable[[], tuple[Tensor, ...]]:
    """Return the timed call: the loss and all required gradients."""
    leaves = [tensor for tensor in data if tensor.requires_grad]

    def run() -> tuple[Tensor, ...]:
        value: Any = loss(*data)
        value = value[0] if isinstance(value, tuple) else value
        value.backward()
        gradients = [leaf.grad for leaf in leaves if leaf.grad is not None]
        for leaf in leaves:  # or the next run's memory would be counted from these on
            leaf.grad = None
        return value.detach(), *gradients

    return run


def matmuls_only(data: tuple[Tensor, ...]) -> Callable[[], None]:
    """Return the three matrix products of a linear layer and its loss, and nothing else."""
    x, w = data[0].detach(), data[1].detach()
    dz = torch.empty(len(x), len(w), dtype=x.dtype, device=x.device).normal_()

    def run() -> None:
        torch.mm(x, w.t(), out=dz)
        torch.mm(dz, w)
        torch.mm(dz.t(), x)

    return run
