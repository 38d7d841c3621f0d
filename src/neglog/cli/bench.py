"""``neglog bench``: the losses timed beside torch's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from neglog.cli.speak import INTERRUPTED
from neglog.errors import BenchError


def bench(
    *,
    only: str = "",
    device: Literal["cpu", "cuda"] = "cpu",
    seconds: float = 4.0,
    compile: bool = True,
    dtype: Literal["float32", "float64", "bfloat16"] | None = None,
    memory: Annotated[bool, Parameter(negative=())] = False,
    start: Annotated[bool, Parameter(negative=())] = False,
    out: Path | None = None,
    json: Path | None = None,
) -> int:
    """Time the losses beside torch's, and beside torch's compiled, on this machine.

    On a GPU (``--device cuda``) also beside Liger, cut-cross-entropy and torch's chunked linear
    cross-entropy where they are installed, each line being held against float64 first.

    Every line first checks that neglog and torch agree. Ctrl-C ends the run with what was measured
    so far. The whole table takes some ten minutes and four gigabytes of memory.

    Parameters
    ----------
    only
        Measure the lines that contain this, such as cross_entropy or no_grad.
    device
        Where: cpu, or cuda, whose table has lines of its own.
    seconds
        How long to measure each line, checks and compilation aside.
    compile
        Measure torch.compile too; it takes some seconds for each line.
    dtype
        Measure every line in this dtype, instead of its own; on a GPU, the lines of this dtype.
    memory
        Measure the peak memory of every large line too, each in processes of its own. On a GPU it
        is always measured.
    start
        Measure what the import and the first call cost too. Not on a GPU.
    out
        A file for what is printed.
    json
        A file for every figure as JSON.
    """
    from neglog.bench.api import Options, run
    from neglog.bench.cases import CASES
    from neglog.bench.files import Paper, check, write_json
    from neglog.bench.gpu import benchmark as on_gpu

    if seconds <= 0:
        raise BenchError(f"--seconds wants more than 0, but got {seconds:g}.")
    for path in filter(None, (out, json)):
        check(path)
    paper = Paper()
    report: Any
    if device == "cuda":
        chosen, gpu = on_gpu.choose(only, dtype), on_gpu.the_gpu()
        report = on_gpu.run(chosen, gpu, seconds, compile, paper.write)
    else:
        report = run(Options(only, seconds, compile, dtype, memory, start), CASES, paper.write)
    if out is not None:
        paper.save(out)
    if json is not None:
        write_json(report.as_data(), json)
    if report.interrupted:
        return INTERRUPTED
    return 1 if report.failed else 0
