"""The documentation of every public loss: complete, in nats, with shapes, errors and a source."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import subprocess
import sys

import pytest

import neglog
from neglog import criteria, functional
from neglog.criterion import Criterion
from neglog.docstrings import completed, described, section, with_sections
from neglog.functional.documentation import PARAMETERS

FUNCTIONS = sorted({*functional.__all__} - {"LinearStatistics", "sum_and_count"})
MODULES = [*criteria.__all__, "LinearCrossEntropyLoss"]
EVERY = {name: getattr(functional, name) for name in FUNCTIONS}
EVERY |= {name: getattr(neglog, name) for name in MODULES}


@pytest.mark.parametrize("name", EVERY)
def test_every_loss_is_documented_in_full(name) -> None:
    loss, doc = EVERY[name], EVERY[name].__doc__
    texts = described(doc)
    assert list(texts) == list(inspect.signature(loss).parameters)
    assert all(texts.values()), texts
    assert "nats" in section(doc, "Returns")
    assert described(doc, "Raises")
    assert section(doc, "Source")
    assert "as for `Cat" not in doc
    assert ">>> " in doc
    assert "see `neglog.functional`" not in doc
    assert max(map(len, doc.splitlines())) <= 100


@pytest.mark.parametrize("name", EVERY)
def test_every_loss_states_the_shapes_of_its_tensors(name) -> None:
    doc = EVERY[name].__doc__
    texts = {**described(doc), **described(doc, "Shape")}
    names = ("input", "query", "key", "image", "text", "input1", "anchor", "log_probs", "input_")
    names += ("logits", "mean", "chosen", "log_hazard")
    tensors = [texts[name] for name in names if name in texts]
    assert tensors or name == "LogSoftmax"
    for text in tensors:
        assert "shape" in text or "(" in text, text
    if "target" in texts:
        assert "shape" in texts["target"] or "(" in texts["target"], texts["target"]


@pytest.mark.parametrize("name", MODULES)
def test_the_methods_of_modules_describe_their_parameters(name) -> None:
    cls = getattr(neglog, name)
    methods = (cls.forward, cls.sum_and_count) if issubclass(cls, Criterion) else ()
    for method in methods:
        _, *names = inspect.signature(method).parameters
        assert list(described(method.__doc__)) == names


@pytest.mark.parametrize("name", MODULES)
def test_a_module_says_of_a_parameter_what_its_function_says(name) -> None:
    cls = getattr(neglog, name)
    if not issubclass(cls, Criterion):
        return
    texts, ours = described(cls._function.__doc__), described(cls.__doc__)
    assert ours.keys() & texts.keys()
    assert {key: ours[key] for key in ours.keys() & texts.keys()} == {
        key: texts[key] for key in ours.keys() & texts.keys()
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_docstring_restates_a_shared_parameter(name) -> None:
    own = described(getattr(functional, name).__wrapped__.__doc__)
    for parameter in own.keys() & PARAMETERS.keys():
        assert own[parameter] != PARAMETERS[parameter], parameter


def test_doctest_finds_the_examples() -> None:
    for name in FUNCTIONS:
        module = importlib.import_module(getattr(functional, name).__wrapped__.__module__)
        found = doctest.DocTestFinder().find(getattr(functional, name), name, module)
        assert any(test.examples for test in found), name


def test_a_docstring_is_completed_in_the_order_of_the_signature() -> None:
    doc = """Return x.

    Args:
        y: own,
            in two lines.

    More text.

    >>> 1
    1
    """
    found = completed(doc, ["x", "y", "z"], {"x": "shared.", "y": "not used."})
    found = with_sections(found, {"Source": "a book.", "Raises": {"ValueError": "why."}})
    assert found == (
        "Return x.\n\n\nMore text.\n\nArgs:\n    x: shared.\n    y: own,\n        in two lines.\n\n"
        "Raises:\n    ValueError: why.\n\n>>> 1\n1\n\nSource: a book."
    ).replace("\n\n\n", "\n\n")
    assert completed(None, ["x"], {"x": "shared."}) is None


@pytest.mark.slow
def test_python_without_docstrings_imports_the_losses() -> None:
    program = "import neglog, neglog.criteria_linear; assert neglog.MSELoss.__doc__ is None"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-OO", "-c", program], check=True, env=environment)
