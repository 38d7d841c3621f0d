"""Every public loss is known to `check`, to `explain` and to `bench`; which are in `exactness`."""

from __future__ import annotations

import contextlib
import inspect

import exactness
import pytest
from torch import nn

import neglog
from neglog import criteria, functional
from neglog.bench.cases import CASES
from neglog.bench.composed import LINES
from neglog.checking.criterion import identify
from neglog.errors import ArgumentError, ShapeError
from neglog.explanation import composed, explain
from neglog.explanation.lessons import LESSONS
from neglog.finding import find
from neglog.functional.documentation import likelihoods_of
from neglog.report.document import Text

# `likelihood_loss` and its module take any declaration, and `LogSoftmax` is no loss.
FUNCTIONS = [
    name
    for name in functional.__all__
    for parameters in [list(inspect.signature(getattr(functional, name)).parameters.values())]
    if "reduction" in [p.name for p in parameters] and parameters[0].annotation == "Tensor"
]
MODULES = [name for name in criteria.__all__ if name != "LogSoftmax"]


def test_all_losses_are_listed() -> None:
    assert {getattr(criteria, name)._function.__name__ for name in MODULES
            if name != "AdaptiveLogSoftmaxWithLoss"} <= set(FUNCTIONS)  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_check_knows_every_function(name) -> None:
    assert identify(getattr(functional, name), (), {}).kind != "other"


@pytest.mark.parametrize("name", MODULES)
def test_check_knows_every_module_of_neglog_and_torch(name) -> None:
    for home in (neglog, nn):
        cls = getattr(home, name, None)
        if cls is not None:
            module = object.__new__(cls)  # constructors take sizes and thresholds
            nn.Module.__init__(module)
            module.reduction = "mean"
            assert identify(module, (), {}).kind != "other"


@pytest.mark.parametrize("name", [*FUNCTIONS, *MODULES])
def test_explain_knows_every_loss(name) -> None:
    assert composed.lesson_of(name) or find(name)


def numbers(document) -> str:
    (section,) = [each for each in document.sections if each.heading == "The numbers"]
    return str(section.parts[-1])


def verdicts(document) -> list[str]:
    words = [p.words for s in document.sections for p in s.parts if isinstance(p, Text)]
    return [text for text in words if text.startswith(("✓", "✗"))]


@pytest.mark.parametrize("name", LESSONS)
def test_the_formulas_of_a_page_are_those_that_run(name) -> None:
    document = explain(name)
    assert [text[:1] for text in verdicts(document)] == ["✓", "✓"]
    assert "no likelihood" in str(document.sections[2]) or LESSONS[name].is_likelihood


TIED = {"log_hazard": "0,1,2,-1", "time": "3,1,1,1", "event": "1,1,1,0"}
OPTIONS = [
    ("cox_ph_loss", {**TIED, "ties": "breslow"}),
    ("cox_ph_loss", {**TIED, "ties": "efron"}),
    ("plackett_luce_loss", {"input": "1,0.2,0.5", "target": "1,2,2", "ties": "efron"}),
    ("plackett_luce_loss", {"input": "1,0.2,0.5", "target": "1,2,2", "ties": "breslow"}),
    ("ctc_loss", {**LESSONS["ctc_loss"].example, "targets": [1, 0], "blank": 2}),
    ("cosine_embedding_loss", {"margin": 0.3}),
    ("multi_margin_loss", {"margin": 2, "p": 2}),
    ("triplet_margin_loss", {"margin": 0.2, "p": 3}),
    ("triplet_margin_loss", {"p": 1}),
    ("triplet_margin_with_distance_loss", {"margin": 3}),
]


@pytest.mark.parametrize(("name", "values"), OPTIONS)
def test_pages_take_the_options_of_the_loss(name, values) -> None:
    document = explain(name, **values)
    assert [text[:1] for text in verdicts(document)] == ["✓", "✓"]
    assert numbers(document) != numbers(explain(name))


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ArgumentError, match="ties must be one of"):
        explain("cox_ph_loss", ties="exact")
    with pytest.raises(ArgumentError, match="values of input, target, p, margin, but 'tie'"):
        explain("multi_margin_loss", tie="efron")
    with pytest.raises(ShapeError, match="margin must be one number for all samples"):
        explain("multi_margin_loss", margin="1,2")


def test_pages_take_the_users_numbers() -> None:
    document = explain("CoxPHLoss", log_hazard="0,1,2", time="3,1,2", event="1,1,0")
    assert "3, 1, 2" in str(document)
    assert [text[:1] for text in verdicts(document)] == ["✓", "✓"]
    with pytest.raises(ArgumentError, match="but event missing; pass event=… too"):
        explain("cox_ph_loss", log_hazard="0,1", time="1,2")
    with pytest.raises(
        ArgumentError, match="takes values of log_hazard, time, event, ties, but 'z'"
    ):
        explain("cox_ph_loss", "1,2")
    with pytest.raises(ShapeError, match="every row of mean must hold the same number of values"):
        explain("mixture_density_loss", logits="0,1", mean="0,1;2", log_scale="0,0", target="1")
    with pytest.raises(ShapeError, match="log_hazard must have 1 dimensions"):
        explain("cox_ph_loss", log_hazard="0,1;1,2", time="3,1", event="1,1")


def test_a_formula_that_differs_is_reported(monkeypatch) -> None:
    wrong = dict(LESSONS["cox_ph_loss"].__dict__, slope=LESSONS["cox_ph_loss"].loss)
    document = composed.document(type(LESSONS["cox_ph_loss"])(**wrong), {})
    assert verdicts(document)[1] == "✗ derivative: DIFFERENT."


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bench_measures_every_loss(name) -> None:
    lines = {getattr(line, "loss", "") for line in (*CASES, *LINES)}
    declared = likelihoods_of(getattr(functional, name).__doc__)  # by `neglog bench --declared`
    assert declared or name in lines


def called(loss) -> str:
    """Return the name of the function that a line of the table of exactness calls first."""
    names = []

    class Functions:
        def __getattr__(self, name):
            names.append(name)
            raise NotImplementedError

    cell = next(cell for cell in exactness.CELLS if cell.loss is loss)
    tensors = next(cell.problems()).tensors
    with contextlib.suppress(NotImplementedError):
        loss.call(Functions(), *tensors, reduction="none")
    return next(iter(names), loss.name)


def test_exactness_measures_every_loss() -> None:
    named = {
        called(loss) for loss in {cell.loss.name: cell.loss for cell in exactness.CELLS}.values()
    }
    assert set(FUNCTIONS) | LESSONS.keys() <= named
