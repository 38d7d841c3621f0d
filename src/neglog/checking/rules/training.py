"""A model, its loss and its loader: the path of the gradient, counts, the level of the loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from neglog.checking.batch import CheckedBatch
from neglog.checking.criterion import LABELS, LOGITS, REAL
from neglog.checking.rule import RuleResult, Severity, setup_rule
from neglog.checking.setup import Setup
from neglog.checking.tokens import sees_later, tokens


@setup_rule("model-raises", Severity.BREAKS)
def model_raises(setup: Setup) -> RuleResult | None:
    """Find a model that does not accept the loader's batches."""
    number = len(setup.batches)
    if setup.returned:
        return RuleResult(
            "certain",
            "The model does not return a tensor, and this criterion requires one.",
            f"batch {number}: the model returns {setup.returned}",
            "the criterion raises: there is no loss and no gradient",
            "pass a function that picks the tensor: lambda out, y: criterion(out.logits, y), or "
            "out['logits'], or out[0]",
        )
    if not setup.fault:
        return None
    return RuleResult(
        "certain",
        "The model raises an error on the loader's batch.",
        f"batch {number}: {setup.fault}",
        "there is no loss and no gradient",
        "call model(x) on one batch by hand",
    )


@setup_rule("no-gradient-path", Severity.BLIND)
def no_gradient_path(setup: Setup) -> RuleResult | None:
    """Find predictions that are cut off from the parameters."""
    if not setup.batches or not setup.trainable or setup.has_graph:
        return None
    first = setup.batches[0]
    own = first.is_structure or first.has_graph[0]
    evidence = "the loss" if own else f"its {first.input.dtype} output"
    return RuleResult(
        "certain",
        f"The {'loss' if own else 'output'} does not depend on the model's parameters, for "
        "autograd.",
        f"{evidence} requires no gradient; {len(setup.trainable)} parameters do",
        "backward() raises, or nothing is learnt",
        "look for argmax, a comparison, .detach(), .item(), torch.no_grad() or numpy in forward",
    )


@setup_rule("frozen-model", Severity.BLIND)
def frozen_model(setup: Setup) -> RuleResult | None:
    """Find a model in training mode whose parameters are all frozen."""
    parameters = list(setup.model.parameters())
    trained = [p for p in _parameters(setup.criterion.call) if p.requires_grad]
    if not setup.batches or not parameters or setup.trainable or trained:
        return None
    if not setup.model.training or setup.has_graph:
        return None  # an evaluation, or something else is trained
    return RuleResult(
        "certain",
        "Every parameter of the model is frozen.",
        f"requires_grad is False for {len(parameters)} of {len(parameters)} parameters",
        "backward() raises, or nothing is learnt",
        "call requires_grad_(True) on the layers to train, such as the head; "
        "to evaluate, call model.eval()",
    )


def _parameters(criterion: object) -> list[nn.Parameter]:
    return list(criterion.parameters()) if isinstance(criterion, nn.Module) else []


@setup_rule("zero-gradient", Severity.BLIND)
def zero_gradient(setup: Setup) -> RuleResult | None:
    """Find a loss whose gradient is 0 for every parameter."""
    if setup.gradient != 0 or not setup.batches:
        return None
    if not math.isfinite(setup.loss) or not abs(setup.loss) > 1e-3:
        return None  # a perfect fit, or a sum over nothing
    return RuleResult(
        "certain",
        "The gradient of every parameter is exactly 0, and the loss is not.",
        f"{len(setup.trainable)} parameters; the loss of the first batch is {setup.loss:.4g}",
        "nothing is learnt",
        "look for round(), sign(), clamp() or a saturated sigmoid between the model and the loss",
    )


def _count(batch: CheckedBatch) -> int:
    """Count the elements over which the mean is taken."""
    if batch.criterion.kind in LABELS:
        return int(batch.included.sum()) if batch.has_rows else 0
    return batch.input.numel()


@setup_rule("mean-of-means", Severity.UNEVEN)
def mean_of_means(setup: Setup) -> RuleResult | None:
    """Find batches of different counts whose means have equal weight."""
    if setup.criterion.reduction != "mean" or setup.criterion.kind == "other":
        return None
    # A loader's last batch is smaller as a rule; shuffling evens that out.
    batches = setup.batches[:-1] if setup.exhausted else setup.batches
    counts = [count for count in map(_count, batches) if count]
    if len(counts) < 2 or max(counts) < 2 * min(counts):
        return None
    least = counts.index(min(counts))
    ratio = max(counts) / min(counts)
    return RuleResult(
        "certain",
        "The batches have very different counts, but the mean of each has the same weight.",
        f"{min(counts)} to {max(counts)} elements are included; the fewest in batch {least}",
        f"a row of that batch has {ratio:.3g} times the weight of one of the largest batch; an "
        "average of batch losses is not a mean either",
        "use reduction='sum' and divide by one count for all, in accumulation and in logging",
    )


