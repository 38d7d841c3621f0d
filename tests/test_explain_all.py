"""Explanations of every declaration, built in or a user's, on example numbers and on the user's."""

from __future__ import annotations

import inspect
import io
import math
from pathlib import Path

import pytest
import sympy
import torch
from rich.cells import cell_len
from rich.console import Console

import neglog
from neglog import REGISTRY
from neglog.cli import main
from neglog.engine import selection
from neglog.errors import ArgumentError
from neglog.explanation import elements, explain, rows, run
from neglog.explanation.composed import lesson_of
from neglog.finding import find
from neglog.likelihood import Elementwise, Likelihood
from neglog.primitives import exp, expm1, log1p, power, where
from neglog.report.canvas import flow_lines, plot_lines
from neglog.report.document import Curve, Document, Flow, Plot, Table, Text
from neglog.report.math_text import lines, mathml
from neglog.report.page import document_page
from neglog.report.svg import svg
from neglog.report.terminal import show, without_plots

FILE = Path(__file__).parent / "own" / "verified.py"
STUDENT = {"location": 0.3, "log_scale": "-0.5", "df": 4, "y": 2}


@pytest.fixture(autouse=True)
def _without_kernels(monkeypatch):
    """Compute with torch's operations: compiling a kernel for each loss would take minutes."""
    monkeypatch.setattr(selection, "BACKENDS", selection.BACKENDS[-1:])


def page_of(likelihood: type[Likelihood]) -> Document:
    page = elements.document if issubclass(likelihood, Elementwise) else rows.document
    return page(likelihood, {})


def texts(document: Document) -> list[str]:
    return [p.words for section in document.sections for p in section.parts if isinstance(p, Text)]


def shown(document: Document, encoding: str = "utf-8", width: int = 80) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    show(document, Console(file=file, width=width), plots=True)
    file.flush()
    return raw.getvalue().decode(encoding)


def plots(document: Document) -> list[Plot]:
    return [part for section in document.sections for part in section.parts
            if isinstance(part, Plot)]  # fmt: skip


def cells(document: Document, place: int) -> list[dict[str, str]]:
    """Return the rows of a table of the numbers: 0 for the loss, −1 for the comparison."""
    (numbers,) = [section for section in document.sections if section.heading == "The numbers"]
    tables = [part for part in numbers.parts if isinstance(part, Table)]
    table = tables[place]
    return [
        dict(zip(table.headers, [cell.text for cell in row], strict=True)) for row in table.cells()
    ]


def value(text: str) -> float:
    return float(text.replace("−", "-"))


# Each takes half a second: every third is fast.
EVERY = [
    pytest.param(name, marks=[pytest.mark.slow] if i % 3 else [])
    for i, name in enumerate(sorted(REGISTRY))
]


@pytest.mark.parametrize("name", EVERY)
def test_every_declaration_is_explained(name) -> None:
    likelihood = REGISTRY[name]
    document = page_of(likelihood)
    words = texts(document)
    verdicts = [text for text in words if text.startswith(("✓", "✗"))]
    assert verdicts
    assert not [text for text in verdicts if text.startswith("✗")]
    assert ("is a score" in " ".join(words)) == (not likelihood.normalised)
    compared = cells(document, -1)
    inputs = len(likelihood.inputs) if likelihood.elementwise else 3
    assert len(compared) == 1 + inputs
    assert not [row for row in compared if "✗" in row["error (ulps)"]]
    assert all(math.isfinite(value(row["exact"])) for row in compared)
    text = shown(document, width=100)
    for line in inspect.getsource(likelihood.nll).strip().splitlines():
        assert line.strip()[:70] in text
    lines = shown(document, encoding="ascii").splitlines()
    assert "?" not in "".join(lines).replace("agrees?", "")
    assert all(len(line) <= 80 for line in lines)
    by_output, *by_weight = plots(document)
    assert len(by_weight) == (2 if likelihood.normalised else 1)
    assert all(mark.slope == mark.slope for mark in by_output.marks)
    assert all(math.isfinite(y) for plot in by_weight for y in plot.range())
    page = document_page(without_plots(document))
    assert "<math" in page or "too long" in page
    for unprinted in ("piecewise", "product(", "unevaluatedexpr", "<script", "loggamma"):
        assert unprinted not in page.lower()


