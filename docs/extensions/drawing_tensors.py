"""Draw a loss of several tensors by one number of its example, the others staying as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from canvas import COLORS, GREY
from matplotlib.axes import Axes
from torch import Tensor

_POINTS = 121
_REACH = 4.0


@dataclass(frozen=True)
class Curve:
    """A loss and its derivative by one number, and that number's value in the example."""

    name: str
    x: np.ndarray
    loss: np.ndarray
    slope: np.ndarray
    example: float


def curve(
    call: Callable[..., Tensor],
    tensors: Mapping[str, Any],
    name: str,
    place: tuple[int, ...],
    highest: float,
) -> Curve:
    """Return the sum of the losses of an example by the number at a place of one tensor."""
    fixed = {key: torch.as_tensor(value) for key, value in tensors.items()}
    fixed = {key: t.double() if t.is_floating_point() else t for key, t in fixed.items()}
    example = float(fixed[name][place])
    x = np.linspace(example - _REACH, min(example + _REACH, highest), _POINTS)
    found = [_at(call, fixed, name, place, float(value)) for value in x]
    losses, slopes = map(np.array, zip(*found, strict=True))
    index = ", ".join(map(str, place))
    return Curve(f"{name}[{index}]", x, losses, slopes, example)


def _at(
    call: Callable[..., Tensor], tensors: Mapping[str, Tensor], name: str, place: Any, value: float
) -> tuple[float, float]:
    moved = tensors[name].clone()
    moved[place] = value
    moved.requires_grad_()
    loss = call(**{**tensors, name: moved}).sum()
    (slope,) = torch.autograd.grad(loss, moved)
    return loss.item(), slope[place].item()


def panels(drawn: Curve, words: Mapping[str, str], in_nats: bool) -> dict[str, Any]:
    """Return what draws the loss and its gradient, by the names of the pictures."""
    loss, slope = words["nats" if in_nats else "loss"], words["slope"].format(name=drawn.name)
    return {
        "loss": lambda axes: _line(axes, drawn, drawn.loss, loss, words["example"]),
        "gradient": lambda axes: _line(axes, drawn, drawn.slope, slope, words["example"]),
    }


def _line(axes: Axes, drawn: Curve, height: np.ndarray, title: str, label: str) -> None:
    axes.plot(drawn.x, height, color=COLORS[0], lw=1.8)
    axes.plot(drawn.example, np.interp(drawn.example, drawn.x, height), "o", color=COLORS[1],
              label=label)  # fmt: skip
    axes.axhline(0.0, color=GREY, lw=0.8)
    axes.set(xlabel=drawn.name, title=title)
    axes.legend(fontsize="small")
