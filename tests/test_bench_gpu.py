"""The GPU table, made small and on a CPU."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import fake_gpu
import pytest
import torch

from neglog import functional
from neglog.bench.gpu import benchmark, contenders, exactness, measure
from neglog.bench.gpu.lines import LINES, Line
from neglog.cli import main
from neglog.errors import BenchError

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
KINDS = {"rows": (6, 5), "elements": (300,), "layer": (6, 4, 9)}
SMALL = [
    Line(line.loss, line.kind, KINDS[line.kind], line.dtype)
    for line in LINES
    if line.shape != (16384, 32000)
]
no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


@pytest.mark.parametrize("line", dict.fromkeys(SMALL), ids=lambda line: line.title)
@pytest.mark.parametrize("engine", ["cpu", "gpu"])
@pytest.mark.filterwarnings(fake_gpu.QUIET)
def test_every_line_is_exact(line, engine, monkeypatch) -> None:
    if engine == "gpu":
        pytest.importorskip("triton", reason="Triton has no build for this system")
        fake_gpu.use(monkeypatch)
        fake_gpu.use_tensor_cores(monkeypatch)
    errors = exactness.errors(line, CPU)
    # Triton's interpreter truncates half precision where a GPU rounds: one ulp instead of ½.
    limit = 2.0 if engine == "gpu" and line.dtype == torch.bfloat16 else 1.0
    assert max(errors.values()) <= limit, errors


@pytest.mark.parametrize("line", dict.fromkeys(SMALL), ids=lambda line: line.title)
def test_wrong_results_fail_the_check(line, monkeypatch) -> None:
    right = getattr(functional, line.loss)
    monkeypatch.setattr(functional, line.loss, lambda *data: 1.03 * right(*data))
    errors = exactness.errors(line, CPU)
    assert errors["loss"] > 1
    assert errors["gradient"] > 1


def test_a_run_writes_a_line_for_each(monkeypatch) -> None:
    monkeypatch.setattr(measure, "bandwidth", lambda device: 1e9)
    monkeypatch.setattr(torch, "compile", lambda loss: loss)
    written: list[str] = []
    chosen = [SMALL[0], SMALL[-1]]
    report = benchmark.run(chosen, CPU, 0.001, True, written.append)
    assert not report.failed
    table = "".join(written)
    assert "a large copy reads and writes 1 GB/s" in table
    for line, result in zip(chosen, report.as_data()["lines"], strict=True):
        assert f"\n{line.title}" in table
        assert {"neglog", "eager", "compile"} <= set(result["milliseconds"])
    layer = report.results[1].times
    assert {"chunked", "floor"} <= set(layer)
    assert f"{layer['neglog'] / layer['floor']:.2f}" in table
    rows = re.split(r"\n", table)
    assert len({len(row) for row in rows if row.startswith(("cross_entropy", "linear_cr"))}) == 1


def test_wrong_or_failing_contenders_are_not_timed(monkeypatch) -> None:
    monkeypatch.setattr(measure, "bandwidth", lambda device: 1e9)

    def refuse(*data):
        raise torch.OutOfMemoryError("no memory is left")

    monkeypatch.setattr(functional, "mse_loss", refuse)
    monkeypatch.setattr(torch.nn.functional, "poisson_nll_loss", refuse)
    chosen = [line for line in SMALL if line.loss in ("mse_loss", "poisson_nll_loss")][::2]
    monkeypatch.setattr(exactness, "errors", lambda line, device: wrong(line))

    def wrong(line):
        return {"loss": 0.0} if line.loss != "mse_loss" else refuse()

    written: list[str] = []
    report = benchmark.run(chosen, CPU, 0.001, False, written.append)
    assert report.failed
    assert "neglog: OutOfMemoryError: no memory is left" in "".join(written)
    assert "eager: OutOfMemoryError: no memory is left" in "".join(written)
    assert set(report.results[1].times) == {"neglog"}


def test_libraries_that_are_not_installed_have_a_dash() -> None:
    for line in SMALL:
        assert "liger" not in contenders.contenders(line, False)


def test_lines_are_chosen_by_text_and_dtype() -> None:
    assert len(benchmark.choose("", None)) == len(LINES)
    assert {line.loss for line in benchmark.choose("mse", "bfloat16")} == {"mse_loss"}
    with pytest.raises(BenchError, match="no line contains 'hinge'; there are: cross_entropy"):
        benchmark.choose("hinge", None)
    with pytest.raises(BenchError, match="there are: none of float64"):
        benchmark.choose("", "float64")


def test_bytes_of_a_line() -> None:
    assert Line("cross_entropy", "rows", (10, 3), torch.float32).bytes() == 120 + 80 + 120
    assert Line("mse_loss", "elements", (10,), torch.bfloat16).bytes() == 60


def test_ctrl_c_keeps_what_was_measured(monkeypatch) -> None:
    monkeypatch.setattr(measure, "bandwidth", lambda device: 1e9)

    def interrupted(*facts):
        raise KeyboardInterrupt

    monkeypatch.setattr(benchmark, "_measured", interrupted)
    written: list[str] = []
    report = benchmark.run(SMALL, CPU, 1.0, False, written.append)
    assert report.interrupted
    assert json.dumps(report.as_data())
    assert "stopped by Ctrl-C" in written[-1]


@no_gpu
def test_without_a_gpu_the_command_says_so(capsys) -> None:
    with pytest.raises(SystemExit) as left:
        main(["bench", "--device", "cuda"])
    assert left.value.code == 2
    words = " ".join(capsys.readouterr().err.split())
    expected = "neglog: --device cuda requires a GPU that torch can use, but there is none."
    assert words == f"{expected} [NL604]"


@no_gpu
def test_the_benchmark_is_that_command() -> None:
    script = Path(__file__).parent.parent / "benchmarks" / "gpu.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 2
    assert "--device cuda requires a GPU" in " ".join(done.stderr.split())


def test_a_step_leaves_no_gradient_that_the_next_one_would_free() -> None:
    leaf = torch.ones(3, requires_grad=True)
    value, gradient = contenders.step(lambda x: x.square().sum(), (leaf,))()
    assert value == 3
    assert gradient.tolist() == [2, 2, 2]
    assert leaf.grad is None
