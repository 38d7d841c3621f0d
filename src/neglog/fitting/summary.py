"""The summary of a fit, as a user of statsmodels or R reads it: in text and in HTML."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from neglog.fitting.kinds import KINDS

if TYPE_CHECKING:
    from neglog.fitting.result import FitResult

_COVARIANCES = {
    "fisher": "Fisher information",
    "observed": "observed information",
    "hc0": "sandwich (HC0)",
    "hc1": "sandwich (HC1)",
    "cluster": "sandwich, clustered",
}
_GAP = 3


@dataclass(frozen=True)
class Summary:
    """What was fitted, how well, and the coefficients; print it, or show it in a notebook."""

    fit: FitResult

    def __str__(self) -> str:
        """Return the summary as lines of text."""
        blocks = [self._title(), _pairs(self._facts())]
        coefficients = self.fit.coefficients
        if coefficients is not None:
            for output, lines in self._tables():
                blocks.append(_aligned([[output, *self._headers()], *lines]))
        blocks += [f"note: {note}" for note in self.fit.notes]
        return "\n\n".join(blocks)

    def __repr__(self) -> str:
        """Return the text."""
        return str(self)

    def _repr_html_(self) -> str:
        """Return the summary as HTML, for a notebook."""
        facts = "".join(
            f"<tr><th scope=row>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in self._facts()
        )
        parts = [f"<h3>{escape(self._title())}</h3>", f"<table>{facts}</table>"]
        for output, lines in self._tables():
            head = "".join(f"<th scope=col>{escape(h)}</th>" for h in [output, *self._headers()])
            body = "".join(
                f"<tr><th scope=row>{escape(line[0])}</th>"
                + "".join(f"<td>{escape(cell)}</td>" for cell in line[1:])
                + "</tr>"
                for line in lines
            )
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        parts += [f"<p>{escape(note)}</p>" for note in self.fit.notes]
        return "\n".join(parts)

    def _title(self) -> str:
        fit = self.fit
        link = fit.fitted.response.link if fit.coefficients is not None else "network"
        return f"{fit.target}: {fit.kind} likelihood, {link} link, fitted to {fit.source}"

    def _facts(self) -> list[tuple[str, str]]:
        """Return names and figures, those of the likelihood last."""
        fit = self.fit
        facts = [
            ("converged", "yes" if fit.converged else "NO"),
            ("steps", str(len(fit.epochs or fit.steps) - 1)),
        ]
        if fit.decrement is not None:
            facts.append(("Newton decrement, nats", f"{fit.decrement:.1e}"))
        if fit.options.l2:
            facts.append(("l2 penalty", f"{fit.options.l2:g}"))
        facts.append(("mean loss, nats", _figure(fit.loss)))
        if fit.validation_loss is not None:
            facts.append(("mean loss of the rows held out", _figure(fit.validation_loss)))
        facts.append(("mean loss without features", _figure(fit.null_loss)))
        if fit.fitted.dispersion is not None:
            facts.append((KINDS[fit.kind].dispersion, _figure(fit.fitted.dispersion)))
        return facts + (self._statistics() if fit.coefficients is not None else [])

    def _statistics(self) -> list[tuple[str, str]]:
        fit, figures = self.fit, self.fit.statistics
        assert fit.coefficients is not None
        facts = [
            ("rows", f"{figures.rows:,.6g}" if figures.rows % 1 else f"{figures.rows:,.0f}"),
            ("residual degrees of freedom", f"{figures.freedom:,.6g}"),
            ("log-likelihood", _figure(figures.log_likelihood)),
            ("log-likelihood without features", _figure(figures.null_log_likelihood)),
            ("AIC", _figure(figures.aic)),
            ("BIC", _figure(figures.bic)),
            ("pseudo-R² (McFadden)", f"{figures.pseudo_r2:.4f}"),
            (f"likelihood ratio, χ²({figures.ratio_freedom})", _figure(figures.ratio)),
            ("P of the ratio", _probability(figures.ratio_p)),
        ]
        if figures.deviance is not None and figures.null_deviance is not None:
            facts.append(("deviance", _figure(figures.deviance)))
            facts.append(("deviance without features", _figure(figures.null_deviance)))
        if figures.pearson is not None:
            facts.append(("Pearson χ²", _figure(figures.pearson)))
        if figures.dispersion is not None:
            facts.append(("Pearson χ² / degrees of freedom", _figure(figures.dispersion)))
        kind = fit.coefficients.kind
        facts.append(("standard errors", _COVARIANCES.get(kind, kind)))
        return facts

    def _headers(self) -> list[str]:
        coefficients = self.fit.coefficients
        assert coefficients is not None
        letter, tail = coefficients.letter, (1 - coefficients.level) / 2
        return ["estimate", "std error", letter, f"P>|{letter}|", f"[{tail:g}", f"{1 - tail:g}]"]

    def _tables(self) -> list[tuple[str, list[list[str]]]]:
        """Return one table an output: its name, and the lines of its weights."""
        if self.fit.coefficients is None:
            return []
        tables: dict[str, list[list[str]]] = {}
        for (
            output,
            feature,
            estimate,
            error,
            statistic,
            p,
            low,
            high,
        ) in self.fit.coefficients.frame().iter_rows():
            line = [feature, _figure(estimate), _figure(error), _short(statistic), _probability(p)]
            tables.setdefault(output, []).append([*line, _figure(low), _figure(high)])
        return list(tables.items())


def _figure(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "—"
    return f"{value:.6g}".replace("-", "−")


def _short(value: float | None) -> str:
    return "—" if value is None or math.isnan(value) else f"{value:.2f}".replace("-", "−")


def _probability(p: float | None) -> str:
    if p is None or math.isnan(p):
        return "—"
    return f"{p:.3f}" if p >= 0.0005 else f"{p:.0e}" if p > 0 else "0"


def _pairs(facts: list[tuple[str, str]]) -> str:
    """Write names and figures in two columns, the first half on the left."""
    half = (len(facts) + 1) // 2
    left = _columns([list(fact) for fact in facts[:half]])
    right = _columns([list(fact) for fact in facts[half:]])
    width = max(map(len, left))
    right += [""] * (len(left) - len(right))
    return "\n".join(f"{a:<{width + _GAP}}{b}".rstrip() for a, b in zip(left, right, strict=True))


def _aligned(rows: list[list[str]]) -> str:
    lines = _columns(rows)
    rule = "─" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:]])


def _columns(rows: list[list[str]]) -> list[str]:
    """Write the first column to the left, the others to the right of their width."""
    widths = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))] if rows else []
    return [
        row[0].ljust(widths[0])
        + "".join(cell.rjust(width + 2) for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]
