"""`torch.func` and dual numbers over the kernels: torch's derivatives of the formula itself."""

from __future__ import annotations

import cases
import pytest
import torch
from torch.autograd import forward_ad
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap

from neglog import engine
from neglog import functional as F
from neglog.engine import (
    ElementwiseProblem,
    RowwiseProblem,
    autograd,
    derivatives,
    inspection,
    reference,
)
from neglog.support import unit_interval

CLASSES = 4
KINDS = ["labels", "ignored", "weighted", "smoothed", "probabilities", "shared"]


def elementwise(likelihood):
    """Return a loss and its formula as functions of the first input, and where to take them."""
    problem = cases.elementwise(likelihood, (2, 3), torch.float64)
    if likelihood.name == "censored_normal":  # far out, torch's derivative of log Φ loses digits
        y = problem.y.clamp(-3, 3)
        problem = problem._replace(y=y, given=(problem.given[0], y + 1))
        mean, scale = problem.inputs
        problem = problem._replace(inputs=(mean.clamp(-3, 3), scale.clamp(min=1)))
    facts = derivatives.Facts(likelihood, problem.settings)
    x, *others = problem.inputs
    if likelihood.domains[0] is unit_interval:
        x = 0.1 + 0.8 * x  # at its ends the loss has a floor

    def loss(x):
        others_ = [t if t.shape == x.shape else t[:1].expand_as(x) for t in others]
        y, given = problem.y, problem.given
        if x.shape != y.shape:
            y, given = y[:1].expand_as(x), [g[:1].expand_as(x) for g in given]
        return engine.loss(
            ElementwiseProblem(
                likelihood, (x, *others_), y, tuple(given), problem.settings, factor=2.0
            )
        )

    def formula(x):
        tensors = [
            t if t.shape == x.shape else t[:1].expand_as(x)
            for t in (*others, *problem.given, problem.y)
        ]
        return 2.0 * facts.evaluate("nll", (x, *tensors))[0].mean()

    return loss, formula, x


def rows(likelihood, kind):
    """Return the same of a loss over rows."""
    x, y = cases.rows(likelihood, 3, CLASSES, torch.float64)
    options = {"settings": cases.settings(likelihood)}
    settings = [torch.tensor(s, dtype=x.dtype) for s in options["settings"]]
    if kind == "ignored":
        y[1] = -7
        options["ignored"] = -7
    if kind == "weighted":
        options["weight"] = torch.rand(CLASSES, dtype=x.dtype) + 0.5
    if kind == "smoothed":
        options["smoothing"] = 0.25
    if kind == "shared":
        options["sample_weight"] = torch.tensor([0.5, 0.0, 2.0], dtype=x.dtype)
    if kind == "probabilities":
        y = torch.rand(3, CLASSES, dtype=x.dtype).softmax(1)

    def loss(x):
        return engine.loss(RowwiseProblem(likelihood, x, y, **options))

    def formula(x):
        log_p = x.log_softmax(1) if likelihood.softmax else x
        keep = (y != -7).to(x.dtype) if y.dim() == 1 else x.new_ones(3)
        target = torch.eye(CLASSES, dtype=x.dtype)[y * (y != -7)] if y.dim() == 1 else y
        smoothing = options.get("smoothing", 0.0)
        target = (1 - smoothing) * target + smoothing / CLASSES
        weights = options.get("weight", x.new_ones(CLASSES))
        sample_weight = options.get("sample_weight", x.new_ones(3)) * keep
        count = sample_weight * weights[y * (y != -7)] if y.dim() == 1 else sample_weight
        terms = likelihood.nll(log_p, *settings, target)
        return (sample_weight[:, None] * weights * terms).sum() / count.sum()

    return loss, formula, x


SUBJECTS = {c.name: (elementwise, c) for c in cases.ELEMENTWISE} | {
    f"{c.name} {kind}": (rows, c, kind)
    for c in cases.ROWS
    for kind in KINDS
    if c.softmax or kind not in ("smoothed", "probabilities")
}
subjects = pytest.mark.parametrize("name", SUBJECTS)


def subject(name):
    make, *facts = SUBJECTS[name]
    return make(*facts)


def third(f, x):
    return grad(lambda a: grad(lambda b: grad(f)(b).sin().sum())(a).cos().sum())(x)


def pushed(f, x):
    return jvp(f, (x,), (x.cos(),))


def by_leaf(f, x):
    """Return the derivative by a leaf below the transforms."""
    leaf = x.clone().requires_grad_()
    slopes = vmap(grad(f))(torch.stack([leaf, leaf * 0.5]))
    value = slopes.sin().sum() + (leaf**3).sum()
    return torch.autograd.grad(value, leaf)[0]


