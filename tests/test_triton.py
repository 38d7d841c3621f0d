"""The GPU kernels, in Triton's interpreter without a GPU: compared with the CPU.

Its halves are cut off and not rounded, hence a whole unit in the last place for them; and it never
fuses a product and a sum, which only costs exactness. `test_triton_compiled.py` compiles them.
"""

from __future__ import annotations

import itertools

import backends
import cases
import exactness
import fake_gpu
import pytest
import test_engine
import test_primitives
import test_semantics
import torch
from losses import COMPOSED, LOSSES

from neglog import REGISTRY, engine, functional
from neglog.engine import ElementwiseProblem, RowwiseProblem, ops
from neglog.primitives import reference

pytest.importorskip("triton", reason="Triton has no build for this system")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
pytestmark = [
    pytest.mark.skipif(DEVICE == "cuda", reason="benchmarks/gpu.py checks a real device"),
    pytest.mark.filterwarnings(fake_gpu.QUIET),
]

elementwise = test_engine.elementwise
widths = test_primitives.widths
DTYPES = pytest.mark.parametrize("dtype", test_engine.REALS, ids=str)
SHAPES = [(1,), (15,), (2100,)]
THOROUGHLY = [c for c in cases.ELEMENTWISE if c.name in ("weighted_bernoulli", "several")]
# The kernels differ in the formula only: two formulas meet all shapes and dtypes, the others take
# turns.
ELEMENTS = [
    (likelihood, dtype, shape)
    for i, likelihood in enumerate(cases.ELEMENTWISE)
    for dtype, shape in (
        [
            *((torch.float32, shape) for shape in SHAPES),
            *((dtype, (3, 7, 5)) for dtype in (torch.float64, *test_engine.HALF)),
        ]
        if likelihood in THOROUGHLY
        else [(torch.float32, (15,)), ([torch.float64, *test_engine.HALF][i % 3], (3, 7, 5))]
    )
]
FLOAT32 = [
    cell for cell in exactness.CELLS if cell.dtype == torch.float32 and not cell.loss.chained
]


@pytest.fixture(autouse=True)
def _on_gpu(monkeypatch):
    fake_gpu.use(monkeypatch)


def assert_same(got, expected, dtype):
    # A term that cancels is float64 in the kernel and not in the reference.
    scale = {torch.bfloat16: 1.6e-2, torch.float16: 2e-3}.get(dtype, test_engine.ROUNDING[dtype])
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == b.dtype == dtype
        assert a.shape == b.shape
        torch.testing.assert_close(a, b, rtol=scale, atol=scale, equal_nan=True)


def word_on(word, *columns):
    """Return a word of the arguments, by a kernel."""
    from neglog.primitives import triton as language

    kernel = language.to_triton(
        _loop if len(columns) == 1 else _loop_of_two,
        {"word": language.vocabulary(test_primitives.WIDTHS[word[0]])[word[1]]},
    )
    out = torch.full_like(columns[0], float("nan"))
    kernel[(1,)](*columns, out, out.numel())
    return out


word = tl = None  # left open, for `to_triton` to fill


def _loop(x, out, size):
    places = tl.arange(0, 1024)
    there = places < size
    tl.store(out + places, word(tl.load(x + places, mask=there)), mask=there)


def _loop_of_two(x, y, out, size):
    places = tl.arange(0, 1024)
    there = places < size
    values = word(tl.load(x + places, mask=there), tl.load(y + places, mask=there))
    tl.store(out + places, values, mask=there)


@widths
@pytest.mark.parametrize("name", test_primitives.ONE_ARGUMENT)
def test_primitives_are_exact_to_a_rounding_or_two(width, name) -> None:
    torch.manual_seed(0)
    scales = torch.tensor([1e-30, 1e-3, 1.0, 10.0, 100.0, 800.0]).repeat_interleave(20)
    ends = [5e-324, 1e-310, 1e-42, 0.75, 1.5, 3e38, -708.0, 709.7, -745.5, -103.9, *_SPECIAL]
    xs = torch.cat([scales * torch.randn(120), torch.tensor(ends, dtype=torch.float64)])
    xs = xs.to(getattr(torch, width))
    xs = xs[xs.abs() < test_primitives.REACH.get(name, float("inf"))]
    got = word_on((width, name), xs)
    test_primitives.assert_exact(width, name, [xs], got)


_SPECIAL = test_primitives.SPECIAL


