"""The report page and the information-loss table, on real fits with hostile names."""

from __future__ import annotations

import base64
import hashlib
import io
import math
import re
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import sympy
import torch
from reports import HOSTILE, ROWS, TARGETS, fitted, separated, table
from rich.console import Console
from scipy import special, stats

import neglog
from neglog.fitting.prediction.row_predictions import RowPredictions
from neglog.primitives import expressions
from neglog.report import checks, costs, figures, forest, weights
from neglog.report.information import information_table
from neglog.report.losses import loss_formula
from neglog.report.page import html_page
from neglog.report.parts import parts
from neglog.report.quantiles import quantile_residuals

PAGES = {
    **{kind: lambda kind=kind: fitted(kind) for kind in TARGETS},
    "held out": lambda: fitted("bernoulli", validation=0.25),
    "a network": lambda: fitted("bernoulli", hidden=(2,), epochs=3),
    "another optimizer": lambda: fitted("normal", optimizer="lbfgs", epochs=3),
    "separated": separated,
}
CONTINUOUS = ["normal", "laplace", "quantile", "huber", "gamma"]
COUNTS = ["poisson", "negative_binomial"]


@pytest.mark.parametrize("case", PAGES)
def test_the_page_is_one_safe_file(case) -> None:
    page = html_page(PAGES[case]())
    assert len(page.encode()) < 300_000
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src &#39;sha256-{digest}&#39;" in page
    assert "window.ran" not in script
    for outside in ("src=", 'href="http', "url(http", "@import", "<img", "<link"):
        assert outside not in page.replace("src=x onerror", "")
    for svg in page.split("<svg")[1:]:
        ET.fromstring("<svg" + svg[: svg.index("</svg>")] + "</svg>")
    assert "<math" in page
    assert "unevaluatedexpr" not in page


@pytest.mark.parametrize("case", PAGES)
def test_the_page_says_what_was_fitted_and_warned_about(case) -> None:
    fit = PAGES[case]()
    page = html_page(fit).replace("&#39;", "'").replace("&#34;", '"')
    page = page.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    for words in (fit.target, fit.reason, fit.optimizer, fit.outcome, fit.model_text, fit.source):
        assert words in page
    top = page[: page.index('id="steps"')]
    assert ("Not converged" in top) == (not fit.converged)
    for note in fit.notes:
        assert note[1:] in top


def test_without_the_script_the_table_is_whole_and_nothing_pretends_to_work() -> None:
    page = html_page(fitted("bernoulli"))
    html = page[: page.index("<script>")]
    assert "<button" not in html
    assert re.search(r'class="tools" hidden', html)
    rows = html[html.index('class="sortable"') :]
    assert rows.count("<tr>") == ROWS + 1


def test_only_what_is_known_of_weights_is_shown() -> None:
    for fit, why in (
        (fitted("bernoulli", hidden=(2,), epochs=3), "hidden units can be permuted"),
        (fitted("normal", optimizer="lbfgs", epochs=3), "leave out the optimizer"),
        (separated(), "which was not reached"),
    ):
        assert why in weights.no_errors_reason(fit)
        assert "std error" not in html_page(fit)
    assert weights.no_errors_reason(fitted("normal")) == ""
    assert "std error" in html_page(fitted("normal"))


def test_the_table_holds_the_coefficients() -> None:
    fit = fitted("poisson")
    (shown,) = weights.tables(fit, weights.lines(fit))
    for row, estimate, error in zip(
        shown.rows, fit.coefficients.estimate, fit.coefficients.error, strict=True
    ):
        # Five digits are shown.
        assert float(row[1].replace("−", "-")) == pytest.approx(estimate, rel=1e-4)
        assert float(row[2].replace("−", "-")) == pytest.approx(error, rel=1e-4)
    assert float(shown.rows[1][-1]) == pytest.approx(
        math.exp(fit.coefficients.estimate[1]), rel=1e-3
    )


def test_effects_are_those_of_one_standard_deviation() -> None:
    fit = fitted("normal")
    own = table().select(HOSTILE, "width").std(ddof=0).row(0)
    np.testing.assert_allclose(fit.deviations[:2], own, rtol=1e-12)
    picture = forest.forest(fit, weights.lines(fit))
    largest = max(picture.words.split(": ", 1)[1].split(", "), key=lambda said: HOSTILE in said)
    effect = float(largest.split()[-1].rstrip(".").replace("−", "-"))
    # Three digits are shown.
    assert effect == pytest.approx(fit.weights[0, 0] * own[0], rel=6e-3)


