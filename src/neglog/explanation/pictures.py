"""Plots of a loss, and of the likelihood of the user's rows as a function of one weight."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from neglog.explanation.values import Values
from neglog.likelihood import Elementwise, Rows
from neglog.report.document import Curve, Mark, Plot, Section, number
from neglog.support import Support
from neglog.translation import gettext as _
from neglog.translation import joined

_POINTS = 161
_CURVES = 4
_REACHES = (3.0, 6.0, 12.0)  # of the change of the weight, to either side
_REFINED = 3  # times that the neighbourhood of the maximum is searched

Loss = Callable[[Tensor], Tensor]


def section(plots: Sequence[Plot]) -> Section:
    """Return the section of the plots."""
    return Section(_("The loss and the likelihood in pictures"), list(plots))


def of_elements(likelihood: type[Elementwise], chosen: Values) -> Section:
    """Draw the loss as a function of the first output, and the likelihood of all samples."""
    samples = [torch.tensor(s, dtype=torch.float64) for s in chosen.samples(likelihood)]
    domain = likelihood.domains[0]

    def total(change: Tensor) -> Tensor:
        losses = (
            _loss(likelihood, moved(s[0], change, domain), [s[1:]] * len(change)) for s in samples
        )
        return sum(losses, torch.zeros_like(change))

    return section([
        _by_target(likelihood, samples, chosen),
        *_by_weight(total, likelihood.normalised, _changed(likelihood.inputs[0], domain)),
    ])  # fmt: skip


def of_rows(
    likelihood: type[Rows],
    rows: Sequence[Sequence[float]],
    codes: Sequence[int],
    names: Sequence[str],
    settings: Mapping[str, float],
) -> Section:
    """Draw the loss as a function of the first class's logit, and the likelihood of all rows."""
    fixed = list(settings.values())
    z = torch.tensor(rows, dtype=torch.float64)

    def loss(row: Tensor, change: Tensor, code: int) -> Tensor:
        logits = row.repeat(len(change), 1)
        logits[:, 0] += change
        log_p = logits.log_softmax(1).unbind(1)
        terms = (likelihood.nll(each, *fixed, torch.full_like(each, float(k == code)))
                 for k, each in enumerate(log_p))  # fmt: skip
        return sum(terms, torch.zeros_like(change))

    def total(change: Tensor) -> Tensor:
        pairs = zip(z, codes, strict=True)
        return sum((loss(*pair_of(pair, change)) for pair in pairs), torch.zeros_like(change))

    def pair_of(pair: tuple[Tensor, int], change: Tensor) -> tuple[Tensor, Tensor, int]:
        return pair[0], change, pair[1]

    x = torch.linspace(-6.0, 6.0, _POINTS, dtype=torch.float64)
    shown = [*dict.fromkeys([codes[0], 0, *range(len(names))])][:_CURVES]
    curves = [
        Curve(_("label {label}").format(label=names[k]), x.tolist(),
              loss(z[0], x - z[0, 0], k).tolist())
        for k in shown
    ]  # fmt: skip
    slope = _slope(lambda change: loss(z[0], change, codes[0]), torch.zeros(1, dtype=z.dtype))
    marks = [_arrow(float(z[0, 0]), slope, 0)]
    what = _("the logit of class {name}").format(name=names[0])
    plot = Plot(
        _("The loss as a function of one logit, for each label"), what, curves, marks,
        joined(_("The other logits are those of the first row."), _arrows()),
    )  # fmt: skip
    change = _("the change of the bias of class {name}").format(name=names[0])
    return section([plot, *_by_weight(total, likelihood.normalised, change)])


def of_tensors(loss: Callable[[Tensor], Tensor], first: Tensor, name: str, likely: bool) -> Section:
    """Draw a loss as a function of the first number of its first tensor."""

    def moved_by(change: Tensor) -> Tensor:
        found = []
        for each in change:
            tensor = first.clone()
            tensor.view(-1)[0] += each
            found.append(loss(tensor))
        return torch.stack(found)

    x = torch.linspace(-4.0, 4.0, _POINTS, dtype=torch.float64)
    start = float(first.reshape(-1)[0])
    what = _("the first number of {name}").format(name=name)
    slope = _slope(moved_by, torch.zeros(1, dtype=torch.float64))
    curve = Curve("", (x + start).tolist(), moved_by(x).detach().tolist())
    title = _("The loss as a function of one number of the model output")
    change = _("the change of {name}").format(name=what)
    plot = Plot(title, what, [curve], [_arrow(start, slope, 0)], _arrows())
    return section([plot, *_by_weight(moved_by, likely, change)])


def moved(x: Tensor, change: Tensor, domain: Support) -> Tensor:
    """Return an output after a change of the bias; within its domain, on the scale of its link."""
    if domain.contains(-1.0) and domain.contains(2.0):
        return x + change
    if domain.contains(-1.0):
        return x * change.exp()
    return x * change.exp() if domain.contains(2.0) else (x.logit() + change).sigmoid()


def _changed(name: str, domain: Support) -> str:
    if domain.contains(-1.0) and domain.contains(2.0):
        return _("the change of the bias b, which every {name} contains").format(name=name)
    if domain.contains(-1.0) or domain.contains(2.0):
        return _("the change of the bias b in ln |{name}|").format(name=name)
    return _("the change of the bias b in the logit of {name}").format(name=name)


def _loss(likelihood: type[Elementwise], x: Tensor, others: Sequence[Tensor]) -> Tensor:
    """Return the losses at outputs, with the constant of a likelihood."""
    rest = torch.stack(list(others)).unbind(1)
    loss: Tensor = torch.as_tensor(likelihood.nll(x, *rest)).expand(x.shape)
    if not likelihood.normalised:
        return loss
    count = len(likelihood.settings) + 1
    return loss + torch.as_tensor(likelihood.constant(*rest[-count:]))


