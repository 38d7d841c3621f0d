"""`neglog explain bernoulli`: from P₁ = σ(z) to binary cross-entropy."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import sympy
import torch
from sympy import Derivative, Symbol

from neglog import functional
from neglog.explanation import arguments, derivation, pictures, precision, proof, steps
from neglog.explanation.arguments import Given
from neglog.explanation.derivation import Derivation
from neglog.explanation.values import Values
from neglog.fitting.prediction.row_predictions import RowPredictions
from neglog.likelihoods import Bernoulli
from neglog.primitives.expressions import sigma
from neglog.report.document import Document, Formula, Part, Section, Table, Text, number
from neglog.report.information import information
from neglog.translation import gettext as _

_EXAMPLE = ("2, -1, 0.5, -3", "1, 0, 0, 1")


def document(z: Given, y: Given) -> Document:
    """Explain the Bernoulli likelihood on the user's numbers."""
    custom = z is not None
    inputs, targets = arguments.pairs(*((z, y) if custom else _EXAMPLE), Bernoulli.support)
    chain = derivation.one_number(Bernoulli)
    columns = {"logit": inputs, "y": targets}
    sections = [
        steps.training_flow("z = Xw + b, P₁ = σ(z)"),
        _model(),
        _likelihood(chain),
        _derivative(chain),
        _numbers(inputs, targets, custom),
        pictures.of_elements(Bernoulli, Values(columns, {}, custom)),
        _information(),
        _precision(),
        _executed_code(chain),
    ]
    lead = _("A binary target. Its loss: binary cross-entropy, also called log loss.")
    return Document(_("The Bernoulli likelihood"), lead, sections)


def _model() -> Section:
    z, positive, negative = Symbol("z"), Symbol("P_1"), Symbol("P_0")
    given = sigma(z)
    return Section(
        _("The model: the forward pass"),
        [
            Text(_(
                "A linear model multiplies the features X by the weights w and adds b; a network "
                "does so layer by layer. Its last output is z = Xw + b, the log-odds of label "
                "1. The sigmoid σ turns it into probabilities: P₁ of label 1, P₀ of label 0."
            )),
            Formula(steps.equation(given, given.rewrite(sympy.exp))),
            Formula(steps.equation(positive, given)),
            Formula(steps.equation(negative, 1 - given)),
        ],
    )  # fmt: skip


def _likelihood(chain: Derivation) -> Section:
    given = sigma(chain.inputs[0])
    names = {1 - given: Symbol("P_0", positive=True), given: Symbol("P_1", positive=True)}
    named = chain.likelihood.xreplace(names)
    sample = Symbol("p")
    return Section(
        _("From the likelihood to the loss"),
        [
            Text(_(
                "One sample: label 1 has the probability P₁, label 0 the probability P₀. The "
                "exponents y and 1 − y select the observed one."
            )),
            Formula(steps.equation(sample, named)),
            Text(_("For y = 1 this is P₁, as P₀⁰ = 1; for y = 0 it is P₀, as P₁⁰ = 1.")),
            *steps.logarithm(sample, named),
            *steps.over_samples(chain.nll),
            Text(_(
                "X and y are constants here and w is the variable; ln is the logarithm to base "
                "e, so the loss is in nats."
            )),
        ],
    )  # fmt: skip


def _derivative(chain: Derivation) -> Section:
    (z,) = chain.inputs
    curvature = sympy.diff(chain.grad[0], z)
    loss = steps.LOSS
    return Section(
        _("The derivative, and why an optimizer is needed"),
        [
            Text(_("For one sample, with respect to its z: the prediction minus the observation.")),
            Formula(steps.equation(Derivative(loss, z), chain.grad[0])),
            Text(_(
                "With respect to the weights, over all samples: Xᵀ(σ(Xw + b) − y). Setting it to "
                "zero would give the best w, but w is inside the exponentials of all rows, and "
                "there is no closed solution. So an optimizer approaches it step by step."
            )),
            Formula(steps.equation(Derivative(loss, (z, 2)), curvature)),
            Text(_(
                "The second derivative is never negative: for a linear model every minimum of L "
                "is the global one, and Newton's method drives the derivative to zero. This does "
                "not hold for a network with hidden layers: gradient descent finds a good "
                "solution, not a proven best."
            )),
        ],
    )  # fmt: skip


