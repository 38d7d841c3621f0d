"""Parts of the pages of any declaration."""

from __future__ import annotations

import inspect
from typing import Any

from sympy import Symbol

from neglog import derivation
from neglog.docstrings import section
from neglog.explanation import chain, steps
from neglog.explanation.values import Values
from neglog.likelihood import Likelihood
from neglog.report.document import Cell, Formula, Part, Section, Table, Text, number
from neglog.translation import gettext as _
from neglog.translation import joined


def too_long() -> Text:
    """Say that a formula is not drawn."""
    return Text(_("The formula is too long to draw. Its source is below."))


def _link(name: str) -> str:
    """Return what a link means."""
    return {
        "identity": _("The output is the location of the target itself."),
        "log": _(
            "The output is the logarithm of the location of the target, so that any number is "
            "valid."
        ),
        "logit": _("The output is the log-odds of the target, so that any number is valid."),
    }[name]


def forward_pass(likelihood: type[Likelihood]) -> str:
    """Return the formula of the outputs."""
    return f"{', '.join(likelihood.inputs)} = Xw + b"


def title(likelihood: type[Likelihood]) -> str:
    """Return the title of the page."""
    words = _("The {name} likelihood") if likelihood.normalised else _("The {name} loss")
    return words.format(name=likelihood.__name__)


def lead(likelihood: type[Likelihood]) -> str:
    """Return the first paragraph of the docstring."""
    return _(paragraphs(likelihood)[0])


def model(likelihood: type[Likelihood]) -> Section:
    """Describe the arguments of the loss."""
    parts: list[Part] = [Text(translated(each)) for each in paragraphs(likelihood)[1:]]
    if likelihood.link is not None:
        parts.append(Text(_link(likelihood.link)))
    return Section(_("The model"), [*parts, arguments_of(likelihood)])


def translated(paragraph: str) -> str:
    """Return a paragraph of a docstring in the current language; publications keep their names."""
    prefix = "Source: "
    if paragraph.startswith(prefix) and _(paragraph) == paragraph:
        return _("Source: {names}").format(names=paragraph.removeprefix(prefix))
    return _(paragraph)


def arguments_of(likelihood: type[Likelihood]) -> Table:
    """Return a table of the arguments of a loss and the sets of their valid values."""
    sets = zip(likelihood.inputs, likelihood.domains, strict=True)
    unit = "{words}" if likelihood.elementwise else _("rows: {words}")
    rows: list[list[str | Cell]] = [
        [name, _("output of the model"), unit.format(words=_(allowed.words))]
        for name, allowed in sets
    ]
    rows += [[name, _("given tensor"), _("constant numbers")] for name in likelihood.given]
    rows += [[name, _("setting"), _("one number for all samples")] for name in likelihood.settings]
    rows.append(["y", _("target"), _(likelihood.support.words)])
    return Table([_("argument"), _("what it is"), _("valid values")], rows)


def score() -> Text:
    """Say that a loss is not the logarithm of a likelihood."""
    return Text(_(
        "This loss is a score, or one of weighted or censored data, not minus the logarithm of a "
        "likelihood: exp(−loss) does not sum or integrate to 1 over the targets. So there is no "
        "maximum likelihood to derive it from, and this page begins with the declared loss."
    ))  # fmt: skip


def drawn(expression: Any, label: str = "") -> list[Part]:
    """Return a formula, or nothing of one that is too long to be read."""
    return [Formula(expression, label)] if chain.is_legible(expression.rhs) else []


def drawn_or_told(expression: Any) -> list[Part]:
    """Return the formula of a loss, or a note that it is too long."""
    return drawn(expression) or [too_long()]


def computed(likelihood: type[Likelihood], verdicts: list[Part], points: int) -> Section:
    """Show the source of the formulas that run, and how they compare with the derivation."""
    facts = ["nll", "grad", *_constant(likelihood)]
    stated = [fact for fact in facts if not derivation.is_derived(getattr(likelihood, fact))]
    origin = _("The form that the kernels compute on every device. The declaration states {names}.")
    words = origin.format(names=_listed(stated))
    if len(stated) < len(facts):
        rest = [fact for fact in facts if fact not in stated]
        words = joined(words, _("{names}: derived from nll.").format(names=_listed(rest)))
    if "constant" in facts:
        no_weight = _("Losses add the constant only with full=True: no weight changes it.")
        words = joined(words, no_weight)
    compared = Text(
        _("Compared in {count} points by mpmath, derivatives as differences of nll:").format(
            count=points
        )
    )
    return Section(
        _("The computed form"),
        [
            Text(words),
            steps.source(*(getattr(likelihood, fact) for fact in facts)),
            *([compared, *verdicts] if verdicts else []),
        ],
    )


def intro(chosen: Values) -> Text:
    """Say whose numbers these are."""
    settings = ", ".join(f"{name} = {number(v)}" for name, v in chosen.settings.items())
    at = _("With {settings}.").format(settings=settings) if settings else ""
    if chosen.custom:
        return Text(joined(_("Your numbers."), at))
    names = " ".join(f"{name}=…" for name in (*chosen.columns, *chosen.settings))
    words = _("These numbers are an example; pass your own: {names}.").format(names=names)
    return Text(joined(words, at))


def source_of(likelihood: type[Likelihood]) -> str:
    """Return the publication that a declaration names."""
    return section(likelihood.__doc__, "Source")


def _constant(likelihood: type[Likelihood]) -> list[str]:
    """Return the name of the constant if it is not 0."""
    symbols = [Symbol(name, positive=True) for name in (*likelihood.settings, "y")]
    stated = likelihood.normalised and chain.read(likelihood.constant, *symbols) != 0
    return ["constant"] if stated else []


def paragraphs(likelihood: type[Likelihood]) -> list[str]:
    """Return the paragraphs of a docstring, each on one line."""
    doc = inspect.cleandoc(likelihood.__doc__ or f"The declaration {likelihood.__name__}.")
    return [" ".join(paragraph.split()) for paragraph in doc.split("\n\n")]


def _listed(names: list[str]) -> str:
    return (
        names[0]
        if len(names) == 1
        else _("{first} and {last}").format(first=", ".join(names[:-1]), last=names[-1])
    )
