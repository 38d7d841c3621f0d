"""Processes of their own: caches that cannot be written, are shared, or hold older code."""

from __future__ import annotations

import os
import shutil
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import forked
import pytest
from robustness import SOURCES, python

pytestmark = pytest.mark.slow

START = "import torch; from neglog import functional as F\n"
MSE = START + "print(F.mse_loss(torch.full((9,), 2.0), torch.zeros(9)).item())"


@pytest.fixture
def sources(tmp_path):
    """Return a copy of the sources that may be edited."""
    copy = tmp_path / "sources"
    shutil.copytree(
        SOURCES / "neglog", copy / "neglog", ignore=shutil.ignore_patterns("__pycache__")
    )
    return copy


def test_a_cache_folder_that_is_missing_is_made(tmp_path) -> None:
    cache = tmp_path / "not" / "yet"
    assert float(python(MSE, cache).stdout) == 4.0
    assert [*cache.rglob("*.nbc")]


def test_where_no_folder_can_be_written_kernels_are_compiled_all_the_same(
    tmp_path, sources
) -> None:
    (tmp_path / "file").touch()
    for folder in [p for p in sources.rglob("*") if p.is_dir()]:
        (folder / "__pycache__").touch()  # a file, in the way of even root's folder
    nowhere = {"HOME": os.devnull, "XDG_CACHE_HOME": os.devnull}
    done = python(MSE, tmp_path / "file" / "cache", sources, **nowhere)
    assert float(done.stdout) == 4.0
    assert not [*tmp_path.rglob("*.nbc")]


def test_two_processes_compile_one_kernel_into_one_empty_cache(tmp_path) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: python(MSE, tmp_path), range(2))
    assert float(first.stdout) == float(second.stdout) == 4.0
    assert float(python(MSE, tmp_path).stdout) == 4.0
    assert not [*tmp_path.rglob("*.tmp*")]


def edit(path: Path, old: str, new: str) -> None:
    """Change a file so that its size and its time stay what they were."""
    assert len(old) == len(new)
    text, status = path.read_text(), path.stat()
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_an_edited_formula_is_recompiled(tmp_path, sources) -> None:
    alone = {"PYTHONDONTWRITEBYTECODE": "1"}
    real = sources / "neglog" / "likelihoods" / "real.py"
    assert float(python(MSE, tmp_path / "cache", sources, **alone).stdout) == 4.0
    edit(real, "return 0.5 * (", "return 0.7 * (")
    assert float(python(MSE, tmp_path / "cache", sources, **alone).stdout) == pytest.approx(5.6)
    edit(real, "return 0.7 * (", "return 0.5 * (")
    assert float(python(MSE, tmp_path / "cache", sources, **alone).stdout) == 4.0


LOGITS = "F.cross_entropy(torch.zeros(2, 64), torch.tensor([3, 5])).item()"


def test_an_edited_layout_of_the_arguments_is_recompiled(tmp_path, sources) -> None:
    code = START + f"print({LOGITS})"
    alone = {"PYTHONDONTWRITEBYTECODE": "1"}
    before = python(code, tmp_path / "cache", sources, **alone)
    args = sources / "neglog" / "engine" / "cpu" / "kernels" / "rows_args.py"
    edit(args, "IGNORED, SCALARS,", "SCALARS, IGNORED,")
    after = python(code, tmp_path / "cache", sources, check=False, **alone)
    assert (after.returncode, after.stdout) == (0, before.stdout)


KERNELS = START + textwrap.dedent(
    """
    import sys
    from neglog.engine import fast_path, selection
    x = torch.linspace(-3, 3, 60)
    y = (x > 0.3).float()
    labels = torch.arange(6) % 10
    calls = {
        "mse": lambda d: F.mse_loss(leaf(d), y.to(d)),
        "l1": lambda d: F.l1_loss(leaf(d), y.to(d)),
        "bce": lambda d: F.binary_cross_entropy_with_logits(leaf(d), y.to(d)),
        "rows": lambda d: F.cross_entropy(leaf(d).reshape(6, 10), labels),
    }
    leaves = []
    def leaf(dtype):
        leaves.append(x.detach().to(dtype, copy=True).requires_grad_())
        return leaves[-1]
    def results(names):
        for name in names:
            for dtype in map(torch.__dict__.get, sys.argv[1:] or ["float32", "float64"]):
                loss = calls[name](dtype)
                loss.backward()
                yield name, dtype, loss.detach().double(), leaves[-1].grad.double()
    def compare(names, tolerance):
        got = list(results(names))
        selection.BACKENDS = selection.BACKENDS[-1:]
        fast_path.plans.clear()
        for (name, dtype, *mine), (_, _, *other) in zip(got, results(names)):
            for a, b in zip(mine, other):
                near = tolerance * torch.finfo(dtype).eps
                torch.testing.assert_close(a, b, rtol=near, atol=near, msg=f"{name} {dtype}")
    """
)


def test_kernels_from_the_cache_and_fresh_ones_do_not_mix(tmp_path) -> None:
    """Of parts with one name, the machine code keeps one and calls it for both."""
    orders = (["mse", "bce"], ["rows", "bce", "l1"], ["l1", "rows", "mse"], ["bce", "mse", "rows"])
    for names in orders:
        python(KERNELS + f"compare({names}, 4)", tmp_path)


def test_a_plain_processor_gives_the_same_to_a_few_ulps(tmp_path) -> None:
    """Also one without AVX-512, AVX2 and fused multiply-add."""
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    python(KERNELS + "compare(['bce', 'rows'], 4)", tmp_path, **plain)


def test_a_plain_processor_computes_with_float16(tmp_path) -> None:
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    python(KERNELS + "sys.argv[1:] = ['float16']; compare(['mse'], 4)", tmp_path, **plain)


COUNT = START + textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from neglog.engine.cpu import threads
    way, allowed = sys.argv[1:]
    if way == "pool":
        threads._team = lambda: None
    torch.set_num_threads(int(allowed))
    x = torch.linspace(-1, 1, 200_000)
    (x.clone().requires_grad_() * x).sum().backward()  # has torch start its threads
    F.mse_loss(x[:3], x[:3])  # has Numba loaded
    before = len(list(Path("/proc/self/task").iterdir()))
    for _ in range(5):
        leaf = x.clone().requires_grad_()
        F.mse_loss(leaf, x).backward()
    print(len(list(Path("/proc/self/task").iterdir())) - before)
    """
)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
@pytest.mark.parametrize("way", ["team", "pool"])
@pytest.mark.parametrize("allowed", [1, 3])
def test_no_more_threads_appear_than_torch_is_allowed(way, allowed) -> None:
    """The team is torch's own threads; the pool's come in addition to them."""
    environment = os.environ | {"PYTHONPATH": str(SOURCES)}
    done = forked.python(COUNT, environment, way, str(allowed))
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == (allowed - 1 if way == "pool" else 0)
