"""Write docs/reference.md from the declarations and docstrings: python docs/reference.py."""

from __future__ import annotations

import inspect
import re
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

from sympy.printing.latex import LatexPrinter

from neglog import criteria, functional
from neglog.docstrings import section
from neglog.explanation import chain, pages, rows
from neglog.functional.documentation import likelihoods_of
from neglog.likelihood import REGISTRY, Elementwise, Likelihood

PAGE = Path(__file__).with_name("reference.md")
HEAD = """# All losses

This page is generated: run `make losses` after changing a declaration or a docstring. L is the loss
of one sample in nats, with the constant that functions add only with `full=True`. Every loss takes
the [options that all share](losses.md#masks-weights-and-counts), and `neglog explain NAME` derives
it, shows the code that runs and evaluates it for your numbers. A likelihood without a function of
its own is used as `neglog.LikelihoodLoss(NAME, …)`.
"""
WITHOUT = """## Losses of several declarations, and of none

These combine kernels with operations of torch, or are torch's own with neglog's validation.
"""


class _Latex(LatexPrinter):
    """LaTeX with the names of code, and ln for the natural logarithm."""

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:
        name = str(expr.name)
        plain = "_" not in name or re.fullmatch(r"[A-Za-z]_\w", name)
        short = len(name) == 1 or name in ("alpha", "beta", "gamma", "delta", "epsilon")
        if plain and (short or "_" in name):
            return super()._print_Symbol(expr)
        return rf"\mathrm{{{name.replace('_', chr(92) + '_')}}}"

    def _print_log(self, expr: Any, exp: Any = None) -> str:
        return self._called(r"\ln", expr.args, exp)

    def _print_sigma(self, expr: Any, exp: Any = None) -> str:
        return self._called(r"\sigma", expr.args, exp)

    def _print_Phi(self, expr: Any, exp: Any = None) -> str:
        return self._called(r"\Phi", expr.args, exp)

    def _print_phi(self, expr: Any, exp: Any = None) -> str:
        return self._called(r"\varphi", expr.args, exp)

    def _print_loggamma(self, expr: Any, exp: Any = None) -> str:
        return self._called(r"\ln\Gamma", expr.args, exp)

    def _called(self, name: str, arguments: Any, exponent: Any) -> str:
        inside = ", ".join(map(self._print, arguments))
        power = f"^{{{exponent}}}" if exponent else ""
        return rf"{name}{power}\left({inside}\right)"


def page() -> str:
    """Return the page."""
    found = list(REGISTRY.values())
    kinds = [(cls.__module__.rpartition(".")[2], cls) for cls in found]
    parts = [HEAD, index(found)]
    for kind, group in groupby(sorted(kinds, key=lambda pair: pair[0]), key=lambda pair: pair[0]):
        parts.append(f"## {title_of(kind)}")
        parts += [entry(cls) for _, cls in group]
    return "\n\n".join([*(part.strip() for part in parts), WITHOUT.strip(), others()]) + "\n"


def title_of(kind: str) -> str:
    """Return the first line of the docstring of a file of declarations."""
    doc = inspect.getdoc(sys.modules[f"neglog.likelihoods.{kind}"]) or kind
    return doc.split("\n")[0].rstrip(".")


def index(found: list[type[Likelihood]]) -> str:
    """Return a table of all likelihoods, with their functions and modules."""
    lines = ["| likelihood | function | module |", "|---|---|---|"]
    for cls in sorted(found, key=lambda cls: cls.__name__):
        of = functions(cls)
        link = f"[{cls.__name__}](#{cls.__name__.lower()})"
        lines.append(f"| {link} | {named(of)} | {named(modules(of))} |")
    return "\n".join(lines)


def named(names: list[str]) -> str:
    """Return names as code."""
    return ", ".join(f"`{name}`" for name in names)


def functions(cls: type[Likelihood]) -> list[str]:
    """Return the functions whose docstring names a likelihood in its first paragraph."""
    docs = {name: getattr(functional, name).__doc__ for name in functional.__all__}
    return [name for name, doc in docs.items() if cls in likelihoods_of(doc)]


def modules(of: list[str]) -> list[str]:
    """Return the modules of functions."""
    pairs = [(name, getattr(criteria, name)) for name in criteria.__all__]
    calls = {name: getattr(module, "_function", None) for name, module in pairs}
    return [name for name, call in calls.items() if call is not None and call.__name__ in of]


def entry(cls: type[Likelihood]) -> str:
    """Return the section of a likelihood."""
    first, *rest = (
        " ".join(each.split()) for each in inspect.cleandoc(cls.__doc__ or "").split("\n\n")
    )
    rest = [each for each in rest if not each.startswith("Source:")]
    of = functions(cls)
    use = [
        f"Function: {named(of)}." if of else "",
        f"Module: {named(modules(of))}." if modules(of) else "",
    ]
    source = pages.source_of(cls)
    parts = [
        f"### {cls.__name__}",
        first,
        *rest,
        formula(cls),
        " ".join(filter(None, [*use, *sets(cls)])),
    ]
    return "\n\n".join(filter(None, [*parts, f"Source: {source}" if source else ""]))


def formula(cls: type[Likelihood]) -> str:
    """Return the loss as a formula, or where to find it."""
    loss = chain.shortest_loss(cls) if issubclass(cls, Elementwise) else rows.term(cls, "nll")
    if not chain.is_legible(loss):
        return f"The formula is long: `neglog explain {cls.name}` shows its source."
    return f"```math\nL = {_Latex({'mul_symbol': 'dot'}).doprint(loss)}\n```"


def sets(cls: type[Likelihood]) -> list[str]:
    """Return the arguments of a loss and their valid values."""
    inputs = ", ".join(f"`{n}` ({s.words})" for n, s in zip(cls.inputs, cls.domains, strict=True))
    facts = [f"Input: {inputs}." if len(cls.inputs) == 1 else f"Inputs: {inputs}."]
    if cls.given:
        facts.append(f"Given tensors: {named(list(cls.given))}.")
    if cls.settings:
        facts.append(f"Settings: {named(list(cls.settings))}.")
    facts.append(f"Target: {cls.support.words}.")
    if not cls.normalised:
        facts.append("A score, or of weighted or censored data: exp(−L) does not sum to 1.")
    return facts


def others() -> str:
    """Return a table of the modules that belong to no single likelihood."""
    lines = ["| module | function | what it is | source |", "|---|---|---|---|"]
    for name in criteria.__all__:
        module = getattr(criteria, name)
        call = getattr(module, "_function", None)
        if call is not None and likelihoods_of(call.__doc__):
            continue
        doc = " ".join((inspect.getdoc(module) or "").split("\n\n")[0].split())
        function = f"`{call.__name__}`" if call is not None else ""
        lines.append(
            f"| `{name}` | {function} | {doc} | {section(inspect.getdoc(module), 'Source')} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
