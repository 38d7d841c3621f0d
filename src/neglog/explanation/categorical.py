"""`neglog explain categorical`: from the softmax to cross-entropy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

import sympy
import torch
from sympy import Derivative, Symbol

from neglog import functional
from neglog.explanation import arguments, derivation, pictures, precision, proof, steps
from neglog.explanation.arguments import Given
from neglog.explanation.derivation import Derivation
from neglog.likelihoods import Categorical
from neglog.primitives import symbolic
from neglog.report.document import Cell, Document, Formula, Section, Table, Text, number
from neglog.translation import gettext as _

_EXAMPLE = ("2, 0, -1; 0, 1, 3; 1, 2, 0", "1, 3, 1")
_CLASSES = 3  # in the formulas at most; more classes only make them longer


def document(z: Given, y: Given) -> Document:
    """Explain the categorical likelihood on the user's numbers."""
    custom = z is not None
    given, observed = (z, y) if custom else _EXAMPLE
    logits = arguments.rows(given)
    labels, codes, names = arguments.labels(observed, len(logits[0]))
    arguments.check_lengths(len(logits), "rows", len(labels))
    first = int(names[0]) if names[0].isdigit() else 1
    chain = derivation.one_row(Categorical, min(len(names), _CLASSES), first)
    sections = [
        steps.training_flow(_("z = Xw + b, P = softmax(z)")),
        _model(chain),
        _likelihood(chain),
        _derivative(chain),
        _numbers(logits, labels, codes, _Classes(names, first), custom),
        pictures.of_rows(Categorical, logits, codes, names, {}),
        _precision(first),
        _executed_code(chain),
    ]
    lead = _("A target that is one of K classes. Its loss: cross-entropy.")
    return Document(_("The categorical likelihood"), lead, sections)


@dataclass(frozen=True)
class _Classes:
    """The names of the classes, and the number of the first one in the formulas."""

    names: list[str]
    first: int

    def headers(self, sign: str) -> list[str]:
        """Return a sign with the number of each class, as formulas do, and its name."""
        numbers = (str(self.first + k).translate(_SUBSCRIPTS) for k in range(len(self.names)))
        pairs = zip(numbers, self.names, strict=True)
        return [f"{sign}{k}" + ("" if name.isdigit() else f" ({name})") for k, name in pairs]


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def _model(chain: Derivation) -> Section:
    formulas = [Formula(steps.equation(*pair)) for pair in chain.probabilities.items()]
    return Section(
        _("The model: the forward pass"),
        [
            Text(_(
                "The network outputs one logit per class, z = Xw + b with one column of w for "
                "each. The softmax turns them into probabilities, which sum to 1. For {count} "
                "classes:"
            ).format(count=len(formulas))),
            *formulas,
        ],
    )  # fmt: skip


def _likelihood(chain: Derivation) -> Section:
    sample = Symbol("p")
    true_class = Symbol("sigma", positive=True)
    return Section(
        _("From the likelihood to the loss"),
        [
            Text(_(
                "The label becomes a one-hot row: yₖ is 1 for the observed class and 0 for the "
                "others. The exponents select the probability of the true class."
            )),
            Formula(steps.equation(sample, chain.likelihood)),
            *steps.logarithm(sample, chain.likelihood),
            *steps.over_samples(-sympy.log(true_class)),
            Text(_(
                "σᵢ is the softmax of the true class of sample i: the loss is the sum of "
                "−ln of the probabilities of the true classes."
            )),
        ],
    )  # fmt: skip


def _derivative(chain: Derivation) -> Section:
    slopes = [
        Formula(steps.equation(Derivative(steps.LOSS, z), slope))
        for z, slope in zip(chain.inputs, chain.grad, strict=True)
    ]
    return Section(
        _("The derivative, and why an optimizer is needed"),
        [
            Text(_("For one sample, with respect to its logits: prediction minus observation.")),
            *slopes,
            Text(_(
                "With respect to the weights, over all samples: Xᵀ(P − Y), with a row of P and of "
                "Y for each sample. Setting it to zero has no closed solution, because w is "
                "inside the exponentials. L is convex in the weights of a linear model, so "
                "Newton's method drives the derivative to zero; a network needs gradient "
                "descent."
            )),
        ],
    )  # fmt: skip