@pytest.mark.parametrize("name", test_primitives.TWO_ARGUMENTS)
def test_primitives_of_two_numbers_are_exact_to_a_few_roundings(name) -> None:
    torch.manual_seed(0)
    xs, ys = torch.randn(2, 200, dtype=torch.float64).mul(2).exp()
    got = word_on(("float64", name), xs, ys)
    test_primitives.assert_exact("float64", name, [xs, ys], got)


def test_triton_has_every_primitive() -> None:
    from neglog.primitives import triton as language

    for real in test_primitives.WIDTHS.values():
        assert set(language.vocabulary(real)) == {*reference.NAMES, "divided"}


def test_rewritten_source_is_what_triton_reads() -> None:
    from neglog.primitives import triton as language

    text = language._rewritten(_quotient)
    assert "divided(x, y)" in text
    assert "/" not in text


def _quotient(x, y):
    return x / y


@pytest.mark.parametrize(
    "likelihood, dtype, shape", ELEMENTS, ids=lambda fact: getattr(fact, "name", str(fact))
)
def test_elements_are_the_reference_s(likelihood, dtype, shape, monkeypatch) -> None:
    """Each reduction meets each kind of weight in one of the formulas."""
    problem = cases.elementwise(likelihood, shape, dtype)
    weight = torch.rand(shape, dtype=dtype)
    weights = [None, weight, torch.where(weight < 0.5, 0.0, weight)]
    turn = cases.ELEMENTWISE.index(likelihood) + [*SHAPES, (3, 7, 5)].index(shape)
    for i, reduction in enumerate(cases.REDUCTIONS):
        kind = (i + turn) % 3
        options = {"reduction": reduction, "factor": 2.0, "weight": weights[kind]}
        options["masked"] = kind == 2
        got = test_engine.loss_and_gradients(problem, **options)
        assert_same(got, test_engine.by_reference(monkeypatch, problem, **options), dtype)


# The interpreter takes a tenth of a second for each: the dtypes take turns among the fast tests.
REGIMES = [
    pytest.param(likelihood, dtype, marks=[pytest.mark.slow] if (i + j) % 2 else [])
    for i, likelihood in enumerate(cases.ELEMENTWISE)
    for j, dtype in enumerate([torch.float32, torch.float64])
]


@pytest.mark.parametrize(
    ("likelihood", "dtype"), REGIMES, ids=lambda fact: getattr(fact, "name", str(fact))
)
def test_elements_are_exact_in_every_regime(likelihood, dtype) -> None:
    test_engine.test_elementwise_is_exact_in_every_regime(likelihood, dtype)


@elementwise
def test_masked_values_are_not_checked(likelihood, monkeypatch) -> None:
    test_engine.test_masked_values_are_not_checked(likelihood, "kernel", monkeypatch)


@elementwise
def test_the_gradient_by_the_target_is_the_reference_s(likelihood, monkeypatch) -> None:
    problem = cases.elementwise(likelihood, (50,), torch.float32)

    def by_target():
        y = problem.y.clone().requires_grad_()
        return torch.autograd.grad(engine.loss(problem._replace(y=y, factor=2.0)), y)

    got = by_target()
    backends.only(monkeypatch)
    assert_same(got, by_target(), torch.float32)


@pytest.mark.slow
@pytest.mark.parametrize("cell", FLOAT32, ids=str)
def test_float32_is_exact_in_every_regime_of_the_cpu_s_table(cell) -> None:
    found = exactness.worst(cell, functional)
    assert found.within(exactness.LIMITS[cell.dtype]), found


ROWS = [
    (torch.float32, 1, 1), (torch.float32, 7, 3), (torch.float32, 9, 130),
    (torch.float32, 2, 9001), (torch.float64, 7, 3), (torch.float64, 3, 5001),
    (torch.bfloat16, 7, 30), (torch.float16, 7, 30),
]  # fmt: skip


# The first formula meets all of them, the others take turns.
ROWS_OF = [
    pytest.param(
        likelihood,
        *row,
        kind,
        marks=[pytest.mark.slow] if i and row[2] > 9000 and kind != "labels" else [],
    )
    for i, likelihood in enumerate(cases.ROWS)
    for row in (ROWS[i::4] if i else ROWS)
    for kind in (["labels", "smoothed", "probabilities"] if i else test_engine.KINDS)
    if likelihood.softmax or kind in ("labels", "all ignored")  # no public loss asks for others
]


