"""`neglog explain normal`: from the normal density to least squares."""

from __future__ import annotations

import math
from typing import Any

import sympy
import torch
from sympy import Derivative, Symbol

from neglog import functional
from neglog.explanation import arguments, derivation, pictures, proof, steps
from neglog.explanation.arguments import Given
from neglog.explanation.derivation import Derivation
from neglog.explanation.values import Values
from neglog.likelihoods import Normal
from neglog.primitives import expressions, symbolic
from neglog.report.document import Document, Formula, Section, Table, Text, number
from neglog.translation import gettext as _

_EXAMPLE = ("2.5, 0, 2, 8", "3, -0.5, 2, 7")


def document(z: Given, y: Given) -> Document:
    """Explain the normal likelihood on the user's numbers."""
    custom = z is not None
    inputs, targets = arguments.pairs(*((z, y) if custom else _EXAMPLE), Normal.support)
    chain = derivation.one_number(Normal, "zhat")
    sections = [
        steps.training_flow("ẑ = Xw + b"),
        _model(),
        _likelihood(chain),
        _derivative(chain),
        _numbers(inputs, targets, custom),
        pictures.of_elements(Normal, Values({"mean": inputs, "y": targets}, {}, custom)),
        _executed_code(chain),
    ]
    lead = _("A target that is a number. Its loss: the squared error.")
    return Document(_("The normal likelihood"), lead, sections)


def _model() -> Section:
    return Section(
        _("The model: the forward pass"),
        [
            Text(_(
                "The network's last output is ẑ = Xw + b. It is the mean of the target y, which "
                "has normal errors of variance 1. Another common variance changes the loss by a "
                "factor and a constant, so it does not move the minimum."
            )),
        ],
    )  # fmt: skip


def _likelihood(chain: Derivation) -> Section:
    sample = Symbol("p")
    constant = symbolic.read(Normal.constant, *chain.targets)
    core = sympy.expand_log(chain.nll - sympy.expand_log(constant), force=True).doit()
    core = sympy.factor(sympy.expand_log(core, force=True))
    return Section(
        _("From the likelihood to the loss"),
        [
            Text(_("One sample: the normal density at the observation.")),
            Formula(steps.equation(sample, chain.likelihood.replace(sympy.exp, _kept))),
            Formula(steps.equation(sympy.log(sample), chain.log_likelihood),
                    _("Its logarithm, with ln(a·b) = ln a + ln b and ln eᵃ = a:")),
            *steps.over_samples(chain.nll),
            Text(_(
                "½ ln 2π does not depend on the weights, so it is dropped. This leaves half the "
                "sum of squared errors:"
            )),
            Formula(steps.equation(steps.LOSS, steps.total(core))),
            Text(_(
                "SSE = Σ (yᵢ − ẑᵢ)² is twice this loss, and MSE, the mean squared error, twice "
                "its mean: the same weights minimise all three."
            )),
        ],
    )  # fmt: skip


def _kept(power: Any) -> Any:
    """Keep e to a negative power out of a denominator."""
    return expressions.whole(sympy.exp(power))


def _derivative(chain: Derivation) -> Section:
    (z,) = chain.inputs
    curvature = sympy.diff(chain.grad[0], z)
    return Section(
        _("The derivative, and a case that needs no optimizer"),
        [
            Text(_("For one sample, with respect to its ẑ: the prediction minus the observation.")),
            Formula(steps.equation(Derivative(steps.LOSS, z), chain.grad[0])),
            Formula(steps.equation(Derivative(steps.LOSS, (z, 2)), curvature)),
            Text(_(
                "With respect to the weights, over all samples, with a column of ones in X for b: "
                "Xᵀ(Xw − y). It is linear in w, so setting it to zero has a closed solution, "
                "least squares: XᵀX w = Xᵀy. Newton's method finds it in one step. With hidden "
                "layers it is no longer linear, and an optimizer is needed."
            )),
        ],
    )  # fmt: skip


def _executed_code(chain: Derivation) -> Section:
    symbols = (*chain.inputs, *chain.targets)
    points = proof.points(lambda source: (source.uniform(-30, 30), source.uniform(-30, 30)))
    nll, grad = derivation.declared_number(Normal, *symbols)
    core = derivation.tidy(symbolic.read(Normal.nll, *symbols))
    verdicts = [
        steps.verdict("nll + constant", proof.compare(chain.nll, nll, symbols, points)),
        steps.verdict("grad", proof.compare(chain.grad[0], grad, symbols, points)),
    ]
    source = steps.source(Normal.nll, Normal.grad, Normal.constant)
    return steps.executed_code(source, [Formula(core, _("nll, read by sympy:"))], verdicts)


def _numbers(inputs: list[float], targets: list[float], custom: bool) -> Section:
    z = torch.tensor(inputs, dtype=torch.float64, requires_grad=True)
    y = torch.tensor(targets, dtype=torch.float64)
    loss = functional.mse_loss(z, y, reduction="none") / 2
    (slope,) = torch.autograd.grad(loss.sum(), z)
    density = torch.exp(-loss) / math.sqrt(2 * math.pi)
    columns = (z, y, y - z, density, density.log(), loss, slope)
    rows = [[number(v) for v in row] for row in torch.stack(columns, 1).tolist()]
    product, logs = number(density.prod().item()), density.log()
    rows.append(
        [_("all"), "", "", product, number(logs.sum().item()), number(loss.sum().item()), ""]
    )
    rows.append([_("mean"), "", "", "", number(logs.mean().item()), number(loss.mean().item()), ""])
    headers = ["ẑ", "y", _("error (y − ẑ)"), "p", "ln p", _("loss (nats)"), _("derivative")]
    sse, mse = functional.sse_loss(z, y).item(), functional.mse_loss(z, y).item()
    caption = _(
        "p: the density. all: the product of the densities, the sums of ln p and of the losses, "
        "which are −ln p without ½ ln 2π. SSE = {sse}, MSE = {mse}."
    ).format(sse=number(sse), mse=number(mse))
    return Section(_("The numbers"), [steps.intro(custom), Table(headers, rows, caption=caption)])
