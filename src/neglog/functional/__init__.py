"""The losses as functions, with the names and signatures of `torch.nn.functional`.

Every loss is in nats. The prediction comes first, the target second. `reduction` is ``"mean"``,
``"sum"``, ``"none"`` or ``"batchmean"``, the sum divided by the size of the first dimension;
`size_average` and `reduce` are torch's deprecated spellings of it.

The keyword-only arguments are additions to torch's; their defaults keep torch's behaviour. Below,
the losses' shape is the shape of the result with ``reduction="none"``: the input's shape, without
the class dimension if targets are classes.

mask
    True for the losses to include, in the losses' shape or its leading dimensions. A masked loss
    contributes exactly 0 to loss and gradient, even if it is NaN, and is not part of a mean's
    divisor.
sample_weight
    The weight of each loss, in the losses' shape or its leading dimensions. A mean divides by the
    sum of these weights. A weight of 0 has the same effect as a mask.
normalizer
    The divisor of ``reduction="mean"`` instead of the count: a number, or a 0-dimensional tensor.
    With the count of the whole batch, the losses of micro-batches, or of the processes of a
    data-parallel run, add up to the loss of the whole batch.
empty
    The mean over no losses: ``"nan"``, as in torch, or ``"zero"``, a 0 that is part of the graph.
ignore_index
    The target value to ignore, if targets are integer codes.
class_dim
    The dimension of the classes.

`sum_and_count` returns the sum and the divisor of a mean.
"""

from neglog.functional.binary import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from neglog.functional.classes import cross_entropy, log_softmax, nll_loss
from neglog.functional.common import sum_and_count
from neglog.functional.contrastive import info_nce, siglip
from neglog.functional.counts import poisson_nll_loss
from neglog.functional.linear import linear_cross_entropy
from neglog.functional.linear_binary import linear_binary_cross_entropy_with_logits
from neglog.functional.linear_rows import (
    LinearStatistics,
    linear_statistics,
    selected_logprobs,
)
from neglog.functional.real import (
    huber_loss,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
    sse_loss,
)
from neglog.functional.shares import kl_div
from neglog.functional.variance import gaussian_nll_loss

__all__ = [
    "LinearStatistics",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "gaussian_nll_loss",
    "huber_loss",
    "info_nce",
    "kl_div",
    "l1_loss",
    "linear_binary_cross_entropy_with_logits",
    "linear_cross_entropy",
    "linear_statistics",
    "log_softmax",
    "mse_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "poisson_nll_loss",
    "selected_logprobs",
    "siglip",
    "smooth_l1_loss",
    "soft_margin_loss",
    "sse_loss",
    "sum_and_count",
]