@setup_rule("worse-than-chance", Severity.NOTE)
def worse_than_chance(setup: Setup) -> RuleResult | None:
    """Find a loss far above that of guessing all classes evenly."""
    kind = setup.criterion.kind
    if setup.criterion.reduction != "mean" or setup.criterion.tensor("pos_weight") is not None:
        return None
    batches = [b for b in setup.batches if math.isfinite(b.loss)]
    if not batches:
        return None
    if kind in LABELS and all(b.has_rows for b in batches):
        guess_loss, how = math.log(batches[0].classes), f"ln {batches[0].classes}"
    elif kind in ("binary_cross_entropy", *LOGITS):
        guess_loss, how = math.log(2), "ln 2"
    else:
        return None
    loss = sum(b.loss for b in batches) / len(batches)
    if not guess_loss or loss < 2 * guess_loss + 1:
        return None
    return RuleResult(
        "heuristic",
        "The loss is far above that of guessing all classes evenly.",
        f"{loss:.4g} over {len(batches)} batches; guessing costs {how} = {guess_loss:.4g}",
        "the first steps only undo what the initialisation or the scale of x did",
        "standardise x, look at the labels' order, or start the last layer smaller",
    )


@setup_rule("target-scale", Severity.NOTE)
def target_scale(setup: Setup) -> RuleResult | None:
    """Find targets whose scale the model is far from."""
    if setup.criterion.kind not in REAL or not setup.batches:
        return None
    if any(b.input.shape != b.target.shape for b in setup.batches):
        return None
    x = torch.cat([b.input.double().flatten() for b in setup.batches])
    y = torch.cat([b.target.double().flatten() for b in setup.batches])
    level, spread = float(y.mean()), float(y.std(correction=0))
    error = float((x - y).square().mean())
    if (
        len(y) < 16
        or not math.isfinite(error)
        or max(abs(level), spread) < 10
        or error < 4 * spread**2
    ):
        return None
    if float(x.abs().max()) > 0.1 * float(y.abs().max()):
        return None  # the model is on its way
    return RuleResult(
        "heuristic",
        "The model's outputs are far from the scale of the targets.",
        f"targets have mean {level:.4g} and spread {spread:.4g}, outputs lie in "
        f"[{float(x.min()):.3g}, {float(x.max()):.3g}]",
        f"the mean squared error is {error:.4g}, where the best constant costs {spread**2:.4g}: "
        "the first steps only learn the mean",
        "standardise the targets, or start the last bias at their mean",
    )


@setup_rule("sigmoid-before-loss", Severity.NOTE)
def sigmoid_before_loss(setup: Setup) -> RuleResult | None:
    """Recommend logits where a sigmoid feeds BCELoss."""
    if setup.criterion.kind != "binary_cross_entropy" or not setup.batches:
        return None
    if setup.batches[0].origin.operator != "Sigmoid":
        return None
    dtype = setup.batches[0].input.dtype
    eps = torch.finfo(dtype).eps
    ends = math.log(4 / eps)  # above it 1 - p is less than half a last digit of 1
    return RuleResult(
        "heuristic",
        "The model ends in a sigmoid, and BCELoss undoes it.",
        f"the last operator of the model is a sigmoid, in {dtype}",
        f"a logit above about {ends:.3g} becomes exactly 1: a wrong one costs 100 nats instead of "
        "its logit and has gradient 0",
        "leave out the sigmoid and use BCEWithLogitsLoss; apply the sigmoid to predict only",
    )


@setup_rule("unshifted-labels", Severity.WRONG)
def unshifted_labels(setup: Setup) -> RuleResult | None:
    """Find a language model whose labels are its own input, token by token."""
    x = None if setup.plan is None else tokens(setup.plan)
    if not setup.batches or setup.plan is None or x is None or x.shape[1] < 4:
        return None
    same = [_copied(x, batch) for batch in (setup.batches[0], *setup.inner[0])]
    counts = next((counts for counts in same if counts is not None), None)
    if counts is None or bool((x == x[:1, :1]).all()):
        return None
    later = sees_later(setup.model, setup.plan, x)
    if later:
        return None  # an autoencoder
    evidence = f"{int(counts.sum())} of {x.numel()} labels equal the token at their own position"
    if later is False:
        evidence += "; no output depends on later tokens"
    return RuleResult(
        "heuristic" if later is None else "near certain",
        "The labels are the input itself, token by token.",
        evidence,
        "a causal model learns to copy, and its loss goes to 0 without predicting anything",
        "shift once: model(x[:, :-1]) against x[:, 1:]",
    )


def _copied(x: Tensor, batch: CheckedBatch) -> Tensor | None:
    """Return a mask of the included labels if the labels are the tokens, else None."""
    y = batch.target
    if batch.criterion.kind not in LABELS or y.is_floating_point() or x.numel() != y.numel():
        return None
    y = y.reshape(x.shape)
    included = y != batch.ignored_label
    copied = included.float().mean() >= 0.5 and bool((x == y)[included].all())
    return included if copied else None
