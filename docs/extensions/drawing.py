"""Draw a declaration: distribution, loss and gradient, and rounding errors in float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import rounding
import torch
from canvas import COLORS, GREY
from matplotlib.axes import Axes
from torch import Tensor

from neglog.explanation import values
from neglog.likelihood import Elementwise, Likelihood
from neglog.support import Support

_POINTS = 401
Words = Mapping[str, str]


def panels(likelihood: type[Likelihood], words: Words) -> dict[str, Callable[[Axes], None]]:
    """Return what draws the pictures of a declaration, by their names."""
    of_kind = _elementwise if issubclass(likelihood, Elementwise) else _rows
    return of_kind(likelihood, words)


def _elementwise(likelihood: Any, words: Words) -> dict[str, Callable[[Axes], None]]:
    """Draw p(y) for some outputs, and loss and slope by the first output for some targets."""
    drawn: dict[str, Callable[[Axes], None]] = {}
    if likelihood.normalised:
        drawn["distribution"] = lambda axes: _distribution(axes, likelihood, words)
    drawn["loss"] = lambda axes: _losses(axes, likelihood, words)
    drawn["gradient"] = lambda axes: _slopes(axes, likelihood, words)
    errors = rounding.of_first_output(likelihood)
    if errors is not None:
        drawn["error"] = lambda axes: _errors(axes, likelihood.inputs[0], errors, words)
    return drawn


def _rows(likelihood: Any, words: Words) -> dict[str, Callable[[Axes], None]]:
    """Draw loss and slope by the logit of the label, the other two logits being 0."""
    return {
        "loss": lambda axes: _row(axes, likelihood, words),
        "gradient": lambda axes: _row(axes, likelihood, words, slope=True),
    }


def _distribution(axes: Axes, likelihood: type[Elementwise], words: Words) -> None:
    discrete = likelihood.support.points is not None
    y = _all_targets(likelihood.support)
    for color, (first, *rest) in zip(COLORS, _outputs(likelihood), strict=False):
        height = torch.exp(-_loss(likelihood, [first, *rest], y, constant=True))
        label = f"{likelihood.inputs[0]} = {first:g}"
        style = {"marker": "o", "ms": 3.5, "lw": 0.8 * (len(y) > 2)} if discrete else {"lw": 1.8}
        axes.plot(y, height, color=color, label=label, **style)
    axes.set(xlabel=words["target"], title=words["probability" if discrete else "density"])
    axes.set_ylim(bottom=0)
    axes.legend(fontsize="small")


def _losses(axes: Axes, likelihood: type[Elementwise], words: Words) -> None:
    for color, label, x, others, y in _by_target(likelihood):
        axes.plot(x, _loss(likelihood, [x, *others], y), color=color, lw=1.8, label=label)
    axes.set(xlabel=likelihood.inputs[0], title=words["nats" if likelihood.normalised else "loss"])
    axes.legend(fontsize="small")


def _slopes(axes: Axes, likelihood: type[Elementwise], words: Words) -> None:
    for color, _, x, others, y in _by_target(likelihood):
        arguments = _broadcast([x, *others, *_fixed(likelihood), y])
        slope = likelihood.grad(*arguments)
        first = slope[0] if isinstance(slope, tuple) else slope
        axes.plot(x, first.expand(x.shape), color=color, lw=1.8)
    axes.axhline(0.0, color=GREY, lw=0.8)
    (name, *_) = likelihood.inputs
    axes.set(xlabel=name, title=words["slope"].format(name=name))


def _errors(axes: Axes, name: str, errors: rounding.Errors, words: Words) -> None:
    axes.plot(errors.x, errors.textbook, color=COLORS[1], lw=1.2, label=words["textbook"])
    axes.plot(errors.x, errors.neglog, color=COLORS[0], lw=1.8, label="neglog")
    axes.set_yscale("asinh", linear_width=1.0)
    axes.set_ylim(0.0, max(4.0, 2.0 * max(errors.textbook.max(), errors.neglog.max())))
    axes.set_yticks([0, 1, 10, 1e3, 1e5, 1e7, 1e9], ["0", "1", "10", "10³", "10⁵", "10⁷", "∞"])
    axes.minorticks_off()
    axes.set(xlabel=name, title=words["error"])
    axes.legend(fontsize="small")


def _by_target(likelihood: type[Elementwise]) -> Any:
    scale = 0.5 if likelihood.inputs[0].startswith("log_") else 1.0
    x = scale * _grid(likelihood.domains[0])
    _, *others = _outputs(likelihood)[0]
    for color, target in zip(COLORS, _targets(likelihood.support), strict=False):
        yield color, f"y = {target:g}", x, others, torch.tensor(target, dtype=torch.float64)


def _row(axes: Axes, likelihood: type[Any], words: Words, slope: bool = False) -> None:
    x = torch.linspace(-6.0, 6.0, _POINTS, dtype=torch.float64, requires_grad=True)
    logits = torch.stack([x, torch.zeros_like(x), torch.zeros_like(x)], -1)
    settings = values.example_settings(likelihood, {}).values()
    loss = torch.stack(
        [likelihood.nll(log_p, *settings, torch.full_like(x, float(k == 0)))
         for k, log_p in enumerate(logits.log_softmax(-1).unbind(-1))]
    ).sum(0)  # fmt: skip
    height = torch.autograd.grad(loss.sum(), x)[0] if slope else loss.detach()
    axes.plot(x.detach(), height, color=COLORS[0], lw=1.8)
    axes.axhline(0.0, color=GREY, lw=0.8)
    axes.set(xlabel=words["label logit"], title=words["logit slope" if slope else "nats"])


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
