"""Derivatives of a linear layer's loss: as torch has them, of both modes, and compiled."""

from __future__ import annotations

import linear
import pytest
import torch
from linear import close, layer

from neglog import errors
from neglog import functional as F

ROWS, CLASSES = 5, 4  # few: a numerical derivative takes a call for each number
PIECES = 64  # bytes: two rows of float64 at most, the last one alone
HEADS = {
    "labels": {},
    "pieces": {"memory": PIECES},
    "smoothing": {"label_smoothing": 0.1, "memory": PIECES},
    "softcap": {"softcap": 2.0},
    "temperature": {"temperature": 0.5, "memory": PIECES},
    "z_loss": {"z_loss": 0.1, "reduction": "sum"},
    "rows": {"reduction": "none", "memory": PIECES},
    "ignored": {"ignore_index": 1, "weight": torch.rand(CLASSES, dtype=torch.float64)},
}


@pytest.mark.slow
@pytest.mark.parametrize("options", HEADS.values(), ids=HEADS)
def test_derivatives_of_both_modes_and_orders(options) -> None:
    tensors, label = layer(ROWS, CLASSES)

    def loss(x, w, b):
        return F.linear_cross_entropy(x, w, label, linear_bias=b, **options)

    how = {"check_forward_ad": True, "check_batched_grad": True}
    assert torch.autograd.gradcheck(loss, tensors, **how)
    assert torch.autograd.gradgradcheck(loss, tensors, check_fwd_over_rev=True)


@pytest.mark.parametrize("transform", ["grad", "jvp", "vmap", "vmap of grad", "hessian", "jacrev"])
def test_transforms_of_functions(transform) -> None:
    tensors, label = layer()
    x, w, b = (t.detach() for t in tensors)

    def ours(w):
        return F.linear_cross_entropy(x, w, label, linear_bias=b, memory=200)

    def plain(w):
        return linear.cross_entropy(x, w, label, b)

    several = torch.stack([w, 2 * w])
    call = {
        "grad": lambda f: torch.func.grad(f)(w),
        "jvp": lambda f: torch.func.jvp(f, (w,), (torch.ones_like(w),))[1],
        "vmap": lambda f: torch.func.vmap(f)(several),
        "vmap of grad": lambda f: torch.func.vmap(torch.func.grad(f))(several),
        "hessian": lambda f: torch.func.hessian(f)(w),
        "jacrev": lambda f: torch.func.jacrev(torch.func.grad(f))(w),
    }[transform]
    close(call(ours), call(plain), torch.float64)


def test_a_third_derivative_is_refused() -> None:
    (x, w, _b), label = layer()
    loss = F.linear_cross_entropy(x, w, label)
    (first,) = torch.autograd.grad(loss, w, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), w, create_graph=True)
    with pytest.raises(errors.DerivativeError, match="can be differentiated twice"):
        second.sum().backward()


@pytest.mark.parametrize("options", HEADS.values(), ids=HEADS)
def test_a_second_backward_gives_the_same_and_nothing_is_mutated(options) -> None:
    tensors, label = layer(ROWS, CLASSES, torch.float32)
    options = {name: v.float() if torch.is_tensor(v) else v for name, v in options.items()}
    before = [t.detach().clone() for t in tensors]
    x, w, b = tensors
    loss = F.linear_cross_entropy(x, w, label, linear_bias=b, **options).sum()
    first = torch.autograd.grad(3 * loss, tensors, retain_graph=True)
    kept = [g.clone() for g in first]
    second = torch.autograd.grad(3 * loss, tensors)
    for a, same, again in zip(first, kept, second, strict=True):
        assert torch.equal(a, same)
        assert torch.equal(a, again)
    assert all(torch.equal(t, old) for t, old in zip(tensors, before, strict=True))


def test_checkpoints_and_autocast() -> None:
    (x, w, b), label = layer(dtype=torch.float32)

    def loss(x):
        return F.linear_cross_entropy(x, w, label, linear_bias=b)

    checkpointed = torch.utils.checkpoint.checkpoint(loss, x, use_reentrant=False)
    assert torch.equal(checkpointed, loss(x))
    slopes = (torch.autograd.grad(f, (x, w, b)) for f in (checkpointed, loss(x)))
    assert all(map(torch.equal, *slopes))
    with torch.autocast("cpu", torch.bfloat16):
        coarse = loss(x)
    assert coarse.dtype == torch.float32
    close(coarse, loss(x), torch.bfloat16)
    assert [g.dtype for g in torch.autograd.grad(coarse, (x, w, b))] == [torch.float32] * 3


@pytest.mark.parametrize(
    "options", [{}, {"reduction": "none"}, {"softcap": 2.0, "memory": "1KiB"}], ids=str
)
def test_compiled_whole(options) -> None:
    tensors, label = layer(dtype=torch.float32)

    def loss(x, w, b):
        return F.linear_cross_entropy(x, w, label, linear_bias=b, **options)

    torch._dynamo.reset()
    found, wanted = (
        torch.compile(loss, fullgraph=True, backend="aot_eager")(*tensors),
        loss(*tensors),
    )
    assert torch.equal(found, wanted)
    above = torch.randn_like(wanted)
    slopes = (torch.autograd.grad(f, tensors, above) for f in (found, wanted))
    assert all(map(torch.equal, *slopes))
