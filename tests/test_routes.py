"""Declarations by every route: a cell, a zip, a package, a function, a subclass, exec."""

from __future__ import annotations

import importlib
import sys
import zipfile

import backends
import pytest
import torch

import neglog
from neglog.errors import DeclarationError
from neglog.finding import find
from neglog.functional import likelihood_loss
from neglog.primitives import log1p

pytestmark = pytest.mark.usefixtures("own_likelihoods")
SOURCE = """
import neglog
from neglog.primitives import log1p

class Own(neglog.Elementwise):
    inputs, settings, support = ("a",), ("df",), neglog.support.real

    def nll(a, df, y):
        z = y - a
        return 0.5 * (df + 1.0) * log1p(z * z / df)
"""


@pytest.fixture(autouse=True)
def _without_kernels(monkeypatch):
    backends.only(monkeypatch)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder from which modules are imported, and forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("my_package", "my_package.own", "my_zip", "my_file"):
        sys.modules.pop(name, None)


def gradient(declaration, factor=2.5):
    """Return the gradient of the loss, and check the loss: `factor` · ln(1 + 1/4)."""
    a = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    loss = likelihood_loss(declaration, a, torch.ones(2, dtype=torch.float64), df=4.0)
    torch.testing.assert_close(loss, torch.tensor(factor).double() * torch.tensor(1.25).log())
    return torch.autograd.grad(loss, a)[0]


def test_a_class_of_a_package_and_of_a_zip(home):
    (home / "my_package").mkdir()
    (home / "my_package/own.py").write_text(SOURCE, "utf-8")
    (home / "my_package/__init__.py").write_text("from my_package.own import Own\n", "utf-8")
    with zipfile.ZipFile(home / "zipped.zip", "w") as archive:
        archive.writestr("my_zip.py", SOURCE)
    sys.path.insert(0, str(home / "zipped.zip"))
    try:
        for reference in ("my_package:Own", "my_package.own:Own", "my_zip:Own"):
            assert gradient(find(reference)).tolist() == [-0.5, -0.5]
    finally:
        sys.path.remove(str(home / "zipped.zip"))


def test_a_cell_of_a_notebook_and_its_next_version():
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell()
    keys = set()
    for factor in (0.5, 1.5):
        shell.run_cell(SOURCE.replace("0.5 *", f"{factor} *"), silent=True).raise_error()
        own = shell.user_ns["Own"]
        gradient(own, 5.0 * factor)
        keys.add(own.key)
    assert len(keys) == 2


def test_a_file_that_is_edited_and_imported_again(home):
    keys = set()
    for factor in (0.5, 11.5):
        (home / "my_file.py").write_text(SOURCE.replace("0.5 *", f"{factor} *"), "utf-8")
        importlib.invalidate_caches()
        module = importlib.import_module("my_file")
        module = importlib.reload(module)
        gradient(module.Own, 5.0 * factor)
        keys.add(module.Own.key)
    assert len(keys) == 2


def test_a_class_in_a_function_that_imports_its_primitives():
    from neglog.primitives import log1p, power

    class Own(neglog.Elementwise):
        inputs, settings, support = ("a",), ("df",), neglog.support.real

        @staticmethod
        def nll(a, df, y):
            return 0.5 * (df + 1.0) * log1p(power(y - a, 2.0) / df)

    assert gradient(Own).tolist() == [-0.5, -0.5]
    assert neglog.verify(Own, df=4.0).passed


def nll(a, df, y):
    z = y - a
    return 0.5 * (df + 1.0) * log1p(z * z / df)


BODY = {"inputs": ("a",), "settings": ("df",), "support": neglog.support.real, "nll": nll}


def test_a_class_made_by_type_and_its_subclasses():
    parent = type("Own", (neglog.Elementwise,), BODY)

    class Same(parent):
        """The same formula under another name."""

    class Scaled(parent):
        """Another formula, whose derivatives are its own."""

        def nll(a, df, y):
            z = y - a
            return 5.0 * (df + 1.0) * log1p(z * z / df)

    assert gradient(parent).equal(gradient(Same))
    assert gradient(Scaled, 25.0).tolist() == [-5.0, -5.0]
    assert len({parent.key, Same.key, Scaled.key}) == 3


@pytest.mark.parametrize("name", ["<string>", "<made>"])
def test_a_class_without_source_text_is_refused(name):
    with pytest.raises(DeclarationError, match="nll has no source text: put it into a file or a"):
        exec(compile(SOURCE, name, "exec"), {"__name__": "made"})
