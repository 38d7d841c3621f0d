"""Every kernel for a GPU, compiled on a machine that may have none, with its registers and spills.

    python benchmarks/gpu_registers.py [--targets cuda:80 cuda:90 …] [--only TEXT] [--turns]

The engines are run on tensors of a CPU with their launches written down instead of made; each
kernel is then compiled with the types, the constants and the alignment it would be started with:
those of THOROUGHLY for each target, the others, and with --turns all, for one target by turns.
Registers are those of a thread; spills are bytes of a thread that went to memory.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ["TRITON_INTERPRET"] = "0"

import torch
import triton
from triton._C.libtriton import ir
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, make_backend

from neglog import REGISTRY, likelihoods
from neglog.engine.gpu import elementwise, jit, rows
from neglog.engine.problem import ElementwiseProblem, RowwiseProblem

TARGETS = ("cuda:80", "cuda:90", "cuda:100", "hip:gfx942")
TYPES = {
    torch.float32: "*fp32", torch.float64: "*fp64", torch.bfloat16: "*bf16",
    torch.float16: "*fp16", torch.int64: "*i64",
}  # fmt: skip
DTYPES = (torch.float32, torch.bfloat16)
# Kernels differ in the formula only; these are of each kind of declaration. The others take turns
# with the dtypes and the targets.
THOROUGHLY = (
    "bernoulli", "weighted_bernoulli", "heteroscedastic_normal", "normal", "categorical",
)  # fmt: skip
WHERE_IT_LIES = re.compile(r"tt\.addptr .*: tensor<.*>, tensor<.*xi32>")


class Launch(NamedTuple):
    """A kernel as it would be started."""

    name: str
    kernel: Any
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    thorough: bool = False


class Recorder:
    """Stands for a kernel: writes its launches down."""

    def __init__(self, kernel: Any, launches: list[Launch]) -> None:
        self.kernel, self.launches = kernel, launches

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        """Return a function of the arguments of a kernel."""

        def launch(*arguments: Any, **options: Any) -> None:
            name = self.kernel.__name__.rpartition("_")[0]
            self.launches.append(Launch(name, self.kernel, arguments, options))

        return launch


def launches() -> Iterator[Launch]:
    """Return every launch of every loss, its kernels each once."""
    found: list[Launch] = []
    make = jit._kernel
    jit._kernel = lambda *facts: Recorder(make(*facts), found)
    seen = set()
    for title, run in problems():
        found.clear()
        run()
        for launch in found:
            if id(launch.kernel) not in seen:
                seen.add(id(launch.kernel))
                thorough = title.split()[0] in THOROUGHLY
                yield launch._replace(name=f"{launch.name} {title}", thorough=thorough)


def problems() -> Iterator[tuple[str, Any]]:
    """Return what the engines are asked, each with a title."""
    for i, likelihood in enumerate(REGISTRY.values()):
        thorough = not likelihood.elementwise or likelihood.name in THOROUGHLY
        for dtype in DTYPES if thorough else (DTYPES[i % len(DTYPES)],):
            title = f"{likelihood.name} {str(dtype).removeprefix('torch.')}"
            if likelihood.elementwise:
                yield from of_elements(likelihood, title, dtype)
            else:
                yield from of_rows(likelihood, title, dtype)


def of_elements(likelihood: Any, title: str, dtype: torch.dtype) -> Iterator[tuple[str, Any]]:
    """Return problems of elements; what they hold does not matter."""
    ones = torch.ones(4096, dtype=dtype)
    facts = (tuple(ones for _ in likelihood.given), tuple(0.5 for _ in likelihood.settings))
    problem = ElementwiseProblem(likelihood, tuple(ones for _ in likelihood.inputs), ones, *facts)
    wanted = [True] * len(problem.inputs)
    if likelihood.name not in THOROUGHLY:
        yield first_pass(elementwise, title, problem, wanted)
        return
    yield from passes(elementwise, title, problem, wanted)
    masked = problem._replace(weight=ones, masked=True, reduction="none")
    yield from passes(elementwise, f"{title} masked none", masked, [*wanted, True])
    repeated = problem._replace(weight=ones[:64], given=tuple(t[:64] for t in problem.given))
    yield first_pass(elementwise, f"{title} weight repeated", repeated, wanted)


def of_rows(likelihood: Any, title: str, dtype: torch.dtype) -> Iterator[tuple[str, Any]]:
    """Return problems of rows: short, long, as in images, against labels and against shares."""
    for shape in ((1, 1), (64, 3), (64, 1000), (2, 128256), (2, 21, 4096)):
        x = torch.ones(shape, dtype=dtype)
        labels = torch.zeros(x.numel() // shape[1], dtype=torch.int64)
        problem = RowwiseProblem(likelihood, x, labels)
        size = "x".join(map(str, shape))
        yield from passes(rows, f"{title} {size}", problem, [True])
        weight, sample_weight = (
            torch.ones(shape[1], dtype=dtype),
            torch.ones(len(labels), dtype=dtype),
        )
        weighed = problem._replace(weight=weight, sample_weight=sample_weight, reduction="none")
        yield from passes(rows, f"{title} {size} weight share none", weighed, [True])
        if likelihood.softmax and shape in ((64, 3), (2, 128256)):
            soft = problem._replace(y=x, weight=weight)
            yield first_pass(rows, f"{title} {size} shares weight", soft, [True])
            smooth = problem._replace(smoothing=0.1)
            yield first_pass(rows, f"{title} {size} smoothed", smooth, [True])


def first_pass(module: Any, title: str, problem: Any, wanted: list[bool]) -> tuple[str, Any]:
    """Return the pass that gives the loss, and its derivatives for an upstream gradient of 1."""
    bare, tensors = problem.split_tensors()
    return title, lambda: module.run(bare, tensors, wanted)


def passes(module: Any, title: str, problem: Any, wanted: list[bool]) -> Iterator[tuple[str, Any]]:
    """Return that pass, and the one that honours what comes from above."""
    yield first_pass(module, title, problem, wanted)
    bare, tensors = problem.split_tensors()
    each = problem.reduction == "none"
    one = torch.ones(tensors[1].shape[:1] if each else (), dtype=tensors[0].dtype)
    kept = [torch.empty_like(tensors[0]), *[None] * (len(tensors) - 1)]
    yield f"{title} again", lambda: module.vjp(bare, tensors, wanted, one, kept)


def compiled(launch: Launch, target: str) -> Any:
    """Compile a launch for a target."""
    return triton.compile(source_of(launch), target=gpu_of(target), options=launch.options)


def intermediate(launch: Launch, target: str) -> str:
    """Return a launch as Triton's first stage leaves it, which is the same for all devices."""
    gpu, source, stages = gpu_of(target), source_of(launch), {}
    backend = make_backend(gpu)
    options = backend.parse_options(launch.options)
    backend.add_stages(stages, options, source.language)
    context = ir.context()
    ir.load_dialects(context)
    backend.load_dialects(context)
    tools = (backend.get_codegen_implementation(options), backend.get_module_map())
    return str(stages["ttir"](source.make_ir(gpu, options, *tools, context), {}))


