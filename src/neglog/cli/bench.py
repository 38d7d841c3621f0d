"""``neglog bench``: the losses' times compared with torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from neglog.cli.output import INTERRUPTED
from neglog.errors import BenchError


def bench(
    *,
    only: str = "",
    device: Literal["cpu", "cuda"] = "cpu",
    seconds: float = 4.0,
    compile: bool = True,
    declared: Annotated[bool, Parameter(negative=())] = False,
    dtype: Literal["float32", "float64", "bfloat16"] | None = None,
    memory: Annotated[bool, Parameter(negative=())] = False,
    start: Annotated[bool, Parameter(negative=())] = False,
    out: Path | None = None,
    json: Path | None = None,
) -> int:
    """Compare the losses' times with torch eager and torch.compile on this machine.

    On a GPU (``--device cuda``) also with Liger, cut-cross-entropy and torch's chunked linear
    cross-entropy, if they are installed; each line is first compared with float64.

    Each line first checks that neglog and torch agree. Ctrl-C ends the run with the lines measured
    so far. The table takes about ten minutes and four gigabytes of memory.

    Parameters
    ----------
    only
        Measure only the lines that contain this text, such as cross_entropy or no_grad.
    device
        The device: cpu, or cuda, which has a separate table.
    seconds
        The seconds to measure each line, without checks and compilation.
    compile
        Measure torch.compile too, which takes some seconds per line.
    declared
        Measure neglog's own losses instead: for each declared likelihood, the loss of 10⁶ elements
        and its gradients by all inputs, compared with the same formula in torch's operations;
        then the losses of several steps and torch's other losses. With ``--no-compile
        --seconds 3`` it takes about five minutes.
    dtype
        Measure every line in this dtype; on a GPU, only the lines of this dtype.
    memory
        Measure the peak memory of every large line too, in separate processes. On a GPU it is
        always measured.
    start
        Measure the time of the import and of the first call too. Not on a GPU.
    out
        Write the printed output to this file.
    json
        Write all figures to this file as JSON.
    """
    from neglog.bench.api import Options, run
    from neglog.bench.cases import CASES
    from neglog.bench.composed import LINES
    from neglog.bench.declared import lines
    from neglog.bench.files import Printer, check, write_json
    from neglog.bench.gpu import benchmark as gpu_benchmark

    if seconds <= 0:
        raise BenchError(f"--seconds must be above 0, but it is {seconds:g}.")
    for path in filter(None, (out, json)):
        check(path)
    printer = Printer()
    report: Any
    if device == "cuda":
        chosen, gpu = gpu_benchmark.choose(only, dtype), gpu_benchmark.current_gpu()
        report = gpu_benchmark.run(chosen, gpu, seconds, compile, printer.write)
    else:
        options = Options(only, seconds, compile, dtype, memory, start)
        report = run(options, (*lines(), *LINES) if declared else CASES, printer.write)
    if out is not None:
        printer.save(out)
    if json is not None:
        write_json(report.as_data(), json)
    if report.interrupted:
        return INTERRUPTED
    return 1 if report.failed else 0
