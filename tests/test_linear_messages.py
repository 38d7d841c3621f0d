"""What is said of a linear layer's arguments that do not fit."""

from __future__ import annotations

import pytest
import torch

import neglog
from neglog import errors
from neglog import functional as F

X, W, B = torch.zeros(4, 3), torch.zeros(5, 3), torch.zeros(5)
LABELS = torch.tensor([0, 1, 2, 0])
CE, BCE = F.linear_cross_entropy, F.linear_binary_cross_entropy_with_logits

MESSAGES = [
    (
        lambda: CE(X, W.t(), LABELS),
        errors.ShapeError,
        "for linear_weight (3, 5) the input must be (…, 5), but it is (4, 3); "
        "the weight looks transposed: use linear_weight.t().",
    ),
    (
        lambda: CE(X, B, LABELS),
        errors.ShapeError,
        "linear_weight must be (classes, …, features), as torch.nn.Linear has it, but it is (5,).",
    ),
    (
        lambda: CE(torch.zeros(2, 2, 3), torch.zeros(5, 2, 3), LABELS),
        errors.ShapeError,
        "a linear_weight of more than two dimensions needs an input (N, features)",
    ),
    (
        lambda: CE(X, W, LABELS, linear_bias=torch.zeros(4)),
        errors.ShapeError,
        "linear_bias must be (5,), but it is (4,).",
    ),
    (
        lambda: CE(X, W.double(), LABELS),
        errors.DtypeError,
        "input and linear_weight must have the same dtype, but input is torch.float32 and "
        "linear_weight is torch.float64; use linear_weight.to(input.dtype).",
    ),
    (
        lambda: CE(LABELS, W, LABELS),
        errors.DtypeError,
        "input must be floating, but it is torch.int64; the prediction comes first, the target "
        "second.",
    ),
    (
        lambda: CE(X, W[:1], LABELS),
        errors.ShapeError,
        "linear_weight must have two classes or more, but it has 1; with one class the loss is "
        "always 0; for a binary head use linear_binary_cross_entropy_with_logits.",
    ),
    (
        lambda: CE(X, W, LABELS[:3]),
        errors.ShapeError,
        "labels must be (4,), but target is (3,).",
    ),
    (
        lambda: CE(X, W, LABELS[:, None]),
        errors.ShapeError,
        "labels must be (4,), but target is (4, 1); use target.reshape((4,)).",
    ),
    (
        lambda: CE(X, W, torch.zeros(4, 5).long()),
        errors.ShapeError,
        "labels must be (4,), but target is (4, 5); this looks one-hot; pass target.argmax(-1).",
    ),
    (
        lambda: CE(X, W, LABELS.float()),
        errors.DtypeError,
        "the target must be integer labels (4,), or probabilities (4, 5), but it is torch.float32 "
        "of shape (4,).",
    ),
    (
        lambda: CE(X, W, torch.tensor([0, 1, 7, 0])),
        errors.SupportError,
        "labels must lie in [0, 4] for 5 classes, but target has 1 of 4 values outside "
        "(smallest 0, largest 7), the first 7 at index 2.",
    ),
    (
        lambda: CE(X, W, (LABELS, LABELS)),
        errors.DtypeError,
        "a target of two tensors must be probabilities (…, k) and the classes' indices, but they "
        "are torch.int64 and torch.int64.",
    ),
    (
        lambda: CE(X, W, (torch.zeros(4, 2), torch.zeros(4, 3).long())),
        errors.ShapeError,
        "probabilities and indices must both be (4, k), but they are (4, 2) and (4, 3).",
    ),
    (
        lambda: CE(X, W, (torch.ones(4, 2), torch.full((4, 2), 9))),
        errors.SupportError,
        "indices must lie below 5, but 8 do not, the first 9 at index (0, 0).",
    ),
    (
        lambda: CE(X, W, LABELS, memory="plenty"),
        errors.ArgumentError,
        "memory must be bytes, such as 2**28 or '256MiB', but it is 'plenty'.",
    ),
    (
        lambda: CE(X, W, LABELS, memory=1.5),
        errors.ArgumentError,
        "memory must be bytes, such as 2**28 or '256MiB', but it is 1.5.",
    ),
    (
        lambda: CE(X, W, LABELS, memory="1.5"),
        errors.ArgumentError,
        "memory must be bytes, such as 2**28 or '256MiB', but it is '1.5'.",
    ),
    (
        lambda: CE(X, W, LABELS, temperature=0.0),
        errors.ArgumentError,
        "temperature must be above 0, but it is 0.0.",
    ),
    (
        lambda: CE(X, W, LABELS, softcap=-1.0),
        errors.ArgumentError,
        "softcap must be above 0, but it is -1.0.",
    ),
    (
        lambda: CE(X, W, LABELS, z_loss=-1.0),
        errors.ArgumentError,
        "z_loss must be 0 or more, but it is -1.0.",
    ),
    (
        lambda: F.linear_statistics(X, W, LABELS, outputs=("nll", "loss")),
        errors.ArgumentError,
        f"outputs must be different ones of {F.LinearStatistics._fields}, but they are "
        "('nll', 'loss').",
    ),
    (
        lambda: F.linear_statistics(X, W, outputs=("nll", "rank", "entropy")),
        errors.ArgumentError,
        "'nll' and 'rank' must have a target, but there is none; pass target=, or outputs= "
        "without them.",
    ),
    (
        lambda: F.linear_statistics(X, W, outputs=("kl",)),
        errors.ArgumentError,
        "'kl' must have a teacher, but there is none; pass teacher=, or outputs= without them.",
    ),
    (
        lambda: F.linear_statistics(X, W, outputs=("kl",), teacher=X),
        errors.ArgumentError,
        "teacher must be a tuple of input, weight and optionally bias, but it is Tensor.",
    ),
    (
        lambda: F.linear_statistics(X, W, outputs=("kl",), teacher=(X[:2], W)),
        errors.ShapeError,
        "the teacher must have input (4, features) and 5 classes, but its input is (2, 3) and its "
        "weight (5, 3).",
    ),
    (
        lambda: F.linear_statistics(X, W, torch.zeros(4, 5)),
        errors.DtypeError,
        "target must be labels here, which are integers, but it is torch.float32.",
    ),
    (
        lambda: F.selected_logprobs(X, W, LABELS.float()),
        errors.DtypeError,
        "index must be labels here, which are integers, but it is torch.float32.",
    ),
    (
        lambda: CE(X, torch.zeros(5, 2, 3), (torch.ones(4, 2), torch.zeros(4, 2).long())),
        errors.ShapeError,
        "linear_weight must be (classes, features) here, but it is (5, 2, 3).",
    ),
    (
        lambda: CE(X, W, (torch.full((4, 2), 1.5), torch.zeros(4, 2).long())),
        errors.SupportError,
        "target must hold a number from 0 to 1 everywhere, but 8 of 8 values are not",
    ),
    (
        lambda: CE(X, W, (torch.ones(4, 2), torch.ones(4, 2).bool())),
        errors.DtypeError,
        "but they are torch.float32 and torch.bool.",
    ),
    (
        lambda: CE(X, W, LABELS, loss_dtype=torch.int64),
        errors.ArgumentError,
        "loss_dtype must be a floating torch.dtype, but it is torch.int64.",
    ),
    (
        lambda: BCE(X, W, torch.ones(4, 5).long()),
        errors.DtypeError,
        "integers must be the indices of the positive outputs, but there is one for each of the "
        "5 outputs; pass target.bool() if they are zeros and ones.",
    ),
    (
        lambda: F.info_nce(X, X, temperature=torch.tensor(-0.5)),
        errors.ArgumentError,
        "temperature must be above 0, but it is -0.5; learn its logarithm and pass "
        "log_temperature.exp().",
    ),
    (
        lambda: F.info_nce(X, X.double()),
        errors.DtypeError,
        "the two sides must have one dtype, but they are torch.float32 and torch.float64.",
    ),
    (
        lambda: F.siglip(X, X, logit_bias=torch.zeros(3)),
        errors.ShapeError,
        "logit_bias must be one real number, but it is torch.float32 of shape (3,).",
    ),
    (
        lambda: F.siglip(X, X, logit_scale="a"),
        errors.ArgumentError,
        "logit_scale must be a number, or a tensor of one, but it is str.",
    ),
    (
        lambda: F.linear_statistics(X, W, LABELS, outputs=(["nll"],)),
        errors.ArgumentError,
        "outputs must be different ones of",
    ),
    (
        lambda: F.linear_statistics(X, torch.zeros(5, 2, 3), outputs=("entropy",)),
        errors.ShapeError,
        "linear_weight must be (classes, features) here, but it is (5, 2, 3).",
    ),
    (
        lambda: BCE(X, W, torch.zeros(4, 4)),
        errors.ShapeError,
        "a target with a value for each output must be (4, 5), but it is (4, 4); pass "
        "integers for the indices of the positive outputs.",
    ),
    (
        lambda: BCE(X, W, torch.full((4, 5), 1.5)),
        errors.SupportError,
        "target must hold a number from 0 to 1 everywhere, but 20 of 20 values are not",
    ),
    (
        lambda: BCE(X, W, LABELS),
        errors.ShapeError,
        "the indices of the positive outputs must be (4, k), but they are (4,).",
    ),
    (
        lambda: BCE(X, W, LABELS[:, None] + 4),
        errors.SupportError,
        "indices must lie below 5, but 2 do not, the first 5 at index (1, 0).",
    ),
    (
        lambda: BCE(X, W, torch.zeros(4, 5), pos_weight=torch.ones(4)),
        errors.ShapeError,
        "pos_weight must have one value for each of 5 classes, shape (5,), but it is (4,).",
    ),
    (
        lambda: F.info_nce(X, W[:2]),
        errors.ShapeError,
        "the two sides must be rows (N, features), one or more, the second with no fewer than "
        "the first, but "
        "they are (4, 3) and (2, 3).",
    ),
    (
        lambda: F.info_nce(X, W, symmetric=True),
        errors.ShapeError,
        "the two sides must be rows (N, features), as many on both sides, but they are",
    ),
    (
        lambda: F.siglip(X, W[:, :2]),
        errors.ShapeError,
        "the two sides must be rows (N, features), but they are (4, 3) and (5, 2).",
    ),
    (
        lambda: F.siglip(X, X, reduction="none"),
        errors.ArgumentError,
        "reduction must be one of ('mean', 'sum'), but it is 'none'.",
    ),
    (
        lambda: F.info_nce(X, X, temperature=-1.0),
        errors.ArgumentError,
        "temperature must be above 0, but it is -1.0.",
    ),
    (
        lambda: neglog.LinearCrossEntropyLoss(3, 5, memory="1KiB", reduction="average"),
        errors.ArgumentError,
        "reduction must be one of",
    ),
]


@pytest.mark.parametrize(("call", "kind", "words"), MESSAGES)
def test_the_message(call, kind, words) -> None:
    with pytest.raises(kind) as raised:
        call()
    assert words in str(raised.value)