def _executed_code(chain: Derivation) -> Section:
    symbols = (*chain.inputs, *chain.targets)
    points = proof.points(lambda source: (source.uniform(-30, 30), _label(source)))
    nll, grad = derivation.declared_number(Bernoulli, *symbols)
    readings: list[Part] = []
    for sign, words in (("positive", "z > 0"), ("negative", "z < 0")):
        case = Symbol("z", **{sign: True})
        read = derivation.declared_number(Bernoulli, case, *chain.targets)[0]
        label = _("nll, read by sympy, for {case}:").format(case=words)
        readings.append(Formula(derivation.tidy(read), label))
    verdicts = [
        steps.verdict("nll", proof.compare(chain.nll, nll, symbols, points)),
        steps.verdict("grad", proof.compare(chain.grad[0], grad, symbols, points)),
    ]
    return steps.executed_code(steps.source(Bernoulli.nll, Bernoulli.grad), readings, verdicts)


def _label(source: Random) -> float:
    return source.choice([0.0, 1.0, source.random()])


def _numbers(inputs: list[float], targets: list[float], custom: bool) -> Section:
    z = torch.tensor(inputs, dtype=torch.float64, requires_grad=True)
    y = torch.tensor(targets, dtype=torch.float64)
    loss = functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    (slope,) = torch.autograd.grad(loss.sum(), z)
    positive, negative = torch.sigmoid(z), torch.sigmoid(-z)
    columns = (z, y, positive, negative, torch.exp(-loss), -loss, loss, slope)
    rows = [[number(v) for v in row] for row in torch.stack(columns, 1).tolist()]
    whole, mean = loss.sum().item(), loss.mean().item()
    rows.append([_("all"), "", "", "", number(math.exp(-whole)), number(-whole), number(whole), ""])
    rows.append([_("mean"), "", "", "", "", number(-mean), number(mean), ""])
    headers = ["z", "y", "P₁", "P₀", "p", "ln p", _("loss (nats)"), _("derivative")]
    caption = _(
        "p: the probability of the label. all: the product of the p, the sums of ln p and of the "
        "losses, which are −ln p."
    )
    return Section(_("The numbers"), [steps.intro(custom), Table(headers, rows, caption=caption)])


def _information() -> Section:
    truth = np.array([1, 1, 0, 0])
    positive = np.array([0.0, 1.0, 0.0, 1.0])
    given = np.where(truth == 1, positive, 1 - positive)
    with np.errstate(divide="ignore"):
        loss = -np.log(given)
    probabilities = np.stack([1 - positive, positive], axis=1)
    rows = RowPredictions(np.arange(4), truth, positive.astype(int), probabilities, loss)
    return Section(
        _("The information loss"),
        [
            Text(_(
                "The loss of a sample is the information that the model lacks about it: 0 if the "
                "truth had probability 1, and unbounded as that falls to 0. The four extreme "
                "cases:"
            )),
            information(rows, [0, 1], None, in_order=True),
        ],
    )  # fmt: skip


def _precision() -> Section:
    return Section(
        _("With or without the activation"),
        [
            Text(_(
                "BCELoss takes the probability σ(z): the network contains its output activation, "
                "which is easy to replace. BCEWithLogitsLoss takes z and contains σ. A sigmoid "
                "that has rounded to 0 or 1 has lost z, so BCELoss can lose the loss and its "
                "derivative, and with it the training, where the model is most wrong:"
            )),
            *precision.of_logits(),
            Text(_("Use BCEWithLogitsLoss, and apply the sigmoid only for predictions.")),
        ],
    )  # fmt: skip
