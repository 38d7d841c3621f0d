"""Mistakes around a loss, and mistakes out of scope."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as T

import neglog
from neglog import functional as F
from pitfalls.row import CHECK, OPTION, OUTSIDE, PASS, RAISED, Row, finds, quietly, refuses, slope


def absent(*words: str) -> None:
    """Assert that neglog has no such loss, so that its row cannot outlive its coming."""
    names = [*dir(neglog), *F.__all__]
    assert not [name for name in names for word in words if word in name.lower()]


def called_like_a_function() -> None:
    x, y = torch.zeros(4, 3), torch.zeros(4, 3)
    for name in dir(torch.nn):
        criterion = getattr(neglog, name, None)
        if not name.endswith("Loss") or criterion is None:
            continue
        if criterion is neglog.AdaptiveLogSoftmaxWithLoss:  # a layer, made of sizes
            continue
        keyword_only = (neglog.GaussianNLLLoss, neglog.TripletMarginWithDistanceLoss)
        if criterion in keyword_only:  # all their options, as torch's
            with pytest.raises(TypeError, match="positional argument"):
                criterion(x, y)
            continue
        refuses("make the criterion first, then call it", lambda c=criterion: c(x, y))


def focal() -> None:
    x, y = torch.tensor([[-200.0, 0.0]], requires_grad=True), torch.tensor([1])
    loss = neglog.FocalLoss(gamma=0.5)(x, y)  # by hand, the power of 1 − p = 0 has no derivative
    loss.backward()
    assert loss == 0
    assert (x.grad == 0).all()


def noisy_labels() -> None:
    x, wrong = torch.tensor([[-200.0, 0.0]]), torch.tensor([0])
    assert neglog.GeneralizedCrossEntropyLoss(q=0.5)(x, wrong) == 2  # 1 / q


def label_shift() -> None:
    torch.manual_seed(0)
    tokens = torch.randint(0, 11, (4, 40))
    following = 8.0 * T.one_hot(tokens.roll(-1, 1), 11).float()  # a model that knows what comes
    same = torch.randint(0, 30, (16, 12))
    finds("unshifted-labels", Echo(), neglog.CrossEntropyLoss(), [(same, same)])
    finds("label-shift", neglog.CrossEntropyLoss(), following.movedim(-1, 1), tokens)


class Echo(nn.Module):
    """A language model of one layer, whose labels are its own input."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Embedding(30, 8), nn.Linear(8, 30))

    def forward(self, tokens):
        return self.layers(tokens).movedim(-1, 1)


def no_gradient() -> None:
    model, y = nn.Linear(3, 1), torch.randn(8, 1)
    x = torch.randn(8, 3)

    class Rounding(nn.Module):
        def forward(self, x):
            return model(x).round()

    class Detached(nn.Module):
        def forward(self, x):
            return model(x).detach()

    rounding, detached = Rounding(), Detached()
    rounding.layer = detached.layer = model
    finds("zero-gradient", rounding, neglog.MSELoss(), [(x, y)])
    finds("no-gradient-path", detached, neglog.MSELoss(), [(x, y)])


def compiled() -> None:
    torch.compiler.reset()
    traced = torch.compile(T.binary_cross_entropy, backend="aot_eager_decomp_partition")
    assert quietly(lambda: traced(torch.tensor([-3.0]), torch.tensor([0.5]))).isnan()
    assert quietly(lambda: traced(torch.tensor([1.0]), torch.tensor([1.5]))) == -50
    loss = torch.compile(F.binary_cross_entropy, backend="aot_eager", fullgraph=True)
    refuses("the first 3.2 at index 1", lambda: loss(torch.tensor([0.5, 3.2]), torch.ones(2)))
    refuses("the first 1.5 at index 0", lambda: loss(torch.ones(1), torch.tensor([1.5])))
    smooth = torch.compile(F.smooth_l1_loss, backend="aot_eager")
    with pytest.raises(Exception, match="beta must be 0 or more"):  # wrapped by the compiler
        smooth(torch.ones(2), torch.ones(2), beta=-1.0)


def root_of_a_mean() -> None:
    exact = torch.ones(3)
    assert slope(lambda x: F.mse_loss(x, torch.ones(3)).sqrt(), exact).isnan().all()
    assert (slope(lambda x: F.mse_loss(x, torch.ones(3)), exact) == 0).all()
    finds("non-finite-gradient", lambda x, y: F.mse_loss(x, y).sqrt(), exact, torch.ones(3))