def test_every_effect_lies_on_the_picture(monkeypatch) -> None:
    seen = []

    @contextmanager
    def drawing(*facts):
        with figures.drawing(*facts) as (figure, made):
            yield figure, made
            seen.extend(figure.axes)

    monkeypatch.setattr(forest, "drawing", drawing)
    x = np.random.default_rng(0).standard_normal((400, 2))
    logits = x @ [[9.0, 0.5, 0.1], [0.1, 0.5, 0.2]]
    fit = neglog.fit(x, (logits + np.random.default_rng(1).gumbel(size=(400, 3))).argmax(1))
    forest.forest(fit.centred(), weights.lines(fit.centred()))
    assert len(seen) == 3
    for axes in seen:
        low, high = axes.get_xlim()
        points = axes.lines[-1].get_xdata()
        assert len(points) == 2
        assert ((low < points) & (points < high)).all()


def losses_at(fit, y):
    """Return the rows' losses if their targets were these."""
    (batch,) = fit.data.source
    return fit.fitted.loss(fit.fitted.output(batch), torch.as_tensor(y).double()).numpy()


def symbols_of(fit, row):
    """Return what the symbols of the formula stand for in a row."""
    (batch,) = fit.data.source
    output = float(fit.fitted.output(batch)[row, 0])
    truth, scale = fit.training.truth[row], fit.fitted.dispersion
    found = {"z": output, "y": truth, "zhat": fit.training.predicted[row]}
    if fit.kind == "bernoulli":
        found["y"] = float(truth == fit.classes[1])
    elif fit.kind == "categorical":
        found["P_y"] = fit.training.probabilities[row, fit.classes.index(truth)]
    elif fit.kind == "ordinal":
        found |= dict(zip(("tau_y-1", "tau_y"), fit.fitted.shared.tolist(), strict=True))
    elif fit.kind == "negative_binomial":
        found["alpha"] = math.exp(fit.fitted.shared[0])
    elif fit.kind == "huber":
        found["s"] = math.exp(fit.fitted.shared[0]) * fit.fitted.response.spread
    elif fit.kind == "student_t":
        found |= {"s": math.exp(fit.fitted.shared[0]), "nu": 4.0}
    elif fit.kind == "gamma":
        found["k"] = 1 / scale
    return (
        found
        | {"sigma": scale, "b": scale, "q": fit.options.quantile}
        | {"delta": fit.options.delta}
    )


@pytest.mark.parametrize("kind", TARGETS)
def test_the_formula_on_the_page_gives_the_losses_of_the_rows(kind) -> None:
    fit = fitted(kind)
    formula = loss_formula(fit.fitted.target.facts)[0].rhs.doit()
    rows = range(0, ROWS, 17)
    if kind == "ordinal":  # between two thresholds
        rows = np.flatnonzero(fit.training.truth == fit.classes[1])[:5]
    for row in rows:
        at = {s: symbols_of(fit, row)[s.name] for s in formula.free_symbols}
        value = formula.subs(at).replace(expressions.sigma, lambda z: 1 / (1 + sympy.exp(-z)))
        # Some dozens of roundings.
        assert float(value) == pytest.approx(fit.training.loss[row], rel=1e-12)


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_quantile_residuals_are_those_of_the_density_that_is_the_loss(kind) -> None:
    fit = fitted(kind)
    rows, step = fit.training, 1e-5
    y = np.asarray(rows.truth, dtype=float)

    def chance(y):
        return special.ndtr(quantile_residuals(fit, replace(rows, truth=y)))

    slope = (chance(y + step) - chance(y - step)) / (2 * step)
    # A central difference errs by step² and by rounding over step: 1e-10 and 1e-11; at a kink of
    # the density, by step.
    np.testing.assert_allclose(slope, np.exp(-losses_at(fit, y)), rtol=2e-4, atol=1e-8)
    if kind != "gamma":
        level = fit.options.quantile if kind == "quantile" else 0.5
        np.testing.assert_allclose(chance(np.asarray(rows.predicted)), level)
    far = 1e3 * np.ones_like(y)
    np.testing.assert_allclose(chance(far), 1)
    np.testing.assert_allclose(chance(-far if kind != "gamma" else 1e-9 * far), 0, atol=1e-6)


