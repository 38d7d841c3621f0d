"""`neglog explain categorical`: from the softmax to cross-entropy."""

from __future__ import annotations

import math
from random import Random

import sympy
import torch
from sympy import Derivative, Symbol

from neglog import functional
from neglog.explain import arguments, derivation, precision, proof, steps
from neglog.explain.arguments import Given
from neglog.explain.derivation import Derivation
from neglog.likelihoods import Categorical
from neglog.primitives import symbolic
from neglog.report.document import Cell, Document, Formula, Section, Table, Text, number

_EXAMPLE = ("2, 0, -1; 0, 1, 3; 1, 2, 0", "1, 3, 1")
_CLASSES = 3  # in the formulas; more classes only make them longer


def document(z: Given, y: Given) -> Document:
    """Explain the categorical likelihood on the user's numbers."""
    custom = z is not None
    given, observed = (z, y) if custom else _EXAMPLE
    logits = arguments.rows(given)
    labels, codes, names = arguments.labels(observed, len(logits[0]))
    arguments.check_lengths(len(logits), "rows", len(labels))
    chain = derivation.one_row(Categorical, _CLASSES)
    sections = [
        _model(chain),
        _likelihood(chain),
        _derivative(chain),
        _executed_code(chain),
        _numbers(logits, labels, codes, names, custom),
        _precision(),
    ]
    lead = "A target that is one of K classes. Its loss: cross-entropy."
    return Document("The categorical likelihood", lead, sections)


def _model(chain: Derivation) -> Section:
    formulas = [Formula(steps.equation(*pair)) for pair in chain.probabilities.items()]
    return Section(
        "The model: the forward pass",
        [
            Text("The network outputs one logit per class, z = Xw + b with one column of w for "
                 "each. The softmax turns them into probabilities, which sum to 1. For three "
                 "classes:"),
            *formulas,
        ],
    )  # fmt: skip


def _likelihood(chain: Derivation) -> Section:
    sample = Symbol("p")
    true_class = Symbol("sigma", positive=True)
    return Section(
        "From the likelihood to the loss",
        [
            Text("The label becomes a one-hot row: yₖ is 1 for the observed class and 0 for the "
                 "others. The exponents select the probability of the true class."),
            Formula(steps.equation(sample, chain.likelihood)),
            Formula(steps.equation(sympy.log(sample), chain.log_likelihood)),
            *steps.over_samples(-sympy.log(true_class)),
            Text("σᵢ is the softmax of the true class of sample i: the loss is the sum of "
                 "−ln of the probabilities of the true classes."),
        ],
    )  # fmt: skip


def _derivative(chain: Derivation) -> Section:
    slopes = [
        Formula(steps.equation(Derivative(steps.LOSS, z), slope))
        for z, slope in zip(chain.inputs, chain.grad, strict=True)
    ]
    return Section(
        "The derivative, and why an optimizer is needed",
        [
            Text("For one sample, with respect to its logits: prediction minus observation."),
            *slopes,
            Text("With respect to the weights, over all samples: Xᵀ(P − Y), with a row of P and of "
                 "Y for each sample. Setting it to zero has no closed solution, because w is "
                 "inside the exponentials. L is convex in the weights of a linear model, so "
                 "Newton's method drives the derivative to zero; a network needs gradient "
                 "descent."),
        ],
    )  # fmt: skip


