"""The command `neglog bench`: what it prints, writes and leaves with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import neglog
from neglog.bench import api, cases, child, contenders, memory, roofline, start, timing
from neglog.bench.case import Case
from neglog.bench.contenders import COMPILE, EAGER, NEGLOG
from neglog.bench.inputs import classes, real
from neglog.bench.row import Row
from neglog.bench.timing import Sample
from neglog.cli import main
from neglog.errors import BenchError

pytestmark = pytest.mark.slow

SMALL = Case("mse_loss", (6,), real)
LINES = (SMALL, Case("cross_entropy", (4, 3), classes, "tiny", group="small"))


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """Five rounds a line, few tiny lines, and a copy that moves a gigabyte a second."""
    monkeypatch.setattr(timing, "_LONG", 0.0)
    monkeypatch.setattr(roofline, "copy_seconds", lambda size: size / 1e9)
    monkeypatch.setattr(cases, "CASES", LINES)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["bench", *arguments])
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return call


def read(name):
    return json.loads(Path(name).read_text(encoding="utf-8"))


def words(out):
    """Return the printed lines with single spaces."""
    return [" ".join(line.split()) for line in out.splitlines()]


def wrong(monkeypatch):
    """Let neglog's mse_loss be torch's l1_loss."""
    monkeypatch.setattr(neglog.functional, "mse_loss", torch.nn.functional.l1_loss)


def test_a_run_prints_and_keeps_its_lines(run, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda loss: loss)
    code, out, err = run("--seconds", "0.001", "--out", "table.txt", "--json", "table.json")
    assert (code, err) == (0, "")
    assert Path("table.txt").read_text(encoding="utf-8") == out
    data = read("table.json")
    assert [line["line"] for line in data["lines"]] == ["mse_loss 6", "cross_entropy 4x3 tiny"]
    first = data["lines"][0]
    times = {name: sample["median"] for name, sample in first["milliseconds"].items()}
    assert set(times) == {NEGLOG, EAGER, COMPILE}
    assert first["times_as_fast_as"][EAGER] == pytest.approx(times[EAGER] / times[NEGLOG])
    assert first["bytes"] == 72
    assert first["floor_milliseconds"] == pytest.approx(72e-6)
    assert first["of_floor"] == pytest.approx(72e-6 / times[NEGLOG])
    assert first["compile_seconds"] > 0
    assert data["summary"]["large"][EAGER]["lines"] == 1
    assert data["threads"] == torch.get_num_threads()
    assert data["copy_bytes_per_second"] == pytest.approx(1e9)
    assert data["interrupted"] is False
    printed = next(line for line in out.splitlines() if line.startswith("mse_loss"))
    assert f"{times[NEGLOG]:.4g}" in printed.split()
    assert f"{times[EAGER]:.4g}" in printed.split()


def test_only_and_no_compile(run, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda loss: pytest.fail("compiled"))
    code, out, _ = run("--seconds", "0.001", "--no-compile", "--only", "tiny")
    assert code == 0
    assert "\ncross_entropy" in out
    assert "\nmse_loss" not in out


def test_only_without_a_match(run):
    code, out, err = run("--only", "hinge")
    assert (code, out) == (2, "")
    there_are = "there are: mse_loss; cross_entropy. [NL604]"
    assert err == f"neglog: no line contains 'hinge'; {there_are}\n"


def test_bad_options_get_a_sentence(run, tmp_path):
    code, _, err = run("--seconds", "0")
    assert (code, err) == (2, "neglog: --seconds must be above 0, but it is 0. [NL604]\n")
    for path in (tmp_path, tmp_path / "none" / "table.txt"):
        code, out, err = run("--out", str(path))
        assert (code, out) == (2, "")
        assert "cannot be written; choose another file." in " ".join(err.split())


def test_losses_that_disagree_are_not_timed_and_fail_the_run(run, monkeypatch):
    wrong(monkeypatch)
    code, out, _ = run("--seconds", "0.001", "--no-compile")
    assert code == 1
    assert "mse_loss 6: not measured, the loss of neglog and of torch differ by" in out
    assert next(line for line in out.splitlines() if line.startswith("mse_loss")).split() == [
        "mse_loss", "6", *"-----------",
    ]  # fmt: skip


def test_what_cannot_be_compiled_gets_a_dash_and_the_reason(run, monkeypatch):
    def refuse(loss):
        raise RuntimeError("\nno C++ compiler\nand more")

    monkeypatch.setattr(torch, "compile", refuse)
    code, out, _ = run("--seconds", "0.001")
    assert code == 0
    assert "mse_loss 6: not compiled, RuntimeError: no C++ compiler\n" in out
    assert "torch.compile (geometric" not in out
    figures = next(line for line in out.splitlines() if line.startswith("mse_loss")).split()
    assert figures[6:8] == ["-", "-"]
    assert figures[-1] == "-"


def test_the_compilers_cache_is_empty_and_put_back(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda loss: loss)
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    for before in (None, "mine"):
        if before is not None:
            monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", before)
        with contenders.fresh_compiler():
            assert not any(Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]).iterdir())
        assert os.environ.get("TORCHINDUCTOR_CACHE_DIR") == before


def test_ctrl_c_sums_up_what_was_measured(run, monkeypatch):
    def once(line, *rest):
        if line is not SMALL:
            raise KeyboardInterrupt
        return Row(line, {NEGLOG: Sample(2.0, 5.0, 7), EAGER: Sample(6.0, 5.0, 7)})

    monkeypatch.setattr(api, "measure", once)
    monkeypatch.setattr(memory, "measure", lambda line: pytest.fail("went on"))
    code, out, _ = run("--no-compile", "--memory", "--json", "table.json")
    assert code == 130
    assert "stopped by Ctrl-C; what was measured so far counts\n" in out
    assert "3.00 times as fast as torch eager (geometric mean of 1)" in out
    data = read("table.json")
    assert data["interrupted"] is True
    assert len(data["lines"]) == 1


def test_help_does_not_wait_for_torch():
    program = (
        "import sys\nfrom neglog.cli import main\n"
        "try:\n    main(['bench', '--help'])\n"
        "except SystemExit as left:\n    assert left.code == 0\n"
        "assert 'torch' not in sys.modules and 'neglog.bench' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for option in (
        "--only",
        "--seconds",
        "--no-compile",
        "--dtype",
        "--memory",
        "--start",
        "--json",
    ):
        assert option in done.stdout


def test_a_fresh_process_answers_and_fails_with_a_sentence():
    assert child.call({"PLACE": "there"}, os.getenv, "PLACE") == "there"
    with pytest.raises(BenchError, match="a fresh process failed: ZeroDivisionError"):
        child.python("1 / 0")


@pytest.mark.skipif(not memory.available(), reason=memory.UNAVAILABLE)
def test_memory_counts_the_gradient_and_what_was_freed_again():
    line = Case("mse_loss", (4_000_000,), real)
    unit = line.task().gradient_bytes()
    # Torch's gradient allocates the difference too; one page is within tolerance.
    assert child.call({}, memory.grown, line, EAGER) > 0.9 * unit
    assert line.task().gradient_bytes() == 16_000_000


def test_the_memory_table(run, monkeypatch):
    def fake(environment, function, line, name):
        if line.forward and name == EAGER:
            raise BenchError("a fresh process failed: MemoryError")
        return 24 * (1 if line.forward else 2 if name == NEGLOG else 3)

    monkeypatch.setattr(memory, "call", fake)
    monkeypatch.setattr(memory, "available", lambda: True)
    code, out, _ = run("--seconds", "0.001", "--no-compile", "--memory", "--json", "m.json")
    assert code == 0
    assert "mse_loss 6 2.00 3.00 1.00 -" in words(out)
    assert "mse_loss 6: memory of eager no_grad: a fresh process failed: MemoryError" in out
    assert read("m.json")["memory"][0]["of_gradient"] == {
        "neglog step": 2.0, "eager step": 3.0, "neglog no_grad": 1.0,
    }  # fmt: skip


def test_memory_is_skipped_with_its_reason(run, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: False)
    code, out, _ = run("--seconds", "0.001", "--no-compile", "--memory")
    assert code == 0
    assert memory.UNAVAILABLE in out


def test_the_first_call_is_taken_cold_and_then_warm(run, monkeypatch):
    places = []

    def fake(environment, function, line):
        places.append(environment["NUMBA_CACHE_DIR"])
        first = len(places) == len(set(places))
        return start.Calls(9.0 if places.count(places[-1]) == 1 else 0.5, 0.125 if first else 0.25)

    monkeypatch.setattr(start, "call", fake)
    monkeypatch.setattr(start, "python", lambda program: "0.75")
    code, out, _ = run("--seconds", "0.001", "--no-compile", "--start", "--json", "s.json")
    assert code == 0
    assert len(set(places)) == len(start.LINES)
    assert "import neglog.functional after torch: 0.750 s\n" in out
    assert "mse_loss 65536 9.00 500 250 250" in words(out)
    data = read("s.json")
    assert data["import_seconds"] == 0.75
    assert [each["surplus_seconds"] for each in data["first_calls"]] == [0.25] * 3


def test_the_first_call_is_the_first_one():
    found = start.calls(SMALL)
    assert found.first > 0
    assert found.later > 0
