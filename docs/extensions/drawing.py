"""Draw a declaration: distribution, loss and gradient, and rounding errors in float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import rounding
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from neglog.explain import values
from neglog.likelihood import Elementwise, Likelihood
from neglog.support import Support

_COLORS = ("#3b7dd8", "#d9822b", "#2f9e62")
_GREY = "#808890"  # legible on a light and on a dark page
_POINTS = 401
_STYLE = {
    "axes.edgecolor": _GREY,
    "axes.grid": True,
    "axes.labelcolor": _GREY,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": _GREY,
    "axes.titlesize": "medium",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 9.5,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.labelcolor": _GREY,
    "svg.fonttype": "none",  # text stays text: it can be searched and copied
    "svg.hashsalt": "neglog",
    "text.color": _GREY,
    "xtick.color": _GREY,
    "ytick.color": _GREY,
}


def small(likelihood: type[Likelihood], path: Path) -> None:
    """Draw the loss alone, for the index."""
    if issubclass(likelihood, Elementwise):
        _save([lambda axes: _losses(axes, likelihood)], path)
    else:
        _save([lambda axes: _row(axes, likelihood, False)], path)


def elementwise(likelihood: type[Elementwise], path: Path) -> None:
    """Draw p(y) for some outputs, and loss and slope by the first output for some targets."""
    panels: list[Callable[[Axes], None]] = []
    if likelihood.normalised:
        panels.append(lambda axes: _distribution(axes, likelihood))
    panels += [lambda axes: _losses(axes, likelihood), lambda axes: _slopes(axes, likelihood)]
    errors = rounding.of_first_output(likelihood)
    if errors is not None:
        panels.append(lambda axes: _errors(axes, likelihood.inputs[0], errors))
    _save(panels, path)


def rows(likelihood: type[Likelihood], path: Path) -> None:
    """Draw loss and slope by the logit of the label, the other two logits being 0."""
    _save([lambda axes: _row(axes, likelihood, False), lambda axes: _row(axes, likelihood, True)],
          path)  # fmt: skip


def _save(panels: Sequence[Callable[[Axes], None]], path: Path) -> None:
    with mpl.rc_context(_STYLE):
        lines, columns = (len(panels) + 1) // 2, min(len(panels), 2)
        figure = Figure(figsize=(3.6 * columns, 2.7 * lines), layout="constrained")
        for place, draw in enumerate(panels):
            draw(figure.add_subplot(lines, columns, place + 1))
        figure.savefig(path, metadata={"Date": None})


def _distribution(axes: Axes, likelihood: type[Elementwise]) -> None:
    discrete = likelihood.support.points is not None
    y = _all_targets(likelihood.support)
    for color, (first, *rest) in zip(_COLORS, _outputs(likelihood), strict=False):
        height = torch.exp(-_loss(likelihood, [first, *rest], y, constant=True))
        label = f"{likelihood.inputs[0]} = {first:g}"
        style = {"marker": "o", "ms": 3.5, "lw": 0.8 * (len(y) > 2)} if discrete else {"lw": 1.8}
        axes.plot(y, height, color=color, label=label, **style)
    axes.set(xlabel="target y", title="probability" if discrete else "density")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize="small")


def _losses(axes: Axes, likelihood: type[Elementwise]) -> None:
    for color, label, x, others, y in _by_target(likelihood):
        axes.plot(x, _loss(likelihood, [x, *others], y), color=color, lw=1.8, label=label)
    axes.set(xlabel=likelihood.inputs[0], title="loss in nats" if likelihood.normalised else "loss")
    axes.legend(fontsize="small")


def _slopes(axes: Axes, likelihood: type[Elementwise]) -> None:
    for color, _, x, others, y in _by_target(likelihood):
        arguments = _broadcast([x, *others, *_fixed(likelihood), y])
        slope = likelihood.grad(*arguments)
        first = slope[0] if isinstance(slope, tuple) else slope
        axes.plot(x, first.expand(x.shape), color=color, lw=1.8)
    axes.axhline(0.0, color=_GREY, lw=0.8)
    axes.set(xlabel=likelihood.inputs[0], title=f"gradient by {likelihood.inputs[0]}")


def _errors(axes: Axes, name: str, errors: rounding.Errors) -> None:
    axes.plot(errors.x, errors.textbook, color=_COLORS[1], lw=1.2, label="textbook's formula")
    axes.plot(errors.x, errors.neglog, color=_COLORS[0], lw=1.8, label="neglog")
    axes.set_yscale("asinh", linear_width=1.0)
    axes.set_ylim(0.0, max(4.0, 2.0 * max(errors.textbook.max(), errors.neglog.max())))
    axes.set_yticks([0, 1, 10, 1e3, 1e5, 1e7, 1e9], ["0", "1", "10", "10³", "10⁵", "10⁷", "∞"])
    axes.minorticks_off()
    axes.set(xlabel=name, title="error of the float32 loss in ulps")
    axes.legend(fontsize="small")


def _by_target(likelihood: type[Elementwise]) -> Any:
    scale = 0.5 if likelihood.inputs[0].startswith("log_") else 1.0
    x = scale * _grid(likelihood.domains[0])
    _, *others = _outputs(likelihood)[0]
    for color, target in zip(_COLORS, _targets(likelihood.support), strict=False):
        yield color, f"y = {target:g}", x, others, torch.tensor(target, dtype=torch.float64)


def _row(axes: Axes, likelihood: type[Any], slope: bool) -> None:
    x = torch.linspace(-6.0, 6.0, _POINTS, dtype=torch.float64, requires_grad=True)
    logits = torch.stack([x, torch.zeros_like(x), torch.zeros_like(x)], -1)
    settings = values.example_settings(likelihood, {}).values()
    loss = torch.stack(
        [likelihood.nll(log_p, *settings, torch.full_like(x, float(k == 0)))
         for k, log_p in enumerate(logits.log_softmax(-1).unbind(-1))]
    ).sum(0)  # fmt: skip
    height = torch.autograd.grad(loss.sum(), x)[0] if slope else loss.detach()
    axes.plot(x.detach(), height, color=_COLORS[0], lw=1.8)
    axes.axhline(0.0, color=_GREY, lw=0.8)
    axes.set(xlabel="logit of the label, the others being 0")
    axes.set_title("gradient by that logit" if slope else "loss in nats")


def _loss(
    likelihood: type[Elementwise], outputs: Sequence[Any], y: Tensor, constant: bool = False
) -> Tensor:
    arguments = _broadcast([*outputs, *_fixed(likelihood), y])
    loss = likelihood.nll(*arguments)
    if constant:
        loss = loss + likelihood.constant(*arguments[-len(likelihood.settings) - 1 :])
    return loss


def _broadcast(arguments: Sequence[Any]) -> list[Tensor]:
    tensors = [torch.as_tensor(each, dtype=torch.float64) for each in arguments]
    return list(torch.broadcast_tensors(*tensors))


def _fixed(likelihood: type[Elementwise]) -> list[float]:
    """Return the given tensors and settings of the example that `neglog explain` shows."""
    example = values.of_elements(likelihood, {})
    return [*(example.columns[n][0] for n in likelihood.given), *example.settings.values()]


def _outputs(likelihood: type[Elementwise]) -> list[list[float]]:
    """Return three values of the first output, each with one value of the others."""
    example = values.of_elements(likelihood, {})
    others = [example.columns[name][0] for name in likelihood.inputs[1:]]
    domain = likelihood.domains[0]
    unit, positive = not domain.contains(2.0), not domain.contains(-1.0)
    firsts = (0.2, 0.5, 0.8) if unit else (0.5, 1.0, 3.0) if positive else (-1.0, 0.0, 1.5)
    return [[first, *others] for first in firsts]


def _grid(domain: Support) -> Tensor:
    low, high = -5.0, 5.0
    if not domain.contains(-1.0):
        low, high = (0.02, 0.98) if not domain.contains(2.0) else (0.05, 6.0)
    elif not domain.contains(0.5):
        low, high = -6.0, 0.0
    return torch.linspace(low, high, _POINTS, dtype=torch.float64)


def _targets(support: Support) -> tuple[float, ...]:
    """Return up to three targets."""
    if isinstance(support.points, tuple):
        return support.points[:3]
    if support.points == "integers":
        return (0.0, 2.0, 5.0)
    if not support.contains(2.0):
        return (0.2, 0.5, 0.8)
    return (-1.0, 0.0, 2.0) if support.contains(-1.0) else (0.5, 1.0, 3.0)


def _all_targets(support: Support) -> Tensor:
    if isinstance(support.points, tuple):
        return torch.tensor(support.points, dtype=torch.float64)
    if support.points == "integers":
        return torch.arange(0.0, 16.0, dtype=torch.float64)
    if not support.contains(2.0):
        return torch.linspace(0.005, 0.995, _POINTS, dtype=torch.float64)
    low = -6.0 if support.contains(-1.0) else 0.02
    return torch.linspace(low, 6.0, _POINTS, dtype=torch.float64)
