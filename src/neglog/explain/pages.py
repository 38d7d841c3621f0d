"""Parts of the pages of any declaration."""

from __future__ import annotations

import inspect
from typing import Any

from sympy import Symbol

from neglog import derivation
from neglog.docstrings import section
from neglog.explain import chain, steps
from neglog.explain.values import Values
from neglog.likelihood import Likelihood
from neglog.report.document import Cell, Formula, Part, Section, Table, Text, number

LONG = Text("The formula is too long to draw. Its source is below.")
_LINKS = {
    "identity": "The output is the location of the target itself.",
    "log": "The output is the logarithm of the location of the target, so that any number is "
           "valid.",
    "logit": "The output is the log-odds of the target, so that any number is valid.",
}  # fmt: skip


def title(likelihood: type[Likelihood]) -> str:
    """Return the title of the page."""
    return f"The {likelihood.__name__} {'likelihood' if likelihood.normalised else 'loss'}"


def lead(likelihood: type[Likelihood]) -> str:
    """Return the first paragraph of the docstring."""
    return " ".join(_paragraphs(likelihood)[0].split())


def model(likelihood: type[Likelihood]) -> Section:
    """Describe the arguments of the loss."""
    parts: list[Part] = [Text(" ".join(each.split())) for each in _paragraphs(likelihood)[1:]]
    if likelihood.link is not None:
        parts.append(Text(_LINKS[likelihood.link]))
    return Section("The model", [*parts, arguments_of(likelihood)])


def arguments_of(likelihood: type[Likelihood]) -> Table:
    """Return a table of the arguments of a loss and the sets of their valid values."""
    sets = zip(likelihood.inputs, likelihood.domains, strict=True)
    unit = "" if likelihood.elementwise else "rows: "
    rows: list[list[str | Cell]] = [[n, "output of the model", unit + s.words] for n, s in sets]
    rows += [[name, "given tensor", "constant numbers"] for name in likelihood.given]
    rows += [[name, "setting", "one number for all samples"] for name in likelihood.settings]
    rows.append(["y", "target", likelihood.support.words])
    return Table(["argument", "what it is", "valid values"], rows)


def score() -> Text:
    """Say that a loss is not the logarithm of a likelihood."""
    return Text(
        "This loss is a score, or one of weighted or censored data, not minus the logarithm of a "
        "likelihood: exp(−loss) does not sum or integrate to 1 over the targets. So this page "
        "begins with the declared loss."
    )


def drawn(expression: Any, label: str = "") -> list[Part]:
    """Return a formula, or nothing of one that is too long to be read."""
    return [Formula(expression, label)] if chain.is_legible(expression.rhs) else []


def drawn_or_told(expression: Any) -> list[Part]:
    """Return the formula of a loss, or a note that it is too long."""
    return drawn(expression) or [LONG]


def computed(likelihood: type[Likelihood], verdicts: list[Part], points: int) -> Section:
    """Show the source of the formulas that run, and how they compare with the derivation."""
    facts = ["nll", "grad", *_constant(likelihood)]
    stated = [fact for fact in facts if not derivation.is_derived(getattr(likelihood, fact))]
    origin = f"The declaration states {_listed(stated)}."
    if len(stated) < len(facts):
        rest = [fact for fact in facts if fact not in stated]
        origin += f" {_listed(rest)}: derived from nll."
    if "constant" in facts:
        origin += " Losses add the constant only with full=True: no weight changes it."
    compared = Text(f"Compared in {points} points by mpmath, derivatives as differences of nll:")
    return Section(
        "The computed form",
        [
            Text("The form that the kernels compute on every device. " + origin),
            steps.source(*(getattr(likelihood, fact) for fact in facts)),
            *([compared, *verdicts] if verdicts else []),
        ],
    )


def intro(chosen: Values) -> Text:
    """Say whose numbers these are."""
    settings = ", ".join(f"{name} = {number(v)}" for name, v in chosen.settings.items())
    at = f" With {settings}." if settings else ""
    if chosen.custom:
        return Text(f"Your numbers.{at}")
    names = " ".join(f"{name}=…" for name in (*chosen.columns, *chosen.settings))
    return Text(f"These numbers are an example; pass your own: {names}.{at}")


def source_of(likelihood: type[Likelihood]) -> str:
    """Return the publication that a declaration names."""
    return section(likelihood.__doc__, "Source")


def _constant(likelihood: type[Likelihood]) -> list[str]:
    """Return the name of the constant if it is not 0."""
    symbols = [Symbol(name, positive=True) for name in (*likelihood.settings, "y")]
    stated = likelihood.normalised and chain.read(likelihood.constant, *symbols) != 0
    return ["constant"] if stated else []


def _paragraphs(likelihood: type[Likelihood]) -> list[str]:
    doc = inspect.cleandoc(likelihood.__doc__ or f"The declaration {likelihood.__name__}.")
    return doc.split("\n\n")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
