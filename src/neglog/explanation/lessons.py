"""What the pages of losses of several tensors say, and their examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from neglog import criteria
from neglog.explanation import textbook as book

Numbers = Sequence[Sequence[float]] | Sequence[float] | float


@dataclass(frozen=True)
class Lesson:
    """A loss and its explanation.

    Attributes:
        function: the name of the function.
        model: what the tensors are.
        likelihood: the probability of the targets, or why there is none.
        loss: minus its logarithm, as a function of the tensors. Its keyword-only parameters are the
            options that a reader may choose.
        slope: the derivative by the first tensor; None if it is left to autograd.
        example: the tensors by name.
        options: of neglog's function.
        is_likelihood: whether exp(−loss) is a probability or a density.
    """

    function: str
    model: str
    likelihood: str
    loss: Callable[..., Any]
    slope: Callable[..., Any] | None
    example: Mapping[str, Numbers]
    options: Mapping[str, Any] = field(default_factory=dict)
    is_likelihood: bool = True


def layer() -> criteria.AdaptiveLogSoftmaxWithLoss:
    """Return the layer of the example, the same in every call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return criteria.AdaptiveLogSoftmaxWithLoss(4, 6, [2], 2.0, dtype=torch.float64)


_TRIPLET: dict[str, Numbers] = {
    "anchor": [[0.0, 0.0], [1.0, 0.5]],
    "positive": [[0.5, 0.5], [1.0, 1.0]],
    "negative": [[1.0, 0.0], [3.0, 2.0]],
}
_NO_LIKELIHOOD = (
    "There is no likelihood: the loss is a margin. It is 0 once the distance or score exceeds the "
    "other by the margin, so exp(−loss) is not a probability."
)
_TRIPLETS = [
    Lesson(
        name, "Three embeddings: an anchor, one of its class, and one of another class.",
        _NO_LIKELIHOOD, loss, book.triplet_slope, _TRIPLET, is_likelihood=False,
    )
    for name, loss in (
        ("triplet_margin_loss", book.triplet),
        ("triplet_margin_with_distance_loss", book.distance_triplet),
    )
]  # fmt: skip
LESSONS = {
    lesson.function: lesson
    for lesson in (
        Lesson(
            "plackett_luce_loss",
            "A score for each item of a list, and the relevance of each.",
            "P = Π exp(s_i) / Σ exp(s_j): the items are chosen one after the other, the most "
            "relevant first, each by a softmax over those that are left.",
            book.plackett_luce, book.plackett_luce_slope,
            {"input": [[1.0, 0.2, -0.5], [0.0, 0.3, 2.0]], "target": [[3, 1, 2], [1, 2, 3]]},
        ),
        Lesson(
            "cox_ph_loss",
            "The logarithm of each person's hazard relative to a common, unknown one; times, and "
            "whether the event occurred then.",
            "P = Π exp(h_i) / Σ exp(h_j): at each event, the probability that it happens to this "
            "person of all who are still at risk. The common hazard cancels: a partial "
            "likelihood. Censored persons are at risk until they leave.",
            book.cox, book.cox_slope,
            {"log_hazard": [0.5, -0.2, 0.0, 1.0], "time": [2, 5, 3, 1], "event": [1, 0, 1, 1]},
        ),
        Lesson(
            "mixture_density_loss",
            "For each target the weights, as logits, the means and the log-scales of K normals.",
            "p(y) = Σ w_k N(y; mean_k, scale_k²), with w = softmax(logits).",
            book.mixture, book.mixture_slope,
            {
                "logits": [[0.0, 1.0], [0.5, -0.5]], "mean": [[-1.0, 1.0], [0.0, 2.0]],
                "log_scale": [[0.0, -0.5], [0.2, 0.0]], "target": [0.5, 1.5],
            },
            {"full": True},
        ),
        Lesson(
            "multivariate_normal_nll_loss",
            "A mean vector and the Cholesky factor L of the covariance Σ = L Lᵀ.",
            "p(y) = exp(−½ (y − m)ᵀ Σ⁻¹ (y − m)) / √det(2π Σ).",
            book.multivariate_normal, book.multivariate_normal_slope,
            {
                "mean": [[0.0, 0.0], [1.0, -1.0]], "scale_tril": [[2.0, 0.0], [0.5, 1.0]],
                "target": [[2.0, 0.0], [1.5, 0.5]],
            },
            {"full": True},
        ),
        Lesson(
            "ctc_loss",
            "Log-probabilities of the classes in each frame, and labels shorter than the frames; "
            "class 0 is the blank.",
            "P = Σ Π p(frame, class): the sum over all paths that read as the labels, once equal "
            "neighbours are merged and blanks dropped. The kernel sums by recursion over frames; "
            "the textbook below lists every path.",
            book.ctc, book.ctc_slope,
            {
                "log_probs": [[-0.9, -0.9, -1.65], [-1.4, -0.6, -1.6], [-1.2, -1.6, -0.7]],
                "targets": [1, 2], "input_lengths": 3, "target_lengths": 2,
            },
        ),
        Lesson(
            "adaptive_log_softmax_with_loss",
            "Rows of features, the labels of many classes, and the layer's weights. The most "
            "frequent classes are in the head, the others in clusters.",
            "P(class) = P(cluster) · P(class in its cluster), each a softmax; of a class in the "
            "head, its probability there.",
            book.adaptive, None,
            {"input_": [[1.0, 0.0, -1.0, 2.0], [0.0, 1.0, 1.0, 0.0]], "target_": [1, 4]},
        ),
        Lesson(
            "cosine_embedding_loss",
            "Pairs of embeddings, and +1 for those that belong together, −1 for the others.",
            "There is no likelihood: the loss is a score of the angle. Lengths do not matter.",
            book.cosine, book.cosine_slope,
            {
                "input1": [[1.0, 0.5], [2.0, 1.0]], "input2": [[0.0, 1.0], [1.0, 1.0]],
                "target": [1, -1],
            },
            is_likelihood=False,
        ),
        Lesson(
            "multi_margin_loss",
            "A score for each of K classes, and a label.",
            _NO_LIKELIHOOD, book.multi_margin, book.multi_margin_slope,
            {"input": [[2.0, 0.5, 1.5], [0.0, 0.3, 0.1]], "target": [0, 2]},
            is_likelihood=False,
        ),
        Lesson(
            "multilabel_margin_loss",
            "A score for each of K classes, and a list of labels that −1 ends.",
            _NO_LIKELIHOOD, book.multilabel_margin, book.multilabel_margin_slope,
            {"input": [[0.1, 0.2, 0.4, 0.8]], "target": [[3, 0, -1, 1]]},
            is_likelihood=False,
        ),
        *_TRIPLETS,
    )
}  # fmt: skip
"""By the names of the functions."""
