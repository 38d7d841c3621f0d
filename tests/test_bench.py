"""The figures of `neglog bench`: counts, checks and summaries."""

import dataclasses

import pytest
import torch

from neglog.bench import api, cases, composed, declared, roofline, summary, table, timing
from neglog.bench.agreement import difference
from neglog.bench.case import Case, title
from neglog.bench.contenders import COMPILE, EAGER, NEGLOG, runner
from neglog.bench.inputs import binary, classes, real, with_variance
from neglog.bench.row import Row, measure
from neglog.bench.timing import Sample

ALL = cases.CASES
SMALL = Case("mse_loss", (6,), real)
LINES = (SMALL, Case("cross_entropy", (4, 3), classes, "tiny", group="small"))


def row(line=SMALL, neglog=2.0, eager=6.0, compiled=None, **facts):
    times = {NEGLOG: neglog, EAGER: eager} | ({} if compiled is None else {COMPILE: compiled})
    return Row(line, {name: Sample(time, 5.0, 7) for name, time in times.items()}, **facts)


def test_no_two_lines_have_one_title():
    titles = [title(line) for line in ALL]
    assert len(set(titles)) == len(titles)
    assert {line.group for line in ALL} == {"large", "small", "step"}


@pytest.mark.parametrize("dtype", [None, "float64"])
@pytest.mark.parametrize("line", ALL, ids=title)
@pytest.mark.slow
def test_neglog_and_torch_agree_on_every_line_made_small(line, dtype):
    if isinstance(line, Case):
        most = 4 if line.note == "Hessian" else 40
        line = dataclasses.replace(line, shape=tuple(min(size, most) for size in line.shape))
    if dtype is not None:
        line = line.cast(getattr(torch, dtype))
    task = line.task()
    ours, theirs = runner(NEGLOG, line, task)(), runner(EAGER, line, task)()
    assert difference(ours, theirs) == ""
    assert ours[0].dtype == line.dtype
    assert len(ours) > 1 or line.forward or line.note == "Hessian"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_differences_are_named(dtype):
    loss = torch.ones((), dtype=dtype)
    gradient = torch.linspace(-1, 1, 9, dtype=dtype)
    off = gradient.clone()
    off[3] *= 1.2
    assert difference((loss, gradient), (loss, gradient.clone())) == ""
    assert difference((loss, gradient * 0), (loss, gradient * 0)) == ""
    assert difference((loss, off), (loss, gradient)).startswith("gradient 1 of neglog")
    assert difference((loss * 1.2, gradient), (loss, gradient)).startswith("the loss of neglog")
    assert "differ by nan" in difference((loss * float("nan"),), (loss,))
    assert "another shape" in difference((loss, gradient[:3]), (loss, gradient))
    assert difference((loss,), (loss, gradient)) == "neglog has 0 gradients and torch 1"


@pytest.mark.parametrize(
    ("line", "size"),
    [
        (SMALL, 3 * 6 * 4),
        (SMALL.cast(torch.float64), 3 * 6 * 8),
        (dataclasses.replace(SMALL, forward=True), 2 * 6 * 4),
        # Beside the three: the ones that go into backward, and the losses.
        (dataclasses.replace(SMALL, options={"reduction": "none"}), 5 * 6 * 4),
        (Case("gaussian_nll_loss", (6,), with_variance), 4 * 6 * 4),
        (Case("gaussian_nll_loss", (6,), with_variance, needs_grad=(0, 2)), 5 * 6 * 4),
        (Case("cross_entropy", (5, 3), classes, weights=("weight",)), 2 * 15 * 4 + 5 * 8 + 3 * 4),
    ],
)
def test_the_bytes_that_must_move(line, size):
    assert line.task().bytes() == size


def test_the_roofline_is_the_fastest_copy_of_that_size(monkeypatch):
    speeds = iter([2e9, 4e9, 3e9, 1e9])
    monkeypatch.setattr(roofline, "copy_seconds", lambda size: size / next(speeds))
    bandwidth = roofline.Bandwidth()
    for _ in range(3):
        bandwidth.measure_copy(8000)
    bandwidth.measure_copy(3 * roofline.LARGE)
    assert bandwidth.roofline(8000) == pytest.approx(2e-3)
    assert bandwidth.roofline(3 * roofline.LARGE) == pytest.approx(3 * roofline.LARGE / 1e9 * 1e3)
    assert bandwidth.at(roofline.LARGE) == pytest.approx(1e9)


def test_all_take_turns_and_as_often(monkeypatch):
    monkeypatch.setattr(timing, "_LONG", 0.0)  # nothing is repeated within a sample
    seen = []
    runs = {name: lambda name=name: seen.append(name) for name in "abc"}
    samples = timing.alternate(runs, 0.0)
    assert seen[-15:] == list("abc") * 5
    assert {sample.rounds for sample in samples.values()} == {5}


def test_fast_calls_are_repeated():
    assert timing.repetitions(1.0) == 1
    assert timing.repetitions(1e-4) == 20