def _executed_code(chain: Derivation) -> Section:
    symbols = (*chain.inputs, *chain.targets)
    points = proof.points(_sample)
    nll, slopes = derivation.declared_row(Categorical, chain.inputs, chain.targets)
    log_p = sympy.log(Symbol("P_k", positive=True))
    term = symbolic.read(Categorical.nll, log_p, Symbol("y_k", real=True))
    last = {chain.targets[-1]: 1 - sympy.Add(*chain.targets[:-1])}
    meaning = chain.probabilities
    found = [
        proof.compare(derived.xreplace(meaning).subs(last), declared.subs(last), symbols, points)
        for derived, declared in zip(chain.grad, slopes, strict=True)
    ]
    verdicts = [
        steps.verdict("nll", proof.compare(chain.nll.xreplace(meaning), nll, symbols, points)),
        *(steps.verdict(f"grad by z{k}", each) for k, each in zip("₁₂₃", found, strict=True)),
    ]
    reading = Formula(term, "nll, the term of one class, read by sympy:")
    return steps.executed_code(steps.source(Categorical.nll, Categorical.grad), [reading], verdicts)


def _sample(source: Random) -> proof.Point:
    logits = [source.uniform(-30, 30) for _ in range(_CLASSES)]
    label = source.randrange(_CLASSES)
    return (*logits, *(float(k == label) for k in range(_CLASSES)))


def _numbers(
    logits: list[list[float]], labels: list[str], codes: list[int], names: list[str], custom: bool
) -> Section:
    z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    loss = functional.cross_entropy(z, torch.tensor(codes), reduction="none")
    (slope,) = torch.autograd.grad(loss.sum(), z)
    p = torch.softmax(z.detach(), dim=1).tolist()
    return Section(
        "The numbers, from the label to the loss",
        [
            Text("Your numbers." if custom else steps.EXAMPLE),
            _one_hot(labels, codes, names),
            _softmax(logits, p, codes, names),
            _losses(labels, loss.tolist(), slope.tolist(), names),
        ],
    )


def _one_hot(labels: list[str], codes: list[int], names: list[str]) -> Table:
    rows: list[list[str | Cell]] = []
    for label, code in zip(labels, codes, strict=True):
        ones = [Cell("1", "good") if k == code else Cell("0") for k in range(len(names))]
        rows.append([label, str(code), *ones])
    caption = "The code numbers the classes from 0, as the criteria require."
    return Table(["label", "code", *names], rows, "Labels and one-hot rows", caption)


def _softmax(
    logits: list[list[float]], p: list[list[float]], codes: list[int], names: list[str]
) -> Table:
    rows: list[list[str | Cell]] = []
    for row, given, code in zip(logits, p, codes, strict=True):
        cells = [Cell(number(v), "good" if k == code else "") for k, v in enumerate(given)]
        rows.append([", ".join(number(v) for v in row), *cells])
    headers = ["z", *(f"P({name})" for name in names)]
    return Table(headers, rows, "Softmax rows", "Every row sums to 1.")


def _losses(
    labels: list[str], loss: list[float], slope: list[list[float]], names: list[str]
) -> Table:
    rows: list[list[str | Cell]] = []
    for label, value, derivative in zip(labels, loss, slope, strict=True):
        cells = [number(v) for v in derivative]
        rows.append([label, number(math.exp(-value)), number(value), *cells])
    total = math.fsum(loss)
    blank = [""] * len(names)
    rows.append(["all", number(math.exp(-total)), number(total), *blank])
    rows.append(["mean", "", number(total / len(loss)), *blank])
    headers = ["label", "p = ∏ Pₖ^yₖ", "loss (nats)", *(f"∂/∂z({name})" for name in names)]
    caption = "all: the product of the probabilities, the sum of the losses, −ln of that product."
    return Table(headers, rows, "Likelihood, loss and derivative P − y", caption)


def _precision() -> Section:
    return Section(
        "With or without the activation",
        [
            Text("NLLLoss takes log-probabilities: the network contains its output activation, "
                 "which is easy to replace. CrossEntropyLoss takes the logits and contains "
                 "LogSoftmax. LogSoftmax followed by NLLLoss is the same loss; the logarithm of "
                 "a softmax that has rounded to 0 or 1 is not:"),
            *precision.of_rows(),
            Text("Use CrossEntropyLoss, and apply the softmax only for predictions."),
        ],
    )  # fmt: skip
