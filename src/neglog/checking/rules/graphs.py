"""Mistakes that the autograd graph shows: views that mix classes and positions, learnt targets."""

from __future__ import annotations

from neglog.checking.batch import CheckedBatch
from neglog.checking.criterion import BINARY, LABELS, REAL
from neglog.checking.rule import RuleResult, Severity, batch_rule

_COMPARED = (*LABELS, *BINARY, *REAL, "kl_div", "poisson_nll_loss", "gaussian_nll_loss")


@batch_rule("scrambled-view", Severity.WRONG, *LABELS, "kl_div")
def scrambled_view(batch: CheckedBatch) -> RuleResult | None:
    """Find (N, C, ...) viewed as rows over classes without a permute."""
    if not batch.read.view:
        return None
    return RuleResult(
        "certain" if batch.read.of_convolution else "near certain",
        "A view treats the last dimension as the classes, but nothing moved the classes there.",
        f"{batch.read.view}; the classes were in dimension 1",
        "a row holds one class at several positions, not every class at one: predictions are "
        "compared with the labels of other positions",
        "use x.movedim(1, -1).reshape(-1, C), or pass (N, C, ...) to the loss unchanged",
    )


@batch_rule("target-gradient", Severity.WRONG, *_COMPARED)
def target_gradient(batch: CheckedBatch) -> RuleResult | None:
    """Find a target that carries the graph of a network."""
    how = batch.read.target
    if not how:
        return None
    made = {
        "same": "from the parameters that made the input",
        "shared": "partly from the parameters that made the input",
        "others": "from other parameters than the input",
        "twin": "from other parameters, in the same way as the input",
    }
    # Two networks may be trained to agree; a bootstrapped target may not be trained.
    certainty = "heuristic" if how in ("twin", "shared") else "near certain"
    return RuleResult(
        certainty,
        "The target requires a gradient, so the target is trained as well as the prediction.",
        f"target.requires_grad is True; it was computed {made[how]}",
        "the loss falls by moving the target towards the prediction, which can diverge or collapse",
        "compute the target under torch.no_grad(), or pass target.detach()",
    )
