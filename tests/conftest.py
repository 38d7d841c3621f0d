"""What every test may rely on."""

from __future__ import annotations

import gc
import itertools
import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Before torch is imported: between two operations its idle threads would spin on the cores that
# the other workers compute on.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import torch

sys.path.insert(0, str(Path(__file__).parent))
# Before Triton is imported: without a GPU its kernels are interpreted, or compiled and then run as
# `ttir` runs them, see `test_triton_compiled.py`.
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "01"[os.environ.get("NEGLOG_TRITON") != "compiled"]
settings.register_profile("neglog", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("neglog")
DIVIDED = {"test_conformance", "test_engine", "test_exactness"}  # each compiles many kernels
LONG = DIVIDED | {"test_check", "test_extras", "test_linear_models", "test_scale", "test_triton"}
# One worker runs a file, so that the longest ones begin first.
FIRST = ["test_triton_compiled", "test_triton", "test_network", "test_processes", "test_install"]
collect_ignore = ["own"]  # files of users, whose import declares likelihoods
torch.manual_seed(0)  # for the tensors that modules make while they are imported


def pytest_collection_modifyitems(items):
    """Begin with the longest tests, so that no worker waits for another at the end."""
    items.sort(key=_turn)


def _turn(item):
    if item.path.stem in FIRST:
        return FIRST.index(item.path.stem)
    is_long = item.get_closest_marker("slow") is not None or item.path.stem in LONG
    return len(FIRST) + (not is_long)


@pytest.hookimpl(optionalhook=True)  # where xdist is off
def pytest_xdist_make_scheduler(config, log):
    """Give the tests of one kernel to one worker, or both would compile it."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return kernels_of(nodeid)

    return Scheduler(config, log) if config.getvalue("dist") == "loadscope" else None


def kernels_of(nodeid):
    """Return the likelihood or the loss that a test is about, or its file."""
    path, _, test = nodeid.partition("::")
    about = [p for p in re.split(r"[][-]", test)[1:] if p and not p.startswith("torch.")]
    return about[0].lower().replace("_", "") if Path(path).stem in DIVIDED and about else path


@pytest.fixture
def own_likelihoods():
    """Leave no trace of likelihoods that a test declares."""
    from neglog import REGISTRY, references
    from neglog.fitting.likelihoods import own
    from neglog.fitting.likelihoods.registry import KINDS

    declared, modules, kinds = dict(REGISTRY), set(sys.modules), dict(KINDS)
    yield
    assert kinds == KINDS
    REGISTRY.clear()
    REGISTRY.update(declared)
    for module in references._ran.values():
        sys.modules.pop(module.__name__, None)
    assert not {name for name in {*sys.modules} - modules if name.startswith("my_losses")}
    references._ran.clear()
    own._passed.clear()
    own._entries.clear()


@pytest.fixture(autouse=True)
def _poisoned_memory(monkeypatch):
    """Fill the kernels' fresh memory, so that an element that none writes shows.

    By turns with NaN and with a number, since the right answer of some is NaN.
    """
    from neglog.engine import memory

    fills = itertools.cycle([float("nan"), 12345.0])

    def poisoned(tensor):
        return tensor.fill_(next(fills))

    allocator, empty_line, empty = memory.allocator, memory.empty_line, memory.empty

    def allocator_of_poison(size):
        return lambda tensor: poisoned(allocator(size)(tensor))

    monkeypatch.setattr(memory, "allocator", allocator_of_poison)
    monkeypatch.setattr(memory, "empty", lambda *facts: poisoned(empty(*facts)))
    monkeypatch.setattr(memory, "empty_line", lambda *facts: poisoned(empty_line(*facts)))


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _threads_restored():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True, scope="module")
def _what_stays_is_left_alone_by_the_collector():
    """Compiled kernels leave millions of objects, which each collection would look through."""
    gc.collect()
    gc.freeze()