def test_ratios_and_the_fraction_of_the_roofline():
    measured = row(neglog=2.0, eager=6.0, roofline=1.0)
    assert (measured.ratio(EAGER), measured.ratio(COMPILE), measured.roofline_fraction) == (
        3,
        None,
        0.5,
    )
    nothing = Row(SMALL, roofline=1.0)
    assert (nothing.failed, nothing.ratio(EAGER), nothing.roofline_fraction) == (True, None, None)


def test_the_summary_takes_the_geometric_mean_of_the_large_lines():
    large = [dataclasses.replace(SMALL, note=note) for note in ("one", "two", "failed")]
    small = [dataclasses.replace(SMALL, note=note, group="small") for note in ("slow", "fast")]
    rows = [
        row(large[0], 1.0, 2.0, 0.5),
        row(large[1], 1.0, 8.0),
        Row(large[2], remarks=("not measured, why",)),
        row(small[0], 4.0, 1.0),
        row(small[1], 1.0, 2.0),
        row(dataclasses.replace(SMALL, note="training", group="step"), 9.0, 1.0),
    ]
    found = summary.summarise(rows)
    assert found.large == {
        EAGER: (pytest.approx(4.0), 2, 2.0, "mse_loss 6 one"),
        COMPILE: (pytest.approx(0.5), 1, 0.5, "mse_loss 6 one"),
    }
    assert summary.write(found, rows).splitlines() == [
        "mse_loss 6 failed: not measured, why",
        "large lines: 4.00 times as fast as torch eager (geometric mean of 2); the lowest, 2.00: "
        "mse_loss 6 one",
        "large lines: 0.50 times as fast as torch.compile (geometric mean of 1); the lowest, 0.50: "
        "mse_loss 6 one",
        "small lines slower than torch eager: mse_loss 6 slow (0.25)",
    ]
    assert summary.write(summary.summarise([row(small[1])]), []) == (
        "small lines slower than torch eager: none\n"
    )


def test_the_columns_line_up():
    facts = dict.fromkeys(("neglog", "torch", "python", "processor", "date"), "?") | {"threads": 3}
    head = table.header(facts, 5e9)
    headings = head.splitlines()[-1]
    rows = [
        row(line, 123.456, 4567.8, 0.0123456, roofline=1e-5, compile_seconds=12.34) for line in ALL
    ] + [Row(ALL[0]), row(roofline=0.5)]
    for each in rows:
        text = table.beginning(each.line) + table.figures(each)
        assert len(text) == len(headings) + 1, text
        assert text.endswith("\n")
        assert text.isascii()
        for heading in ("neglog", "eager", "compile", "floor", "comp. s"):
            end = headings.index(f" {heading}") + len(heading)
            assert text[end] != " " and text[end + 1].isspace(), (heading, text)
    assert "5.0 GB/s" in head
    assert "3 threads" in head
    assert head.isascii()
    assert table.figures(row(roofline=0.5)).split() == [
        "2", "5%", "6", "5%", "-", "-", "3.00", "-", "0.5", "25%", "-",
    ]  # fmt: skip


def test_a_dtype_replaces_each_lines_own_and_leaves_no_line_twice():
    lines = (*LINES, SMALL.cast(torch.bfloat16))
    assert len(api.choose(lines, api.Options())) == 3
    chosen = api.choose(lines, api.Options(dtype="float64"))
    assert [title(line) for line in chosen] == [
        "mse_loss 6 float64",
        "cross_entropy 4x3 float64 tiny",
    ]


def test_contenders_that_cannot_run_say_why():
    failed = measure(Case("cross_entropy", (4, 3), binary, options={"nonsense": 1}), 0.0,
                     roofline.Bandwidth(), compiling=False)  # fmt: skip
    assert failed.failed
    assert "nonsense" in failed.remarks[0]


@pytest.mark.slow  # a kernel for each declaration
@pytest.mark.parametrize("line", declared.lines(), ids=title)
def test_every_declaration_agrees_with_its_formula(line, monkeypatch):
    monkeypatch.setattr(declared, "ELEMENTS", (300,))
    monkeypatch.setattr(declared, "ROWS", (30, 10))
    task = line.task()
    assert difference(runner(NEGLOG, line, task)(), runner(EAGER, line, task)()) == ""
    assert line.size in ("300", "30x10")


def small(line):
    """Return a line with fewer rows; a set of frames keeps its time, the first dimension.

    In float32 torch's loss of such sequences loses digits.
    """
    first, *rest = line.shape
    line = line.cast(torch.float64) if line.name == "ctc_loss" else line
    shape = (first, 2, *rest[1:]) if line.name == "ctc_loss" else (min(first, 60), *rest)
    return dataclasses.replace(line, shape=shape)


@pytest.mark.parametrize("line", composed.LINES, ids=title)
def test_every_composed_loss_agrees_with_its_formula(line):
    line = small(line)
    task = line.task()
    assert difference(runner(NEGLOG, line, task)(), runner(EAGER, line, task)()) == ""
