"""The report page and the information-loss table, on fits made by hand and hostile names."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from rich.console import Console
from torch import nn

from neglog import REGISTRY
from neglog.fitting.result import Epoch, FitResult, Rows
from neglog.report.information import information_table
from neglog.report.page import html_page

HOSTILE = "<script>alert(1)</script> & $x^2$"


def rows_of_labels(labels, count: int, start: int = 0) -> Rows:
    rng = np.random.default_rng(start)
    p = rng.dirichlet(np.ones(len(labels)), count)
    truth = rng.integers(0, len(labels), count)
    names = np.array(labels, dtype=object)
    loss = -np.log(p[np.arange(count), truth])
    return Rows(np.arange(start, start + count), names[truth], names[p.argmax(1)], p, loss)


def rows_of_numbers(count: int, start: int = 0) -> Rows:
    rng = np.random.default_rng(start)
    truth, predicted = rng.normal(size=(2, count))
    return Rows(np.arange(count), truth, predicted, None, (truth - predicted) ** 2)


def result(labels, held_out: int = 15, linear: bool = True, **facts) -> FitResult:
    make = rows_of_numbers if labels is None else lambda n, s=0: rows_of_labels(labels, n, s)
    outputs = [HOSTILE] if labels is None or len(labels) == 2 else [str(v) for v in labels]
    name = "normal" if labels is None else "bernoulli" if len(labels) == 2 else "categorical"
    base = {
        "source": "table.csv",
        "target": HOSTILE,
        "likelihood": REGISTRY[name],
        "reason": "because",
        "features": [HOSTILE, "width"],
        "classes": labels,
        "model": nn.Identity(),
        "model_text": "linear",
        "optimizer": "newton",
        "history": [Epoch(0, 1.0, 1.1), Epoch(1, 0.01, None)],
        "converged": True,
        "outcome": "the derivative is zero",
        "gradient_norm": 1e-12,
        "loss": 0.5,
        "validation_loss": 0.6 if held_out else None,
        "null_loss": 0.7,
        "sigma": 1.5 if labels is None else None,
        "weights": np.ones((len(outputs), 2)) if linear else None,
        "intercepts": np.zeros(len(outputs)) if linear else None,
        "outputs": outputs,
        "training": make(40),
        "validation": make(held_out, 40),
        "notes": [f"a note on {HOSTILE}"],
    }
    return FitResult(**(base | facts))


CASES = {
    "two classes": lambda: result([HOSTILE, "no"]),
    "three classes": lambda: result(["a", "b", "c"]),
    "ten classes": lambda: result(list(range(10))),
    "a number": lambda: result(None),
    "nothing held out": lambda: result(["a", "b", "c"], held_out=0),
    "a network": lambda: result([0, 1], linear=False),
    "not converged": lambda: result([0, 1], converged=False, outcome="at infinity"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_page_is_one_safe_file(case) -> None:
    page = html_page(CASES[case]())
    assert len(page) < 500_000
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    for outside in ('src="http', 'href="http', "url(http", "@import"):
        assert outside not in page
    for svg in page.split("<svg")[1:]:
        ET.fromstring("<svg" + svg[: svg.index("</svg>")] + "</svg>")
    assert "<math" in page


def test_the_page_says_what_was_fitted() -> None:
    page = html_page(result(None))
    for words in ("because", "newton", "the derivative is zero", "0.5", "0.7", "1.5", "table.csv"):
        assert words in page
    assert "unevaluatedexpr" not in page
    assert "mathdefault" not in html_page(result([0, 1]))


def drawn(rows: Rows, classes, worst=None) -> str:
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
