"""What an editor and a type checker see of the public names."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import neglog
from neglog import functional
from neglog.criterion import Criterion

ADDED = {"empty": "nan", "plan": None}
LABELLED = {**ADDED, "ignore_index": None}
CLASSED = {**LABELLED, "class_dim": None}
LINEAR = {
    "softcap": None, "temperature": 1.0, "z_loss": 0.0, "offset": None, "scale": None,
    "margin": 0.0, "margin_type": "arcface", "memory": None, "loss_dtype": None,
}  # fmt: skip
KEYWORDS = {
    "BCELoss": CLASSED,
    "BCEWithLogitsLoss": {**CLASSED, "label_smoothing": 0.0},
    "AdaptiveLogSoftmaxWithLoss": LABELLED,
    "CTCLoss": ADDED,
    "CosineEmbeddingLoss": ADDED,
    "CrossEntropyLoss": {**ADDED, "class_dim": 1, "offset": None},
    "GaussianNLLLoss": ADDED,
    "HingeEmbeddingLoss": ADDED,
    "HuberLoss": ADDED,
    "KLDivLoss": ADDED,
    "L1Loss": ADDED,
    "LinearCrossEntropyLoss": {**ADDED, **LINEAR},
    "LogSoftmax": {},
    "MSELoss": ADDED,
    "MarginRankingLoss": ADDED,
    "MultiLabelMarginLoss": ADDED,
    "MultiMarginLoss": LABELLED,
    "MultiLabelSoftMarginLoss": {**CLASSED, "class_dim": -1},
    "NLLLoss": {**ADDED, "class_dim": 1},
    "PoissonNLLLoss": ADDED,
    "SmoothL1Loss": ADDED,
    "SoftMarginLoss": LABELLED,
    "TripletMarginLoss": ADDED,
    "TripletMarginWithDistanceLoss": ADDED,
}


def facts(function) -> list[tuple]:
    """Return the names, defaults and kinds of a function's parameters."""
    return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]


def test_every_module_is_listed() -> None:
    modules = {n for n in dir(neglog) if n.endswith(("Loss", "LogSoftmax"))}
    assert {name for name in modules if hasattr(torch.nn, name)} == set(KEYWORDS)


@pytest.mark.parametrize("name", KEYWORDS)
def test_constructors_are_torchs_and_our_keywords(name) -> None:
    mine, torchs = getattr(neglog, name), getattr(torch.nn, name)
    kind = inspect.Parameter.KEYWORD_ONLY
    added = [(keyword, default, kind) for keyword, default in KEYWORDS[name].items()]
    assert facts(mine.__init__) == facts(torchs.__init__) + added
    assert facts(mine) == facts(mine.__init__)[1:]
    calls = [f for f in facts(mine.forward) if f[2] != kind]
    assert calls == facts(torchs.forward)


@pytest.mark.parametrize("name", [*KEYWORDS, "SSELoss"])
def test_no_method_hides_its_parameters(name) -> None:
    cls = getattr(neglog, name)
    methods = [cls.__init__, cls.forward]
    methods += [cls.sum_and_count] if issubclass(cls, Criterion) else []
    for method in methods:
        for p in list(inspect.signature(method).parameters.values())[1:]:
            assert p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD), method
            assert p.annotation not in (p.empty, "Any") or p.name == "options", (method, p)


def test_no_loss_hides_its_parameters() -> None:
    for name in set(functional.__all__) - {"LinearStatistics", "sum_and_count"}:
        for p in inspect.signature(getattr(functional, name)).parameters.values():
            assert p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) or "likelihood_loss" in name
            assert p.annotation is not p.empty, (name, p)


@pytest.mark.parametrize("name", KEYWORDS)
def test_a_wrong_keyword_is_named(name) -> None:
    sizes = {"Linear": (2, 3), "Adapti": (8, 9, [2])}.get(name[:6], ())
    with pytest.raises(TypeError, match=rf"{name}.*unexpected keyword argument 'smoothing'"):
        getattr(neglog, name)(*sizes, smoothing=0.1)


PROGRAM = """
import torch
import neglog
from neglog import functional

x, y = torch.zeros(2, 3), torch.tensor([0, 1])
loss: torch.Tensor = neglog.CrossEntropyLoss({right}).forward(x, y, mask=y == 0)
neglog.BCEWithLogitsLoss(pos_weight=[1.0, 2.0, 3.0], class_dim=1)
neglog.GaussianNLLLoss(full=True).sum_and_count(x, x, 1.0, mask=x > 0)
neglog.LinearCrossEntropyLoss(8, 100, memory="64MiB", softcap=30.0)
functional.cross_entropy(x, y, label_smoothing=0.1, class_dim=1)
fitted = neglog.fit(x, y=y, likelihood="poisson", hidden=[4], levels=dict(a=["b"]), drop="c")
fitted.summary()
neglog.NLLRegressor("poisson", l2=0.1, na=[-9, "?"])
"""
WRONG = {
    'neglog.CrossEntropyLoss(smoothing=0.1)': 'Unexpected keyword argument "smoothing"',
    'neglog.BCEWithLogitsLoss(smoothing=0.1)': 'argument "smoothing"',
    'neglog.CrossEntropyLoss(label_smoothing="much")': '"label_smoothing"',
    'neglog.MSELoss().forward(x, y, masks=x)': 'argument "masks"',
    'functional.mse_loss(x, x, masks=x)': 'argument "masks"',
    'neglog.fit(x, y, l3=1.0)': 'argument "l3"',
    'neglog.fit(x, y, l2="much")': 'Argument "l2" to "fit" has incompatible type',
    'neglog.NLLClassifier(l2="much")': 'Argument "l2" to "NLLClassifier" has incompatible type',
}  # fmt: skip


@pytest.mark.slow
def test_a_type_checker_knows_the_keywords(tmp_path) -> None:
    right = PROGRAM.format(right='label_smoothing=0.1, class_dim=-1, empty="zero"')
    program = tmp_path / "program.py"
    program.write_text(right + "\n".join(WRONG) + "\n")
    source = str(Path(neglog.__file__).parents[1])
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", str(program)]
    environment = {**os.environ, "MYPYPATH": source}
    found = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    errors = [line for line in found.stdout.splitlines() if ": error:" in line]
    first = len(right.splitlines()) + 1
    places = [int(line.split(":")[1]) - first for line in errors]
    assert places == list(range(len(WRONG))), found.stdout
    for line, words in zip(errors, WRONG.values(), strict=True):
        assert words in line
