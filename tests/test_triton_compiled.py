"""Every kernel for a GPU, compiled on a machine without one: its registers, and its results."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="Triton has no build for this system")
SCRIPT = Path(__file__).parent.parent / "benchmarks" / "gpu_registers.py"
pytestmark = pytest.mark.slow
MOST_SPILLED = 32  # bytes of a thread: a few registers of its hundred


TARGETS = ("cuda:80", "cuda:90", "cuda:100", "hip:gfx942")


@pytest.fixture(scope="module")
def table():
    """All kernels in one process, each for one target; by hand, the script takes more."""
    command = [sys.executable, str(SCRIPT), "--targets", *TARGETS, "--turns"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_every_kernel_compiles_and_hardly_spills(target, table) -> None:
    """Nor does one compute an address in 32 bits, which 2³¹ elements would overflow."""
    lines = re.findall(rf"^(.+?) +{target} +(\d+) +(\d+)$", table, re.MULTILINE)
    assert len(lines) > 60
    for name, registers, spilled in lines:
        assert 8 <= int(registers) <= 512, name
        assert int(spilled) <= MOST_SPILLED, name


IN_PLACE = """
import gpu_registers, torch
from neglog.engine.gpu import jit, rows
from neglog.engine.problem import RowwiseProblem
from neglog.likelihoods import Categorical

found, make = [], jit._kernel
jit._kernel = lambda *facts: gpu_registers.Recorder(make(*facts), found)
x, y = torch.ones(4, {classes}), torch.zeros(4, dtype=torch.int64)
bare, tensors = RowwiseProblem(Categorical, x, y, reduction="sum").split_tensors()
rows.run(bare, tensors, [True], x)
print(gpu_registers.compiled(found[0], "cuda:90").asm["ptx"])
"""


@pytest.mark.parametrize("classes", [1000, 20000])
def test_all_threads_have_read_the_label_before_the_gradient_is_written_over_the_logits(
    classes,
) -> None:
    """Neither the interpreter nor `ttir` has threads; so this reads what the device would run."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    paths = (str(SCRIPT.parent), environment.get("PYTHONPATH", ""))
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    command = [sys.executable, "-c", IN_PLACE.format(classes=classes)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    before, written, _ = done.stdout.partition("st.global")
    assert written
    assert "bar.sync" in before[before.rindex("ld.global.b32 ") :]


def test_compiled_and_interpreted_kernels_agree() -> None:
    """The compiler's first stage, run by `ttir`: it has taken one function for another before.

    By hand, `NEGLOG_TRITON=compiled pytest tests/test_triton.py` runs all of them like that.
    """
    tests = Path(__file__).parent / "test_triton.py"
    chosen = (
        "(elements_are_the and float32 and 15) or float32-7-3 or (images and mean) or out_of_range"
    )
    chosen += " or second_backward"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-k", chosen, str(tests)]
    environment = os.environ | {"NEGLOG_TRITON": "compiled"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 50