def penalty(f, x):
    """Return the derivative of a gradient penalty, the gradient taken inside a transform."""
    leaf = lambda a: a * 1.0  # noqa: E731

    def length(a):
        a = leaf(a)
        return torch.autograd.grad(f(a), a, create_graph=True)[0].sin().sum() + (a**3).sum()

    return grad(length)(x)


def of_batch(f, x):
    batch = torch.stack([x, 0.5 * x])
    return grad(lambda b: (vmap(f)(b) ** 2).sum() + vmap(grad(f))(b).sin().sum())(batch)


def dual(f, x):
    with forward_ad.dual_level():
        return tuple(forward_ad.unpack_dual(f(forward_ad.make_dual(x, x.cos()))))


# Each with what torch is asked for instead: reverse mode alone, which it knows for every operation.
TRANSFORMS = {
    "grad": (lambda f, x: grad(f)(x), None),
    "jvp": (pushed, lambda f, x: (f(x), (grad(f)(x) * x.cos()).sum())),
    "dual": (dual, lambda f, x: (f(x), (grad(f)(x) * x.cos()).sum())),
    "vmap": (lambda f, x: vmap(f)(torch.stack([x, 0.5 * x])), None),
    "vmap of a column": (lambda f, x: vmap(f, 1)(torch.stack([x, 0.5 * x], 1)), None),
    "vmap of grad": (lambda f, x: vmap(grad(f))(torch.stack([x, 0.5 * x])), None),
    "vmap twice": (
        lambda f, x: vmap(lambda s: vmap(lambda a: f(s * a))(torch.stack([x, 0.5 * x])))(
            torch.tensor([0.75, 0.5], dtype=x.dtype)
        ),
        None,
    ),
    "hessian": (lambda f, x: hessian(f)(x), lambda f, x: jacrev(jacrev(f))(x)),
    "reverse over reverse": (lambda f, x: jacrev(jacrev(f))(x), None),
    "reverse over forward": (
        lambda f, x: jacrev(jacfwd(f))(x), lambda f, x: jacrev(jacrev(f))(x),
    ),
    "forward over forward": (
        lambda f, x: jacfwd(jacfwd(f))(x), lambda f, x: jacrev(jacrev(f))(x),
    ),
    "third": (third, None),
    "by a leaf below": (by_leaf, None),
    "gradient penalty": (penalty, None),
    "grad of a batch": (of_batch, None),
}  # fmt: skip