@pytest.mark.parametrize(
    "likelihood, dtype, size, classes, kind",
    ROWS_OF,
    ids=lambda fact: getattr(fact, "name", str(fact)),
)
def test_rows_are_the_reference_s(likelihood, dtype, size, classes, kind, monkeypatch) -> None:
    small, double = size * classes < 100, dtype == torch.float64
    for reduction, weighted, shared in itertools.product(cases.REDUCTIONS, *[[False, True]] * 2):
        odd = ((reduction == "mean") + weighted + shared) % 2
        if odd == double if small else (reduction == "mean") == weighted == shared:
            facts = (dtype, (size, classes), reduction, weighted, kind, shared)
            problem = test_engine.rows_problem(likelihood, *facts)
            got = test_engine.loss_and_gradients(problem)
            assert_same(got, test_engine.by_reference(monkeypatch, problem), dtype)


@DTYPES
def test_rows_are_exact_in_every_regime(dtype) -> None:
    for likelihood in cases.ROWS:
        test_engine.test_rows_are_exact_in_every_regime(likelihood, dtype)


@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 130, 35), (3, 1, 1)], ids=str)
@pytest.mark.parametrize("reduction", cases.REDUCTIONS)
def test_images_are_the_reference_s(shape, reduction, monkeypatch) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape)
    y = torch.randint(0, shape[1], (shape[0] * shape[2],))
    y[0] = -100
    weight = torch.rand(shape[1]) + 0.5
    for likelihood in cases.ROWS if reduction == "mean" else cases.ROWS[:1]:
        settings = cases.settings(likelihood)
        problem = RowwiseProblem(likelihood, x, y, weight, reduction=reduction, settings=settings)
        got = test_engine.loss_and_gradients(problem)
        assert_same(got, test_engine.by_reference(monkeypatch, problem), torch.float32)


@pytest.mark.parametrize("label", [-1, 5, 2**40, -(2**40)])
def test_a_label_out_of_range_shows_as_nan(label) -> None:
    x = torch.zeros(4, 5, requires_grad=True)
    y = torch.tensor([0, label, 2, -100])
    loss = functional.cross_entropy(x, y, reduction="none")
    (gradient,) = torch.autograd.grad(loss.sum(), x)
    assert loss.isnan().tolist() == [False, True, False, False]
    assert gradient.isnan().all(1).tolist() == [False, True, False, False]


def test_ignored_rows_may_hold_anything() -> None:
    test_semantics.test_ignored_rows_may_hold_anything()


def test_masked_classes_cost_nothing() -> None:
    test_semantics.test_masked_classes_cost_nothing()


@pytest.mark.parametrize("classes", [3, 9000])
@pytest.mark.parametrize("stranger", [float("inf"), float("nan")])
def test_a_row_without_a_finite_top_is_nan_all_over(classes, stranger) -> None:
    for x in (torch.randn(2, classes), torch.full((2, classes), float("-inf"))):
        x[0, -1] = stranger if x.isfinite().all() else x[0, -1]
        x = x.requires_grad_()
        loss = functional.cross_entropy(x, torch.zeros(2, dtype=torch.int64), reduction="none")
        (gradient,) = torch.autograd.grad(loss.sum(), x)
        rows = ~x.isfinite().all(1)
        assert loss.isnan().equal(rows)
        assert gradient.isnan().all(1).equal(rows)
        assert gradient.isnan().any(1).equal(rows)


def test_a_nearly_certain_row_in_half_precision_keeps_its_gradient() -> None:
    """Rounded before the 1 is taken off, 1 − p is off by all of itself."""
    x = torch.tensor([[9.0, 0.0, 1.0], [20.0, 2.0, 3.0]], dtype=torch.bfloat16).requires_grad_()
    functional.cross_entropy(x, torch.tensor([0, 0]), reduction="sum").backward()
    true = x.detach().double().softmax(1)
    true[:, 0] = -true[:, 1:].sum(1)
    torch.testing.assert_close(x.grad.double(), true, rtol=2**-7, atol=0)


TWICE = ("bce weighted", "weibull gaussian", "cross entropy", "focal soft")