def large_vocabulary() -> None:
    x, layer, labels = torch.zeros(2, 4), torch.zeros(70_001, 4), torch.tensor([0, 70_000])
    loss = F.linear_cross_entropy(x, layer, labels, memory="1MiB")
    assert loss.item() == pytest.approx(math.log(70_001))


def determinism() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(3, 5, 40, 40), torch.randint(0, 5, (3, 40, 40))
    first = slope(lambda x: F.cross_entropy(x, y), x)
    for threads in (1, 2):
        torch.set_num_threads(threads)
        assert torch.equal(slope(lambda x: F.cross_entropy(x, y), x), first)


def running_total() -> None:
    x = torch.ones(2, requires_grad=True)
    total, count = neglog.MSELoss().sum_and_count(x, torch.zeros(2))
    assert total.grad_fn is not None
    assert count.grad_fn is None


def alignments() -> None:
    log_probs, labels = torch.zeros(4, 1, 3).log_softmax(-1), torch.tensor([[1, 1, 1]])
    refuses("requires 5 frames", lambda: F.ctc_loss(log_probs, labels, (4,), (3,)))
    refuses(
        "the first 100000 at index", lambda: F.ctc_loss(log_probs, labels * 100_000, (4,), (1,))
    )
    refuses("the first 0 at index", lambda: F.ctc_loss(log_probs, labels * 0, (4,), (1,)))
    refuses("must lie in [0, 4]", lambda: F.ctc_loss(log_probs, labels, (5,), (1,)))
    refuses("look like logits", lambda: F.ctc_loss(log_probs + 4, labels, (4,), (1,)))
    zero = F.ctc_loss(log_probs, labels, (4,), (3,), zero_infinity=True)
    assert zero == 0


ROWS = [
    Row(
        28, "`CTCLoss`: labels, lengths, infeasible targets",
        "reads out of bounds, up to a crash; infeasible targets give `inf` and NaN",
        "names the first label, length or target that does not fit; `zero_infinity` accepts them",
        PASS, alignments, 174602,
    ),
    Row(
        30, "a large vocabulary: logits in memory",
        "the logits are the largest thing in memory",
        "`linear_cross_entropy`: computes them in chunks of `memory` bytes",
        OPTION, large_vocabulary, 124480,
    ),
    Row(
        32, "RMSE as the root of `MSELoss`",
        "a gradient of NaN at an exact fit",
        "`non-finite-gradient`; `MSELoss` has the same minimum, and a gradient of 0 there",
        CHECK, root_of_a_mean, 2421,
    ),
    Row(
        33, "a class called like a function",
        "`Boolean value of Tensor with more than one value is ambiguous`",
        "says to create the criterion first",
        RAISED, called_like_a_function,
    ),
    Row(
        34, "labels of a language model shifted twice, or not at all",
        "silent: trains to repeat, or to skip a token",
        "`label-shift` compares the loss one step off, `unshifted-labels` the tokens",
        CHECK, label_shift,
    ),
    Row(
        35, "focal loss written by hand", "not in torch",
        "`FocalLoss` and `SigmoidFocalLoss`, with their exact gradients",
        OPTION, focal, 146034,
    ),
    Row(
        36, "Dice loss on logits, in half precision, of empty masks", "not in torch",
        "an overlap of sets is not a likelihood",
        OUTSIDE, lambda: absent("dice", "jaccard", "tversky"), 1249,
    ),
    Row(
        37, "`argmax`, `round` or `detach` before the loss; a frozen model",
        "an error about `grad_fn`, or a gradient that is silently 0",
        "`no-gradient-path`, `zero-gradient`, `frozen-model`",
        CHECK, no_gradient,
    ),
    Row(
        39, "sums that differ from run to run",
        "on CUDA cross-entropy of images is not reproducible",
        "the bits are the same for any number of threads; GPU kernels also add in a fixed order, "
        "without atomics (not yet tested on hardware)",
        OUTSIDE, determinism, 17350,
    ),
    Row(
        40, "`torch.compile` drops the checks",
        "probabilities out of range give NaN, a target of 1.5 gives −50",
        "the compiled operator runs the same kernel, which raises",
        PASS, compiled, 193757,
    ),
    Row(
        41, "noisy labels", "nothing",
        "`GeneralizedCrossEntropyLoss` bounds a row's loss; `neglog fit` lists the highest ones",
        OPTION, noisy_labels,
    ),
    Row(
        42, "`total += loss` keeps every graph",
        "memory grows with every batch",
        "the training loop's task: add up `loss.detach()`; `sum_and_count`'s count has no graph",
        OUTSIDE, running_total,
    ),
]  # fmt: skip
