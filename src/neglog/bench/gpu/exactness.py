"""Compare a line's loss and gradient with float64, chunk by chunk.

Every line is run for an upstream gradient of 1 and for one of 0.375, which catches code paths that
ignore it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as torch_losses

from neglog import functional as neglogs
from neglog.bench.gpu.lines import Line

CHUNK = 1 << 25  # numbers that are float64 at a time
FORWARD, GRADIENT = 2.0, 4.0  # units in the last place
ROUNDINGS = 2.0  # of a layer's gradients, whose norms are compared
_UPSTREAM = (1.0, 0.375)


def errors(line: Line, device: torch.device) -> dict[str, float]:
    """Return the largest errors of loss and gradient, relative to the tolerance.

    A line is right where none is above 1.
    """
    data = line.data(device)
    found = {"loss": 0.0, "gradient": 0.0}
    for upstream in _UPSTREAM:
        value = getattr(neglogs, line.loss)(*data)
        leaves = [t for t in data if t.requires_grad]
        slopes = torch.autograd.grad(value, leaves, torch.full_like(value, upstream))
        compare = _layer if line.kind == "layer" else _pointwise
        loss, gradient = compare(line, data, value.detach(), slopes, upstream)
        found = {
            "loss": max(found["loss"], loss),
            "gradient": max(found["gradient"], gradient),
        }
    return found


def _ulps(got: Tensor, true: Tensor) -> Tensor:
    """Return the distance in ulps of the stored dtype."""
    finfo = torch.finfo(got.dtype)
    unit = torch.ldexp(torch.ones_like(true), torch.frexp(true)[1] - 1) * finfo.eps
    return (got.double() - true).abs() / unit.clamp(min=finfo.smallest_normal * finfo.eps)


def _pointwise(
    line: Line, data: tuple[Tensor, ...], value: Tensor, slopes: tuple[Tensor, ...], upstream: float
) -> tuple[float, float]:
    """Compare every number of the gradient of rows or elements."""
    x, y = data
    losses: Callable[..., Tensor] = getattr(torch_losses, line.loss)
    count = line.shape[0]
    total, worst = 0.0, 0.0
    for part in _chunks(line.shape):
        z = x[part].detach().double().requires_grad_()
        target = y[part].double() if y.is_floating_point() else y[part]
        loss = losses(z, target, reduction="sum") / count
        (true,) = torch.autograd.grad(loss, z, torch.full_like(loss, upstream))
        if line.kind == "rows":
            true = _without_cancellation(z.detach(), target, upstream / count)
        total += loss.item()
        worst = max(worst, _ulps(slopes[0][part], true).max().item())
    loss_error = _ulps(value, torch.tensor(total, dtype=torch.float64, device=value.device))
    return loss_error.item() / FORWARD, worst / GRADIENT


def _without_cancellation(z: Tensor, label: Tensor, scale: float) -> Tensor:
    """Return scale · (p − onehot), 1 − p taken from the other classes."""
    p = z.softmax(1)
    others = p.scatter(1, label[:, None], 0.0).sum(1, keepdim=True)
    return p.scatter(1, label[:, None], -others) * scale


def _layer(
    line: Line, data: tuple[Tensor, ...], value: Tensor, slopes: tuple[Tensor, ...], upstream: float
) -> tuple[float, float]:
    """Compare the norms of the gradients, in roundings of the stored dtype."""
    x, w, y = data
    wide = w.detach().double()
    dx, dw = torch.empty(x.shape, dtype=torch.float64, device=x.device), torch.zeros_like(wide)
    total = 0.0
    for part in _chunks((len(x), len(w))):
        rows = x[part].detach().double()
        z = rows @ wide.t()
        total += torch_losses.cross_entropy(z, y[part], reduction="sum").item() / len(x)
        dz = _without_cancellation(z, y[part], upstream / len(x))
        dx[part] = dz @ wide
        dw.addmm_(dz.t(), rows)
    eps = torch.finfo(x.dtype).eps
    pairs = zip(slopes, (dx, dw), strict=True)
    worst = max(((got.double() - true).norm() / true.norm()).item() for got, true in pairs)
    loss = _ulps(value, torch.tensor(total, dtype=torch.float64, device=value.device))
    return loss.item() / FORWARD, worst / eps / ROUNDINGS


def _chunks(shape: tuple[int, ...]) -> Iterator[slice]:
    of_a_row = torch.Size(shape[1:]).numel()
    step = max(1, CHUNK // of_a_row)
    for start in range(0, shape[0], step):
        yield slice(start, start + step)