@pytest.mark.parametrize("kind", COUNTS)
def test_quantile_residuals_of_counts_lie_on_their_steps(kind) -> None:
    fit = fitted(kind)
    y = np.asarray(fit.training.truth, dtype=float)
    chance = special.ndtr(quantile_residuals(fit, fit.training))
    steps = np.array(
        [np.exp(-losses_at(fit, np.full(ROWS, float(k)))) for k in range(int(max(y)) + 1)]
    )
    upper = np.array([steps[: int(k) + 1, i].sum() for i, k in enumerate(y)])
    lower = upper - steps[y.astype(int), np.arange(ROWS)]
    # Sums of some dozens of rounded probabilities.
    assert ((lower - 1e-12 <= chance) & (chance <= upper + 1e-12)).all()
    assert stats.kstest((chance - lower) / (upper - lower), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("share, count", [(0.0, 5), (0.3, 10), (1.0, 400)])
def test_intervals_are_wilsons(share, count) -> None:
    found = stats.binomtest(round(share * count), count).proportion_ci(method="wilson")
    # 1.96 is z to three digits.
    np.testing.assert_allclose(checks.wilson(share, count), (found.low, found.high), atol=1e-4)


@pytest.mark.parametrize("kind", ["bernoulli", "ordinal", "poisson"])
def test_costs_add_up(kind) -> None:
    fit = fitted(kind, validation=0.25)
    for one in costs.costs(parts(fit), fit.classes):
        rows = [fit.training, fit.validation] if one.title == "By split" else [fit.validation]
        total = sum(part.loss.sum() for part in rows)
        assert sum(group.rows for group in one.groups) == sum(len(part.loss) for part in rows)
        assert sum(group.rows * group.mean for group in one.groups) == pytest.approx(total)
        assert sum(group.share for group in one.groups) == pytest.approx(1)


def test_costs_count_rows_by_their_weights() -> None:
    frame = table().select("width", "two").with_columns(w=np.arange(ROWS) % 3 + 1)
    twice = neglog.fit(frame, "two", sample_weight="w", progress=False)
    whole = neglog.fit(
        frame.select("width", "two")[np.repeat(np.arange(ROWS), frame["w"])], "two", progress=False
    )
    (weighted, *_), (repeated, *_) = (
        costs.costs(parts(fit), fit.classes) for fit in (twice, whole)
    )
    for one, other in zip(weighted.groups, repeated.groups, strict=True):
        # Two optima, each found to about 12 digits.
        assert (one.mean, one.share) == pytest.approx((other.mean, other.share), rel=1e-9)
    first, second = (checks.calibration(parts(fit)[0], fit.classes).svg for fit in (twice, whole))
    assert re.findall(r">(\d+)</text>", first) == re.findall(r">(\d+)</text>", second)


@pytest.mark.parametrize("unit", [6, 1e6])  # losses of both signs, and all below 0
def test_densities_above_one_have_no_fractions(unit) -> None:
    frame = table().select("width", number=table()["number"] / unit)
    fit = neglog.fit(frame, "number", progress=False)
    assert all(g.share is None for g in costs.costs(parts(fit), None)[-1].groups)
    assert costs.concentration(fit.training.loss) == ""
    assert "There are no fractions" in html_page(fit)


def rows_of_labels(labels, count: int) -> RowPredictions:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(len(labels)), count)
    truth = rng.integers(0, len(labels), count)
    names = np.array(labels, dtype=object)
    loss = -np.log(p[np.arange(count), truth])
    return RowPredictions(np.arange(count), names[truth], names[p.argmax(1)], p, loss)


def rows_of_numbers(count: int) -> RowPredictions:
    truth, predicted = np.random.default_rng(0).normal(size=(2, count))
    return RowPredictions(np.arange(count), truth, predicted, None, (truth - predicted) ** 2)


def drawn(rows: RowPredictions, classes, worst=None) -> str:
    file = io.StringIO()
    Console(file=file, width=80).print(information_table(rows, classes, worst))
    return file.getvalue()


def test_the_worst_row_comes_first_and_the_table_fits_eighty_columns() -> None:
    rows = rows_of_labels(["benign", "malignant"], 30)
    lines = drawn(rows, ["benign", "malignant"], worst=5).splitlines()
    body = [line.split() for line in lines if line.strip()[:1].isdigit()]
    assert [int(line[0]) for line in body] == [int(i) for i in np.argsort(-rows.loss)[:5]]
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize("classes", [["a", "b"], ["a", "b", "c"], [str(k) for k in range(12)]])
def test_every_verdict_follows_from_the_row(classes) -> None:
    rows = rows_of_labels(classes, 25)
    text = drawn(rows, classes)
    agree = int((rows.truth == rows.predicted).sum())
    assert text.count(" yes ") == text.count(" good ") == agree
    assert text.count(" large ") == int((rows.loss > np.log(len(classes))).sum())


def test_markup_in_labels_is_text() -> None:
    rows = rows_of_labels(["[red]x[/red]", "[bold"], 4)
    assert "[red]x" in drawn(rows, ["[red]x[/red]", "[bold"]).replace("\n", "")


def test_numbers_and_no_rows() -> None:
    assert "density" in drawn(rows_of_numbers(3), None)
    assert "nats" in drawn(rows_of_labels(["a", "b"], 0), ["a", "b"])
