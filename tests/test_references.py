"""Users' code by reference. `test_own_likelihood.py` tests the messages."""

import pytest

from neglog import references
from neglog.errors import ArgumentError

pytestmark = pytest.mark.usefixtures("own_likelihoods")


def test_a_module_and_a_name_in_a_class():
    assert references.find("math:pi") == pytest.approx(3.14159, rel=1e-5)
    assert references.find("collections:OrderedDict.fromkeys") is not None
    with pytest.raises(ArgumentError, match=r"math declares no likelihood 'tau\.x'"):
        references.find("math:tau.x")


def test_an_edited_file_runs_again_when_it_may(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "edited.py").write_text("x = 1")
    assert references.find("edited.py:x") == 1
    (tmp_path / "edited.py").write_text("x = 2")
    assert references.find("edited.py:x") == 1
    references.forget_changed("edited.py:x")
    assert references.find("edited.py:x") == 2


def test_two_files_of_one_name(tmp_path):
    for k in (1, 2):
        (tmp_path / str(k)).mkdir()
        (tmp_path / str(k) / "my_losses.py").write_text(f"x = {k}")
    found = [references.find(f"{tmp_path / str(k) / 'my_losses.py'}:x") for k in (1, 2)]
    assert found == [1, 2]