def gpu_of(target: str) -> GPUTarget:
    """Return a target as Triton names it."""
    kind, name = target.split(":")
    return GPUTarget(kind, int(name) if name.isdigit() else name, 64 if kind == "hip" else 32)


def source_of(launch: Launch) -> ASTSource:
    """Return a kernel with the types, constants and alignment of its arguments."""
    names = launch.kernel.arg_names
    plain = launch.kernel.do_not_specialize
    signature, constants, attributes = {}, {}, {}
    for place, (name, value) in enumerate(zip(names, launch.arguments, strict=True)):
        if isinstance(value, torch.Tensor):
            signature[name] = TYPES[value.dtype]
            attributes[(place,)] = [["tt.divisibility", 16]]
        elif value == 1 and name not in plain:
            signature[name], constants[name] = "constexpr", 1
        else:
            signature[name] = "i32" if -(2**31) <= value < 2**31 else "i64"
            if value % 16 == 0 and name not in plain:
                attributes[(place,)] = [["tt.divisibility", 16]]
    return ASTSource(launch.kernel, signature, constants, attributes)


def usage(result: Any) -> tuple[int, int]:
    """Return the registers and the spilled bytes of a thread."""
    if "amdgcn" in result.asm:
        text = result.asm["amdgcn"]
        counts = [int(re.search(rf"\.{key}:\s+(\d+)", text)[1]) for key in
                  ("vgpr_count", "private_segment_fixed_size")]  # fmt: skip
        return counts[0], counts[1]
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(result.asm["cubin"])
        file.flush()
        command = [str(tool), "--dump-resource-usage", file.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(re.search(r"REG:(\d+)", text)[1]), int(re.search(r"STACK:(\d+)", text)[1])


def narrow_places(result: Any) -> int:
    """Count addresses that are computed in 32 bits, which 2³¹ elements overflow."""
    return len(WHERE_IT_LIES.findall(result.asm["ttir"]))


def root_of(error: BaseException) -> str:
    """Return what a chain of errors began with, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().splitlines()[-1]


def main(arguments: list[str] | None = None) -> int:
    """Compile, and print a line for each kernel and target; return how many failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=TARGETS)
    parser.add_argument("--only", default="")
    parser.add_argument("--turns", action="store_true", help="compile each for one target only")
    options = parser.parse_args(arguments)
    print(f"Triton {triton.__version__}, {len(likelihoods.__all__)} declarations")
    print(f"{'kernel':68} {'target':12} registers  spilled bytes")
    failed = count = 0
    turns = itertools.cycle(options.targets)
    for launch in launches():
        if options.only not in launch.name:
            continue
        thorough = launch.thorough and not options.turns
        for target in options.targets if thorough else [next(turns)]:
            try:
                result = compiled(launch, target)
                registers, spilled = usage(result)
            except Exception as error:  # compilers raise many types of errors: continue
                failed += 1
                print(f"{launch.name:68} {target:12} failed: {root_of(error)}", flush=True)
                continue
            count += 1
            narrow = narrow_places(result)
            failed += narrow > 0
            remark = f"  {narrow} addresses of 32 bits" if narrow else ""
            print(f"{launch.name:68} {target:12} {registers:9} {spilled:14}{remark}", flush=True)
    print(f"{count} compiled, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(min(main(), 100))