@pytest.mark.usefixtures("own_likelihoods")
def test_a_users_file_with_the_users_numbers() -> None:
    document = explain(f"{FILE}:StudentT", **STUDENT)
    location, log_scale = (torch.tensor(x, requires_grad=True, dtype=torch.float64)
                           for x in (0.3, -0.5))  # fmt: skip
    loss = -torch.distributions.StudentT(4.0, location, log_scale.exp()).log_prob(torch.tensor(2.0))
    slopes = torch.autograd.grad(loss, (location, log_scale))
    sample, *_ = cells(document, 0)
    expected = {"loss (nats)": loss, "p": (-loss).exp(), "ln p": -loss}
    expected |= dict(zip(("∂/∂location", "∂/∂log_scale"), slopes, strict=True))
    for header, number in expected.items():
        assert value(sample[header]) == pytest.approx(number.item(), rel=1e-3)
    loss_row, *slope_rows = cells(document, -1)
    assert value(loss_row["float64"]) == pytest.approx(loss.item(), rel=1e-11)
    for row, slope in zip(slope_rows, slopes, strict=True):
        assert value(row["exact"]) == pytest.approx(slope.item(), rel=1e-11)
    words = " ".join(texts(document))
    assert "The declaration states nll and constant. grad: derived from nll." in words
    assert "Your numbers. With df = 4." in words
    assert "def grad(location, log_scale, df, y):" in shown(document)


@pytest.mark.usefixtures("own_likelihoods")
def test_the_command_line_takes_numbers_by_name(capsys, tmp_path) -> None:
    page = tmp_path / "page.html"
    numbers = [f"{name}={value}" for name, value in STUDENT.items()]
    with pytest.raises(SystemExit) as left:
        main(["explain", f"{FILE}:StudentT", *numbers, "--html", str(page)])
    assert left.value.code == 0
    assert "The StudentT likelihood" in capsys.readouterr().out
    assert "<math" in page.read_text("utf-8")
    for wrong, words in {
        "df": "values are passed as name=value, such as y=1, but one is 'df'",
        "df=5": "each value must be passed once, but df is passed twice",
    }.items():
        with pytest.raises(SystemExit) as left:
            main(["explain", f"{FILE}:StudentT", *numbers, wrong])
        assert left.value.code == 2
        assert words in " ".join(capsys.readouterr().err.split())


class Steep(Elementwise):
    """A declaration whose stated derivative is that of another loss."""

    inputs, given, support = ("location",), ("trials",), neglog.support.real

    def nll(location, trials, y):
        return trials * log1p(exp(location - y))

    def grad(location, trials, y):
        return trials * exp(location - y)


def test_a_wrong_derivative_of_a_users_class_is_reported() -> None:
    document = explain(Steep, location=[0.0, 1.0], trials=2, y=[0.0, 0.5])
    assert any(text.startswith("✗ grad: DIFFERENT: at location") for text in texts(document))
    loss, slope = cells(document, -1)
    assert "✗" not in loss["error (ulps)"]
    assert "✗" in slope["error (ulps)"]


class Doubtful(neglog.Rows):
    """Cross-entropy that trusts nearly certain rows less."""

    inputs, settings, softmax = ("logits",), ("gamma",), True
    support, normalised = neglog.support.classes, False

    def nll(log_p, gamma, y):
        return where(y == 0.0, 0.0, -y * power(-expm1(log_p), gamma) * log_p)


def test_a_users_rows_with_a_setting() -> None:
    z = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    document = explain(Doubtful, logits="2,0,-1; 0,1,3", y="cat,dog", gamma=2)
    log_p = z.log_softmax(1)[[0, 1], [0, 1]]
    losses = -((1 - log_p.exp()) ** 2) * log_p
    (slopes,) = torch.autograd.grad(losses.sum(), z)
    for k, sample in enumerate(cells(document, 0)[:2]):
        assert sample["label"] == ("cat", "dog")[k]
        assert value(sample["loss (nats)"]) == pytest.approx(losses[k].item(), rel=1e-3)
        assert value(sample["∂/∂(cat)"]) == pytest.approx(slopes[k, 0].item(), rel=1e-3)
    assert not [row for row in cells(document, -1) if "✗" in row["error (ulps)"]]
    with pytest.raises(ArgumentError, match="but gamma is missing; pass gamma=… too"):
        explain(Doubtful, z="2,0,-1", y="1")


def test_settings_alone_are_used_with_examples() -> None:
    assert any("With delta = 3." in text for text in texts(explain("Huber", delta=3)))


@pytest.mark.parametrize("name", ["NegativeBinomial", "negative-binomial", "negative_binomial"])
def test_names_may_be_written_in_several_ways(name) -> None:
    assert explain(name).title == "The NegativeBinomial likelihood"


@pytest.mark.parametrize("name", ["huber_loss", "HuberLoss", "smooth_l1_loss", "Huber"])
def test_the_names_of_losses_stand_for_their_likelihoods(name) -> None:
    assert find(name) is REGISTRY["huber"]


TORCH = [name for name in dir(torch.nn) if name.endswith("Loss") and name[0].isupper()]