def _slope(loss: Loss, at: Tensor) -> tuple[float, float]:
    """Return a loss and its derivative at a number."""
    leaf = at.clone().requires_grad_()
    value = loss(leaf)
    (slope,) = torch.autograd.grad(value.sum(), leaf)
    return value.item(), slope.item()


def _arrow(x: float, found: tuple[float, float], curve: int) -> Mark:
    return Mark(x, found[0], curve, slope=found[1])


def _arrows() -> str:
    return _(
        "Arrows stand at the samples and point against the gradient, to where the loss falls; a "
        "dot stands where the gradient is 0."
    )


def _by_target(likelihood: type[Elementwise], samples: Sequence[Tensor], chosen: Values) -> Plot:
    """Draw the loss by the first output for the targets of the samples."""
    name, *others = (*likelihood.inputs, *likelihood.given)
    domain = likelihood.domains[0]
    groups: dict[tuple[float, ...], list[float]] = {}
    for sample in samples:
        groups.setdefault(tuple(sample[1:].tolist()), []).append(float(sample[0]))
    shown = dict(sorted(groups.items(), key=lambda pair: -pair[0][-1])[:_CURVES])
    centre = [x for xs in groups.values() for x in xs]
    centre += [key[-1] for key in groups if likelihood.link == "identity"]
    x = _grid(min(centre), max(centre), domain)
    curves, marks = [], []
    for index, (key, places) in enumerate(shown.items()):
        rest = torch.tensor(key, dtype=torch.float64)
        curves.append(Curve(f"y = {number(key[-1])}", x.tolist(),
                            _loss(likelihood, x, [rest] * len(x)).tolist()))  # fmt: skip

        def at(z: Tensor, rest: Tensor = rest) -> Tensor:
            return _loss(likelihood, z, [rest])

        for place in places:
            found = _slope(at, torch.tensor([place], dtype=torch.float64))
            marks.append(_arrow(place, found, index))
    caption = _arrows()
    if others:
        caption = joined(caption, _("The other numbers are those of the samples."))
    title = _("The loss as a function of {name}, for each target").format(name=name)
    return Plot(title, name, curves, marks, caption)


def _grid(low: float, high: float, domain: Support) -> Tensor:
    """Return numbers of a domain around an interval."""
    pad = max(0.5 * (high - low), 1.5)
    low, high = low - pad, high + pad
    if not domain.contains(-1.0):
        low, high = (0.005, 0.995) if not domain.contains(2.0) else (high / 200, high)
    elif not domain.contains(2.0):
        high = -0.005
    return torch.linspace(low, high, _POINTS, dtype=torch.float64)


def _by_weight(total: Loss, is_likelihood: bool, what: str) -> list[Plot]:
    """Draw the likelihood of all samples and its logarithm, or a score, by a weight's change."""
    for reach in _REACHES:
        change = torch.linspace(-reach, reach, _POINTS, dtype=torch.float64)
        loss = total(change).detach().nan_to_num(nan=math.inf)
        best = int(loss.argmin())
        if 0 < best < _POINTS - 1:
            break
    place, least = _minimum(total, change, best)
    inside = 0 < best < _POINTS - 1
    x = change.tolist()
    if not is_likelihood:
        label = _("minimum: {value} at {place}")
        marks = [Mark(place, least, 0, label.format(value=number(least), place=number(place, 3)))]
        plot = Plot(_("The loss of all samples"), what, [Curve("", x, loss.tolist())],
                    marks if inside else [], "" if inside else _no_end())  # fmt: skip
        return [plot]
    return _of_likelihood(x, loss, place, least, inside, what)


def _of_likelihood(
    x: list[float], loss: Tensor, place: float, least: float, inside: bool, what: str
) -> list[Plot]:
    """Draw P and ln P, and mark their maximum."""

    def plot(title: str, y: Tensor, best: float, caption: str) -> Plot:
        label = _("maximum: {value} at {place}")
        label = label.format(value=number(best), place=number(place, 3))
        marks = [Mark(place, best, 0, label)] if inside else []
        return Plot(title, what, [Curve("", x, y.tolist())], marks, caption)

    caption = _(
        "X and y are given, so the likelihood P is a function of the weights. Here one weight, a "
        "bias b, changes and the others stay: P and ln P have their maximum at the same place, and "
        "L = −ln P its minimum."
    )
    likelihood, plots = (-loss).exp(), []
    if 0 < float(likelihood.max()) < math.inf:
        title = _("The likelihood P of all samples")
        plots.append(plot(title, likelihood, math.exp(-least), caption))
        caption = ""
    else:
        outside = _("P is outside the range of float64; its logarithm is not.")
        caption = joined(caption, outside)
    caption = caption if inside else joined(caption, _no_end())
    return [*plots, plot(_("The log-likelihood ln P of all samples"), -loss, -least, caption)]


def _no_end() -> str:
    return _("There is no extremum in this range: the loss falls up to its end.")


def _minimum(total: Loss, change: Tensor, best: int) -> tuple[float, float]:
    """Return the place of the least loss near a number of a grid, and the loss."""
    low, high = change[max(best - 1, 0)], change[min(best + 1, len(change) - 1)]
    for _round in range(_REFINED):
        near = torch.linspace(float(low), float(high), _POINTS, dtype=torch.float64)
        losses = total(near).detach().nan_to_num(nan=math.inf)
        place = int(losses.argmin())
        low, high = near[max(place - 1, 0)], near[min(place + 1, _POINTS - 1)]
    return float(near[place]), float(losses[place])
