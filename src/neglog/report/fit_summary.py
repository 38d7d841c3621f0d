"""The summary of a fit, as in statsmodels or R, in text and in HTML."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from neglog.fitting.inference.covariance import ESTIMATORS
from neglog.report.coefficient_table import (
    cells,
    coefficient_blocks,
    coefficient_tables,
    columns,
    figure,
    probability,
)
from neglog.translation import gettext as _

if TYPE_CHECKING:
    from neglog.fitting.results.fit import Fit

_GAP, _WIDTH = 3, 100


@dataclass(frozen=True)
class Summary:
    """The model, its statistics and its coefficients; print it, or show it in a notebook."""

    fit: Fit

    def __str__(self) -> str:
        """Return the summary as lines of text."""
        notes = [_("note: {text}").format(text=note) for note in self.notes]
        return "\n\n".join([self.title, *notes, *self.blocks(_WIDTH)])

    @property
    def notes(self) -> list[str]:
        """The notes above the figures: how the target was read, and the notes of the fit."""
        fit = self.fit
        text = _("{name!r} is taken as {likelihood}: {reason}.")
        title = fit.fitted.target.facts.title
        guessed = text.format(name=fit.target, likelihood=title, reason=fit.reason)
        return [guessed] * (fit.options.likelihood is None) + fit.notes

    def blocks(self, width: int, most: int | None = None) -> list[str]:
        """Return the statistics and the tables of coefficients at a width.

        Args:
            width: the width of the lines; narrow ones have fewer columns.
            most: the maximum number of rows of a table; None for all.
        """
        return [_pairs(self._facts(), width), *coefficient_blocks(self.fit, width, most)]

    def __repr__(self) -> str:
        """Return the text."""
        return str(self)

    def _repr_html_(self) -> str:
        """Return the summary as HTML, for a notebook."""
        facts = "".join(
            f"<tr><th scope=row>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in self._facts()
        )
        notes = [f"<p>{escape(note)}</p>" for note in self.notes]
        parts = [f"<h3>{escape(self.title)}</h3>", *notes, f"<table>{facts}</table>"]
        for head, *lines in coefficient_tables(self.fit):
            names = "".join(f"<th scope=col>{escape(name)}</th>" for name in head)
            body = "".join(
                f"<tr><th scope=row>{escape(line[0])}</th>"
                + "".join(f"<td>{escape(cell)}</td>" for cell in line[1:])
                + "</tr>"
                for line in lines
            )
            parts.append(f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>")
        return "\n".join(parts)

    @property
    def title(self) -> str:
        """The model and its data, in one line."""
        fit = self.fit
        text = _("{name}: {likelihood} likelihood, network, fitted to {source}")
        if fit.coefficients is not None:
            text = _("{name}: {likelihood} likelihood, {link} link, fitted to {source}")
        link, source = fit.fitted.response.link, _(fit.source)
        return text.format(name=fit.target, likelihood=fit.kind, link=link, source=source)

    def _facts(self) -> list[tuple[str, str]]:
        """Return names and figures, those of the likelihood last."""
        fit = self.fit
        facts = [
            (_("converged"), _("yes") if fit.converged else _("NO")),
            (_("steps") if fit.options.newton else _("epochs"), str(fit.count)),
        ]
        if fit.decrement is not None:
            facts.append((_("Newton decrement, nats"), f"{fit.decrement:.1e}"))
        for name in ("l2", "l1"):
            if amount := getattr(fit.options, name):
                facts.append((_("{name} penalty").format(name=name), f"{amount:g}"))
        grouped = fit.fitted.response.grouped
        name = _("mean loss, nats per trial") if grouped else _("mean loss, nats")
        facts.append((name, figure(fit.loss)))
        if fit.validation_loss is not None:
            facts.append((_("mean loss, held-out rows"), figure(fit.validation_loss)))
        facts.append((_("mean loss, null model"), figure(fit.null_loss)))
        if fit.fitted.dispersion is not None:
            name = fit.fitted.target.facts.dispersion
            facts.append((_(name) if name else "", figure(fit.fitted.dispersion)))
        return facts + (self._statistics() if fit.coefficients is not None else [])

    def _tests(self) -> list[tuple[str, str]]:
        """Return the statistics that require maximum-likelihood weights."""
        figures = self.fit.statistics
        return [
            ("AIC", figure(figures.aic)),
            ("BIC", figure(figures.bic)),
            (
                _("likelihood ratio, χ²({df})").format(df=figures.ratio_freedom),
                figure(figures.ratio),
            ),
            (_("LR test p-value"), probability(figures.ratio_p)),
        ]

    def _statistics(self) -> list[tuple[str, str]]:
        fit, figures = self.fit, self.fit.statistics
        assert fit.coefficients is not None
        kind, normal = fit.coefficients.kind, fit.fitted.response.has_normal_errors
        facts = [
            (_("rows"), f"{figures.rows:,.6g}" if figures.rows % 1 else f"{figures.rows:,.0f}"),
            (_("residual df"), f"{figures.freedom:,.6g}"),
            (_("log-likelihood"), figure(figures.log_likelihood)),
            (_("null log-likelihood"), figure(figures.null_log_likelihood)),
            *([] if fit.options.penalised else self._tests()),
            *([] if normal else [(_("pseudo-R² (McFadden)"), f"{figures.pseudo_r2:.4f}")]),
        ]
        if figures.deviance is not None and figures.null_deviance is not None:
            facts.append((_("deviance"), figure(figures.deviance)))
            facts.append((_("null deviance"), figure(figures.null_deviance)))
        if figures.pearson is not None:
            facts.append((_("Pearson χ²"), figure(figures.pearson)))
        if figures.dispersion is not None:
            facts.append((_("Pearson χ² / df"), figure(figures.dispersion)))
        if normal and figures.r2 is not None and figures.adjusted_r2 is not None:
            facts += [("R²", f"{figures.r2:.4f}"), (_("adjusted R²"), f"{figures.adjusted_r2:.4f}")]
        how = ESTIMATORS.get(kind)
        facts.append((_("standard errors"), kind if how is None else _(how.label)))
        return facts


def _pairs(facts: list[tuple[str, str]], width: int) -> str:
    """Write names and figures in two columns, or in one for narrow lines."""
    half = (len(facts) + 1) // 2
    left = columns([list(fact) for fact in facts[:half]])
    right = columns([list(fact) for fact in facts[half:]])
    if max(map(cells, left)) + _GAP + max(map(cells, right), default=0) > width:
        return "\n".join(columns([list(fact) for fact in facts]))
    edge = max(map(cells, left)) + _GAP
    right += [""] * (len(left) - len(right))
    pairs = zip(left, right, strict=True)
    return "\n".join((a + " " * (edge - cells(a)) + b).rstrip() for a, b in pairs)
