"""Wrong predictions: shapes, forms, ranges, precision."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as T

import neglog
from neglog import functional as F
from pitfalls.row import CHECK, EXACT, PASS, RAISED, Row, close, finds, quietly, refuses, slope

INF, NAN = math.inf, math.nan
LABELS = torch.tensor([0, 2, 1, 0])


def broadcast_shapes() -> None:
    column, line = torch.arange(64.0)[:, None], torch.arange(64.0)
    assert quietly(lambda: T.mse_loss(column, line)) > 600  # of perfect predictions
    names = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss", "kl_div")
    names += ("soft_margin_loss", "multilabel_soft_margin_loss", "binary_cross_entropy")
    names += ("binary_cross_entropy_with_logits",)
    for name in names:
        words = "input is (64, 1) and target is (64,); they would broadcast to (64, 64)"
        refuses(words, lambda n=name: getattr(F, n)(column, line, reduction="sum"))
    refuses("broadcast to (64, 64)", lambda: F.gaussian_nll_loss(column, line, 1.0))
    refuses("use input.squeeze(1)", lambda: F.mse_loss(column, line))


def double_softmax() -> None:
    for classes, floor in ((2, 0.313), (3, 0.551), (10, 1.461), (1000, 5.909)):
        labels = torch.arange(8) % classes
        perfect = T.one_hot(labels, classes).float()
        close(T.cross_entropy(perfect, labels), floor, 2e-3)
        found = finds("double-softmax", neglog.CrossEntropyLoss(), perfect, labels)
        assert f"{floor:.3f}" in found.consequence
    rows = torch.randn(8, 5, generator=torch.manual_seed(0)).log_softmax(1)
    assert not neglog.check(neglog.CrossEntropyLoss(), rows, torch.arange(8) % 5)  # harmless


def double_sigmoid() -> None:
    y = torch.arange(64.0) % 2
    close(T.binary_cross_entropy_with_logits(y, y), 0.503)
    torch.manual_seed(0)
    finds("double-sigmoid", neglog.BCEWithLogitsLoss(), torch.randn(64).sigmoid(), y)


def saturated_sigmoid() -> None:
    z, no = torch.tensor([17.0]), torch.zeros(1)

    def naive(z: torch.Tensor) -> torch.Tensor:
        return T.binary_cross_entropy(z.sigmoid(), no)

    def exact(z: torch.Tensor) -> torch.Tensor:
        return F.binary_cross_entropy_with_logits(z, no)

    assert (naive(z).item(), slope(naive, z).item()) == (100.0, 0.0)
    close(exact(z), 17.0, 1e-6)
    close(slope(exact, z).sum(), 1.0, 1e-6)
    close(exact(torch.tensor([200.0])), 200.0, 1e-6)
    finds("saturated-probabilities", neglog.BCELoss(), z.sigmoid(), no)


def out_of_range() -> None:
    probabilities, ones = torch.tensor([0.5, 3.2]), torch.ones(2)
    refuses(
        "the first 3.2 at index 1; these look like",
        lambda: F.binary_cross_entropy(probabilities, ones),
    )
    refuses("NaN often comes from", lambda: F.binary_cross_entropy(torch.tensor([0.5, NAN]), ones))
    mask = torch.tensor([0.0, 255.0])
    close(T.binary_cross_entropy_with_logits(torch.ones(2), mask), -126.187)
    with_logits = F.binary_cross_entropy_with_logits
    refuses("0/255 mask; divide the target by 255", lambda: with_logits(torch.ones(2), mask))
    refuses("the first 2 at index 0", lambda: with_logits(ones, torch.tensor([2.0, -1.0])))


def autocast() -> None:
    x, y = torch.tensor([0.3, 0.9]), torch.tensor([0.0, 1.0])
    with torch.autocast("cpu", torch.bfloat16):
        for loss in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits):
            got = loss(x.bfloat16(), y)
            assert got.dtype == torch.float32
            close(got, loss(x.bfloat16().float(), y), 1e-6)


def infinite_logits() -> None:
    row = torch.tensor([[1.0, -INF, 0.0]])
    close(F.cross_entropy(row, torch.tensor([2])), 1.3133)
    soft = torch.tensor([[0.7, 0.0, 0.3]])
    assert T.cross_entropy(row, soft).isnan()
    close(F.cross_entropy(row, soft), 0.6133)
    yes, no = torch.tensor([INF]), torch.tensor([-INF])
    assert T.binary_cross_entropy_with_logits(yes, torch.ones(1)).isnan()
    assert F.binary_cross_entropy_with_logits(yes, torch.ones(1)) == 0
    assert F.binary_cross_entropy_with_logits(no, torch.zeros(1)) == 0
    hopeless = torch.full((1, 3), -INF)
    finds("impossible-label", neglog.CrossEntropyLoss(), row, torch.tensor([1]))
    assert F.cross_entropy(hopeless, torch.tensor([1])).isnan()
    smoothed = neglog.CrossEntropyLoss(label_smoothing=0.1)
    finds("masked-logits-smoothing", smoothed, row, torch.tensor([2]))


def log_probabilities() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 3)
    finds("nll-logits", neglog.NLLLoss(), x, LABELS)
    finds("nll-probabilities", neglog.NLLLoss(), x.softmax(1), LABELS)
    finds("log-softmax-dimension", neglog.NLLLoss(), x.log_softmax(0), LABELS)
    assert not neglog.check(neglog.NLLLoss(), x.log_softmax(1), LABELS)


def divergence() -> None:
    p, log_q = torch.tensor([[0.9, 0.1]]), torch.tensor([[0.3, 0.7]]).log()
    true = float((p * (p.log() - log_q)).sum())
    close(F.kl_div(log_q, p, reduction="batchmean"), true, 1e-5)
    close(quietly(lambda: T.kl_div(log_q, p)), true / 2, 1e-5)  # divided by the classes too
    many = torch.randn(8, 5, generator=torch.manual_seed(0))
    criterion = neglog.KLDivLoss(reduction="batchmean")
    finds("kl-input", criterion, many.softmax(1), many.softmax(1))
    close(T.kl_div(p, p, reduction="batchmean"), -1.145)  # probabilities as input
    finds("kl-target", criterion, many.log_softmax(1), many.softmax(1) * 2)
    refuses("pass log_target=True", lambda: criterion(many.log_softmax(1), many.log_softmax(1)))
    certain = torch.tensor([[0.0, -INF]]), torch.tensor([[1.0, 0.0]])
    assert T.kl_div(*certain, reduction="batchmean").isnan()
    assert criterion(*certain) == 0
    logs = torch.tensor([[0.0, -INF]])
    assert F.kl_div(logs, logs, log_target=True, reduction="batchmean") == 0


def variances() -> None:
    x, y = torch.zeros(4, 3), torch.ones(4, 3)
    loss = neglog.GaussianNLLLoss()
    refuses("the first -1 at index (0, 0)", lambda: loss(x, y, -torch.ones(4, 3)))
    refuses("var must have the input's shape (4, 3)", lambda: loss(x, y, torch.ones(2)))
    for var in (torch.ones(4, 1), torch.ones(1, 3), torch.ones(4), 1.0):
        close(loss(x, y, var), 0.5)
    finds("tiny-variance", loss, x, y, torch.zeros(4, 3))
    one = torch.ones(1)
    assert slope(lambda v: T.gaussian_nll_loss(one, 2 * one, v), 0 * one) < -1e11
    close(F.gaussian_nll_loss(x, x, 1.0, full=True), 0.9189)


def rates() -> None:
    counts = torch.tensor([20.0, 18.0, 23.0, 21.0])
    assert T.poisson_nll_loss(counts, counts) > 4e8
    assert T.poisson_nll_loss(torch.zeros(1), -torch.ones(1)) == 1
    found = finds("rate-as-logarithm", neglog.PoissonNLLLoss(), counts, counts)
    assert "log_input=False" in found.fix
    refuses("the first -1 at index 0", lambda: F.poisson_nll_loss(counts, counts - 21))
    refuses("the first -1 at", lambda: F.poisson_nll_loss(counts - 21, counts, log_input=False))
    two = torch.tensor([2.0])
    close(T.poisson_nll_loss(torch.zeros(1), two, full=True), 1.6518)
    close(F.poisson_nll_loss(torch.zeros(1), two, full="exact"), 1 + math.log(2), 1e-6)


def low_precision() -> None:
    losses = torch.full((70_000, 2), 0.0, dtype=torch.float16)
    labels = torch.zeros(70_000, dtype=torch.long)
    close(F.cross_entropy(losses, labels), math.log(2))
    total, count = F.sum_and_count(F.cross_entropy, losses.float(), labels)
    close(total / count, math.log(2), 1e-6)
    torch.manual_seed(0)
    x, y = torch.randn(1000, 50), torch.randint(0, 50, (1000,))
    true = T.cross_entropy(x.bfloat16().double(), y)
    assert abs(F.cross_entropy(x.bfloat16(), y) - true) <= 2**-6  # one rounding
    wide = torch.full((3,), 300.0, dtype=torch.float16)
    finds("overflow", neglog.MSELoss(), wide, torch.zeros(3, dtype=torch.float16))


ROWS = [
    Row(
        1, "`(N, 1)` against `(N,)` in an elementwise loss",
        "broadcasts to `(N, N)`; some losses warn, most say nothing",
        "names both shapes, the broadcast shape, and the `squeeze` that fixes it",
        RAISED, broadcast_shapes, 4938,
    ),
    Row(
        2, "softmax before `CrossEntropyLoss`",
        "silent: of 10 classes a perfect model scores 1.461",
        "`double-softmax`, with the lowest possible loss; log-softmax is harmless",
        CHECK, double_softmax,
    ),
    Row(
        3, "sigmoid before `BCEWithLogitsLoss`",
        "silent: a perfect model scores 0.503",
        "`double-sigmoid`: certain if the autograd graph shows it, else from 32 values on",
        CHECK, double_sigmoid,
    ),
    Row(
        4, "a saturated sigmoid before `BCELoss`",
        "at a logit of 17 the loss is 100 for 17, and the gradient exactly 0 for 1",
        "accurate at every logit; on probabilities as torch, and `saturated-probabilities`",
        EXACT, saturated_sigmoid, 24933,
    ),
    Row(
        5, "inputs or targets of a binary loss out of range",
        "NaN is called out of range; with logits nothing is checked: a 0/255 mask scores −126",
        "count, first index and likely cause: NaN, logits, a 0/255 mask, −1/+1 labels",
        PASS, out_of_range, 193757,
    ),
    Row(
        6, "`BCELoss` under autocast",
        "raises on CUDA, not on a CPU",
        "computes in float32 and returns it, on every device",
        EXACT, autocast, 61098,
    ),
    Row(
        19, "logits of −∞",
        "`inf` with smoothing; NaN if a soft target is 0 there, or if ±∞ is correct",
        "0 · ln 0 is 0, also for a binary ±∞ of the right sign; `impossible-label`",
        EXACT, infinite_logits, 49844,
    ),
    Row(
        24, "`KLDivLoss`: forms, order, reduction",
        "probabilities as input −1.145; the mean divides by the classes too; NaN at 0 · ln 0",
        "`kl-input`, `kl-target`, `kl-log-target`, `kl-dimension`; 0 · ln 0 is 0",
        CHECK, divergence, 6622,
    ),
    Row(
        25, "`NLLLoss` of logits, of probabilities, over the wrong dimension",
        "silent, and unbounded below",
        "`nll-logits`, `nll-probabilities`, `log-softmax-dimension`",
        CHECK, log_probabilities, 10033,
    ),
    Row(
        26, "`GaussianNLLLoss`: negative or tiny variances, their shapes",
        "a negative one raises without its index; 0 gives a gradient of −5 · 10¹¹",
        "the first bad index; broadcasts sizes of 1 or no last dimension; `tiny-variance`",
        PASS, variances, 53392,
    ),
    Row(
        27, "`PoissonNLLLoss`: rates for log-rates, negative counts, Stirling",
        "a rate of 20 scores 4.85 · 10⁸; a negative count is accepted; ln 2! is 0.65",
        "`rate-as-logarithm`; negative counts and rates raise; `full=\"exact\"`",
        CHECK, rates, 184030,
    ),
    Row(
        29, "losses of float16 and bfloat16",
        "sums overflow at 65504, and bfloat16 keeps two digits",
        "computed, summed and averaged in float32, rounded once to torch's dtype; `overflow`",
        CHECK, low_precision, 40497,
    ),
]  # fmt: skip