def refuse(*_):
    raise AssertionError("the formula was differentiated and not the kernel's slopes")


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # vmap of torch's log_ndtr
@subjects
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_derivatives_are_those_of_the_formula(name, transform, monkeypatch) -> None:
    loss, formula, x = subject(name)
    ours, theirs = TRANSFORMS[transform]
    expected = (theirs or ours)(lambda a: formula(a) + 0.0 * a.sum() ** 3, x)
    monkeypatch.setattr(reference, "loss", refuse)
    torch.testing.assert_close(ours(loss, x), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_without_the_names_the_formula_is_differentiated(transform, monkeypatch) -> None:
    monkeypatch.setattr(inspection, "KNOWS_LEVELS", False)
    monkeypatch.setattr(autograd.Task, "run", refuse)
    loss, formula, x = subject("bernoulli")
    ours, theirs = TRANSFORMS[transform]
    expected = (theirs or ours)(formula, x)
    torch.testing.assert_close(ours(loss, x), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_log_softmax_has_the_derivatives_of_torch(transform, monkeypatch) -> None:
    x = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours, theirs = TRANSFORMS[transform]
    expected = (theirs or ours)(lambda a: torch.log_softmax(a, 1).sin().sum(), x)
    monkeypatch.setattr(reference, "log_softmax", refuse)
    torch.testing.assert_close(ours(lambda a: F.log_softmax(a, 1).sin().sum(), x), expected)


@pytest.mark.parametrize("top", [0.0, 40.0])
@pytest.mark.parametrize("name", ["cross_entropy", "log_softmax"])
def test_many_classes_spread_or_not(name, top) -> None:
    torch.manual_seed(0)
    x, labels = torch.randn(3, 40, dtype=torch.float64), torch.tensor([0, 1, 2])
    x[1, 5] += top

    def of(library):
        if name == "cross_entropy":
            return lambda x: library.cross_entropy(x, labels)
        return lambda x: library.log_softmax(x, 1).sin().sum()

    ours, theirs = of(F), of(torch.nn.functional)
    for transform in ("grad", "jvp", "hessian"):
        both, reverse = TRANSFORMS[transform]
        expected = (reverse or both)(theirs, x)
        torch.testing.assert_close(both(ours, x), expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("places", [(0, None), (None, 0), (1, 0), (0, -1)], ids=str)
@pytest.mark.parametrize("by", ["labels", "probabilities", "elements"])
def test_a_batch_in_any_place_and_of_any_argument(by, places) -> None:
    torch.manual_seed(0)
    loss = F.binary_cross_entropy_with_logits if by == "elements" else F.cross_entropy
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    y = torch.randint(3, (2, 5)) if by == "labels" else torch.rand_like(x).softmax(2)

    def placed(tensor, place):
        return tensor[0] if place is None else tensor.movedim(0, place)

    arguments = [placed(t, place) for t, place in zip((x, y), places, strict=True)]
    got = vmap(grad(loss), places)(*arguments)
    rows = [(x[i * (places[0] is not None)], y[i * (places[1] is not None)]) for i in range(2)]
    torch.testing.assert_close(got, torch.stack([grad(loss)(*row) for row in rows]))


@pytest.mark.parametrize("by", ["labels", "probabilities"])
def test_images_have_the_derivatives_of_torch(by) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 2, 4, dtype=torch.float64)
    y = torch.randint(3, (2, 2, 4)) if by == "labels" else torch.rand_like(x).softmax(1)
    y[0, 0] = -100 if by == "labels" else y[0, 0]
    both = (0,) if by == "labels" else (0, 1)
    names = {"weight": torch.rand(3, dtype=x.dtype), "label_smoothing": 0.125}
    ours, theirs = (
        lambda x, y, f=f: f(x, y, **names)
        for f in (F.cross_entropy, torch.nn.functional.cross_entropy)
    )
    tangents = tuple(t.cos() for t in (x, y)[: len(both)])

    def derivatives(loss):
        along = loss if len(both) == 2 else lambda x: loss(x, y)
        each = vmap(grad(lambda x, y: loss(x[None], y[None]), both))
        return (
            jvp(along, (x, y)[: len(both)], tangents),
            grad(loss, both)(x, y),
            each(x, y),
            jacrev(grad(loss, both), both)(x, y),
        )

    torch.testing.assert_close(derivatives(ours), derivatives(theirs))
    leaves = [t.clone().requires_grad_() for t in (x, y)[: len(both)]]
    slopes = [
        torch.autograd.grad(loss(*leaves, *(() if len(both) == 2 else (y,))), leaves)
        for loss in (ours, theirs)
    ]
    torch.testing.assert_close(*slopes)


def test_each_of_a_batch_has_its_own_mean() -> None:
    x = torch.randn(3, 4, 5, dtype=torch.float64)
    y = torch.tensor([[0, 1, 2, 3], [-100, 1, -100, 4], [-100] * 4])
    weight = torch.rand(5, dtype=torch.float64)
    slopes, losses = vmap(torch.func.grad_and_value(lambda x, y: F.cross_entropy(x, y, weight)))(
        x, y
    )
    for i in range(3):
        leaf = x[i].clone().requires_grad_()
        loss = F.cross_entropy(leaf, y[i], weight)
        torch.testing.assert_close(losses[i], loss.detach(), equal_nan=True)
        torch.testing.assert_close(slopes[i], torch.autograd.grad(loss, leaf)[0])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_once(dtype) -> None:
    x, y = torch.randn(8, 5).to(dtype), torch.randint(5, (8,))
    exact = grad(lambda x: 0.3 * F.cross_entropy(x, y))(x.double())
    got = grad(lambda x: 0.3 * F.cross_entropy(x, y).float())(x)
    assert got.dtype == dtype
    torch.testing.assert_close(got.double(), exact, rtol=torch.finfo(dtype).eps, atol=1e-7)


def test_a_weight_with_a_tangent_uses_the_formula() -> None:
    x, y, w = torch.randn(4, 3), torch.randn(4, 3), torch.rand(4, 3)
    slope = grad(lambda w: F.huber_loss(x, y, weight=w))(w)
    torch.testing.assert_close(slope, F.huber_loss(x, y, reduction="none") / 12)
    labels = torch.tensor([0, 1, 2, 1])
    slope = grad(lambda s: F.cross_entropy(x, labels, sample_weight=s, reduction="sum"))(w[:, 0])
    torch.testing.assert_close(slope, F.cross_entropy(x, labels, reduction="none"))


def test_recorded_dual_tensors_use_the_formula() -> None:
    x, y = torch.randn(4, 3, requires_grad=True), torch.rand(4, 3)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, torch.ones_like(x))
        loss = F.binary_cross_entropy_with_logits(dual, y)
        (slope,) = torch.autograd.grad(loss, dual)
        change = forward_ad.unpack_dual(slope).tangent
    p = x.detach().sigmoid()
    torch.testing.assert_close(change, p * (1 - p) / 12)