@pytest.mark.parametrize("name", TORCH)
def test_every_loss_of_torch_is_known_by_its_usual_names(name) -> None:
    short = [] if name == "LinearCrossEntropyLoss" else [name.removesuffix("Loss")]
    for spelling in (name, f"torch.nn.{name}", f"nn.{name}", *short):
        assert lesson_of(spelling) or find(spelling)


@pytest.mark.parametrize(
    "name, key",
    [("mse", "normal"), ("F.mse_loss", "normal"), ("MAE", "laplace"), ("ce", "categorical"),
     ("bce", "bernoulli_probability"), ("log-loss", "bernoulli"), ("poisson", "poisson")],
)  # fmt: skip
def test_usual_names_stand_for_likelihoods(name, key) -> None:
    assert find(name) is REGISTRY[key]


def test_formulas_show_decimals_as_they_were_written() -> None:
    z = sympy.Symbol("z")
    shown = lines(sympy.Rational(117, 500) * z - sympy.Rational(1, 20) * z**3 + z**2 / 4, 80, True)
    assert "0.234" in shown
    assert "117" not in shown
    assert "0.05" in shown
    assert "─" in shown  # z² / 4 stays a fraction
    assert "<mn>0.234</mn>" in mathml(sympy.Rational(117, 500) * z)


def test_the_names_of_a_declaration_reach_the_page_of_its_own(monkeypatch) -> None:
    def page(z, y):
        return Document("given", str((z, y)), [])

    monkeypatch.setattr("neglog.explanation._EXPLANATIONS", {"bernoulli": page})
    assert explain("bernoulli", logit=[1.25], y=[1]).lead == "([1.25], [1])"


def test_the_marked_maximum_is_that_of_the_users_rows() -> None:
    """Of a Poisson likelihood with a bias alone it is where the means sum to the counts."""
    log_rate, y = [0.3, -0.6, 1.2], [2, 0, 5]
    _, likelihood, logarithm = plots(explain("poisson", z=log_rate, y=y))
    best = math.log(sum(y) / sum(map(math.exp, log_rate)))
    assert likelihood.marks[0].x == pytest.approx(best, abs=1e-3)
    assert logarithm.marks[0].x == pytest.approx(best, abs=1e-3)
    assert math.log(likelihood.marks[0].y) == pytest.approx(logarithm.marks[0].y)


def test_a_likelihood_without_a_maximum_has_no_mark() -> None:
    *_, logarithm = plots(explain("bernoulli", z=[0.5, 1], y=[1, 1]))
    assert logarithm.marks == []
    assert "no extremum" in logarithm.caption


def test_arrows_point_to_where_the_loss_falls() -> None:
    by_output, *_ = plots(explain("normal", z=[1.0, 3.0, 2.0], y=[2, 2, 2]))
    assert [mark.slope for mark in by_output.marks] == [-1.0, 1.0, 0.0]
    drawn = plot_lines(by_output, 70, unicode=True, colour=False).plain
    assert [drawn.count(sign) for sign in "→←●"] == [1, 1, 1]
    assert "<svg" in svg(by_output, "plot")


def test_plots_are_printed_on_terminals_or_on_request() -> None:
    def printed(terminal: bool, plot: bool | None) -> str:
        file = io.StringIO()
        run("poisson", 1, 2, None, Console(file=file, force_terminal=terminal), plot=plot)
        return file.getvalue()

    title = "The likelihood P of all samples"
    assert title in printed(True, None)
    assert title in printed(False, True)
    assert title not in printed(False, None)
    assert title not in printed(True, False)
    assert "in pictures" not in printed(False, None)


def test_diagrams_and_plots_keep_to_the_width() -> None:
    wide = Flow(["损失函数" * 6, "短", "a long step of many words " * 3], "重复")
    lines = flow_lines(wide, 50, unicode=True).splitlines()
    inside = [line.split("│")[1] for line in lines if line.startswith("│")]
    assert len({*map(cell_len, inside)}) == 1
    assert max(map(cell_len, lines)) <= 50
    plot = Plot("", "权重" * 3, [Curve("标签", [0.0, 1.0], [0.0, math.inf])])
    shown = plot_lines(plot, 40, unicode=True, colour=False).plain.splitlines()
    assert max(map(cell_len, shown)) <= 40


def test_infinite_losses_and_densities_are_shown() -> None:
    loss, *_ = cells(
        explain("gamma", log_mean=[-1000, 1, 1e3], shape=2, y=[1.0, 1e-300, 1e-300]), 0
    )
    assert loss["loss (nats)"] == "∞"
    assert loss["p"] == "0"
    narrow, *_ = cells(explain(Steep, location=1, trials=-1000, y=0), 0)
    assert narrow["p"] == "∞"