@pytest.mark.filterwarnings("ignore:kl_div. 'mean':UserWarning")
@pytest.mark.parametrize("name", [n for n in LOSSES if n not in COMPOSED])  # those with kernels
class TestSemantics:
    """What every loss owes its caller, from the tests that the CPU's kernels pass."""

    def test_first_and_second_derivatives(self, name) -> None:
        """Second derivatives are no kernels: of each kind of problem one loss takes them."""
        call, x = LOSSES[name][0], test_semantics.inputs(name)

        def loss(x):
            return call(x, reduction="none" if len(name) % 2 else "mean")

        thorough = name in TWICE
        assert torch.autograd.gradcheck(loss, (x,), check_batched_grad=thorough, fast_mode=True)
        if thorough:
            assert torch.autograd.gradgradcheck(loss, (x,), fast_mode=True)

    def test_upstream_gradients_are_honoured(self, name) -> None:
        reduction = cases.REDUCTIONS[len(name) % 3]
        test_semantics.test_upstream_gradients_are_honoured(name, reduction)

    def test_a_second_backward_gives_the_same_gradient(self, name) -> None:
        test_semantics.test_a_second_backward_gives_the_same_gradient(name)

    def test_inputs_are_left_alone(self, name) -> None:
        test_semantics.test_inputs_are_left_alone(name)

    def test_strides_do_not_matter(self, name) -> None:
        test_semantics.test_strides_do_not_matter(name)

    def test_nothing_waits_for_the_device(self, name) -> None:
        call, x = LOSSES[name][0], test_semantics.inputs(name)
        for reduction in ("none", "mean"):
            loss = call(x, reduction=reduction)
            with fake_gpu.SyncRecorder() as seen:
                call(x, reduction=reduction)
                torch.autograd.grad(loss, x, 2 * torch.ones_like(loss))
            assert seen.waits == []


def test_strided_and_repeated_elements() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(6, 80).t(), torch.rand(80, 6).round()
    weight = torch.rand(6).expand(80, 6)
    for tensors in ((x, y, weight), (x.contiguous(), y, weight), (x[::2], y[::2], weight[::2])):
        x, y, weight = tensors
        problem = ElementwiseProblem(
            REGISTRY["weighted_bernoulli"], (x,), y, (weight,), weight=weight
        )
        got = test_engine.loss_and_gradients(problem)
        flat = problem.each(lambda t: t.contiguous())
        expected = test_engine.loss_and_gradients(flat)
        assert_same(got, expected, torch.float32)


def test_many_elements_are_treated_in_several_blocks(monkeypatch) -> None:
    from neglog.engine.gpu import elementwise

    monkeypatch.setattr(elementwise, "MANY", 5000)
    monkeypatch.setattr(elementwise, "RUNS", 3)
    problem = cases.elementwise(REGISTRY["poisson"], (9001,), torch.float32)
    got = test_engine.loss_and_gradients(problem)
    assert_same(got, test_engine.by_reference(monkeypatch, problem), torch.float32)


def test_a_loss_scale_is_not_rounded_to_half_precision() -> None:
    """At an upstream of 65536 a gradient must not be the rounded one times that."""
    torch.manual_seed(0)
    x, y = torch.randn(4000, dtype=torch.float16).requires_grad_(), torch.rand(4000).round().half()
    loss = functional.binary_cross_entropy_with_logits(x, y)
    (got,) = torch.autograd.grad(loss, x, torch.tensor(32768.0, dtype=torch.float16))
    true = (x.detach().double().sigmoid() - y) * 32768 / 4000
    torch.testing.assert_close(got.double(), true, rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("reduction", cases.REDUCTIONS)
def test_the_operators_that_a_compiler_sees(reduction) -> None:
    problem = cases.elementwise(REGISTRY["bernoulli"], (15,), torch.float32)
    x = problem.inputs[0].requires_grad_()
    rest = ([], problem.y, [], [], None, False, 1.0, reduction)
    got = ops.elementwise("bernoulli", [x], *rest[1:], [True, False])
    (slope,) = torch.autograd.grad(got[0].sum(), x)
    loss = engine.loss(problem._replace(reduction=reduction))
    torch.testing.assert_close(got[0], loss.detach())
    torch.testing.assert_close(slope, torch.autograd.grad(loss.sum(), x)[0])
    logits, labels = torch.randn(5, 4, requires_grad=True), torch.tensor([0, 1, 2, 3, -100])
    facts = (None, None, -100, 0.0, [], reduction, [True])
    found = ops.rows("categorical", logits, labels, *facts)
    (slope,) = torch.autograd.grad(found[0].sum(), logits)
    loss = functional.cross_entropy(logits, labels, reduction=reduction)
    torch.testing.assert_close(found[0], loss.detach())
    torch.testing.assert_close(slope, torch.autograd.grad(loss.sum(), logits)[0])