def _executed_code(chain: Derivation) -> Section:
    symbols = (*chain.inputs, *chain.targets)
    classes = len(chain.inputs)
    points = proof.points(lambda source: _sample(source, classes))
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
        *(
            steps.verdict(f"grad {z.name.replace('_', '').translate(_SUBSCRIPTS)}", each)
            for z, each in zip(chain.inputs, found, strict=True)
        ),
    ]
    reading = Formula(term, _("nll, the term of one class, read by sympy:"))
    return steps.executed_code(steps.source(Categorical.nll, Categorical.grad), [reading], verdicts)


def _sample(source: Random, classes: int) -> proof.Point:
    logits = [source.uniform(-30, 30) for _class in range(classes)]
    label = source.randrange(classes)
    return (*logits, *(float(k == label) for k in range(classes)))


def _numbers(
    logits: list[list[float]], labels: list[str], codes: list[int], classes: _Classes, custom: bool
) -> Section:
    z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    loss = functional.cross_entropy(z, torch.tensor(codes), reduction="none")
    (slope,) = torch.autograd.grad(loss.sum(), z)
    log_p = torch.log_softmax(z.detach(), dim=1)
    return Section(
        _("The numbers, from the label to the loss"),
        [
            steps.intro(custom),
            _one_hot(labels, codes, classes),
            _softmax(logits, log_p.exp().tolist(), codes, classes),
            _log_softmax(log_p.tolist(), codes, classes),
            _losses(labels, loss.tolist(), slope.tolist(), classes),
        ],
    )


def _one_hot(labels: list[str], codes: list[int], classes: _Classes) -> Table:
    rows: list[list[str | Cell]] = []
    for label, code in zip(labels, codes, strict=True):
        ones = [Cell("1", "good") if k == code else Cell("0") for k in range(len(classes.names))]
        rows.append([label, *ones, str(code)])
    caption = _("Index: of the class in a tensor of labels, which counts from 0.")
    headers = [_("label"), *classes.headers("y"), _("index")]
    return Table(headers, rows, _("Labels and one-hot rows"), caption)


def _softmax(
    logits: list[list[float]], p: list[list[float]], codes: list[int], classes: _Classes
) -> Table:
    rows: list[list[str | Cell]] = []
    for row, given, code in zip(logits, p, codes, strict=True):
        rows.append([", ".join(number(v) for v in row), *_marked(given, code)])
    headers = ["z", *classes.headers("P")]
    return Table(headers, rows, _("Softmax rows"), _("Every row sums to 1."))


def _log_softmax(log_p: list[list[float]], codes: list[int], classes: _Classes) -> Table:
    pairs = zip(log_p, codes, strict=True)
    rows: list[list[str | Cell]] = [[*_marked(row, code), number(row[code])] for row, code in pairs]
    headers = [*(f"ln {header}" for header in classes.headers("P")), "Σ y ln P"]
    caption = _("The one-hot row selects ln P of the true class.")
    return Table(headers, rows, _("The logarithm of the softmax"), caption)


def _marked(values: list[float], code: int) -> list[Cell]:
    """Return a row of numbers, that of the true class marked."""
    return [Cell(number(v), "good" if k == code else "") for k, v in enumerate(values)]


def _losses(
    labels: list[str], loss: list[float], slope: list[list[float]], classes: _Classes
) -> Table:
    rows: list[list[str | Cell]] = []
    for label, value, derivative in zip(labels, loss, slope, strict=True):
        cells = [number(v) for v in derivative]
        rows.append([label, number(math.exp(-value)), number(-value), number(value), *cells])
    total = math.fsum(loss)
    blank = [""] * len(classes.names)
    rows.append([_("all"), number(math.exp(-total)), number(-total), number(total), *blank])
    mean = total / len(loss)
    rows.append([_("mean"), "", number(-mean), number(mean), *blank])
    headers = [_("label"), "p = ∏ Pₖ^yₖ", "ln p", _("loss (nats)"), *classes.headers("∂/∂z")]
    caption = _("all: the product of the p, the sums of ln p and of the losses, which are −ln p.")
    return Table(headers, rows, _("Likelihood, loss and derivative P − y"), caption)


def _precision(first: int) -> Section:
    return Section(
        _("With or without the activation"),
        [
            Text(_(
                "NLLLoss takes log-probabilities: the network contains its output activation, "
                "which is easy to replace. CrossEntropyLoss takes the logits and contains "
                "LogSoftmax. LogSoftmax followed by NLLLoss is the same loss; the logarithm of "
                "a softmax that has rounded to 0 or 1 is not:"
            )),
            *precision.of_rows(first),
            Text(_("Use CrossEntropyLoss, and apply the softmax only for predictions.")),
        ],
    )  # fmt: skip
