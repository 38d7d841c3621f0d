"""Likelihoods of preferences and rankings."""

from __future__ import annotations

import torch
from torch import Tensor

from neglog import engine, validation
from neglog.device import sum_dtype
from neglog.distributed.plan import Plan
from neglog.engine import ElementwiseProblem
from neglog.errors import sentence, shape
from neglog.errors.arguments import OptionError
from neglog.errors.tensors import InputShapeError, TargetShapeError
from neglog.functional.common import Extras, loss_in_its_own_dtype
from neglog.functional.composed import check_values, common, reduced
from neglog.functional.extras import wide
from neglog.functional.options import with_options
from neglog.functional.risk_sets import problem_of_rows, terms_of_rows
from neglog.likelihoods import Bernoulli
from neglog.support import real


@loss_in_its_own_dtype
def bradley_terry_loss(
    chosen: Tensor,
    rejected: Tensor,
    margin: Tensor | float | None = None,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> Tensor:
    """Return the `Bernoulli` loss of preferences: −ln σ(chosen − rejected − margin).

    Args:
        chosen: the rewards, or scores, of what was preferred, any shape.
        rejected: those of the alternatives, the same shape.
        margin: by how much the reward should exceed the other: a number, or a tensor of the same
            shape.

    Raises:
        ShapeError: the shapes differ.
        DtypeError: a tensor is not floating.

    Source: R. A. Bradley, M. E. Terry, Rank analysis of incomplete block designs, Biometrika 39,
    1952; H. Touvron et al., Llama 2, 2023, for the margin.

    >>> bradley_terry_loss(torch.tensor([2.0]), torch.tensor([0.5]))
    tensor(0.2014)
    """
    reduction = validation.reduction(None, None, reduction)
    validation.tensors(chosen=chosen, rejected=rejected)
    validation.floating(chosen, "chosen")
    validation.floating(rejected, "rejected")
    validation.same_shape(chosen, rejected, "rejected", "chosen")
    dtype = common(chosen, rejected)
    difference = chosen.to(wide(dtype)) - rejected.to(wide(dtype))
    if isinstance(margin, Tensor):
        if margin.dim() > 0:
            validation.same_shape(chosen, margin, "margin", "chosen")
        margin = margin.to(difference.dtype)
    elif margin is not None:
        validation.number("margin", margin)
    if margin is not None:
        difference = difference - margin
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    extras.check(reduction)
    weight = extras.loss_weights(difference.shape, difference, None)
    if weight is not None:
        difference = torch.where(weight == 0, 0.0, difference)
    ones = torch.ones_like(difference)
    problem = ElementwiseProblem(Bernoulli, (difference,), ones, reduction=reduction)
    if weight is None and extras.are_direct(reduction, difference.numel()):
        return engine.loss(problem).to(dtype)
    each = engine.loss(problem._replace(reduction="none"))
    return reduced(each, weight, reduction, extras, dtype)


def _check_lists(top_k: int | None, ties: str) -> None:
    validation.one_of("ties", ties, ("efron", "breslow"))
    if top_k is not None and (not isinstance(top_k, int) or top_k < 1):
        expected = "top_k must be a number of places, 1 or more"
        raise OptionError(sentence(expected, f"it is {top_k!r}"))


@loss_in_its_own_dtype
@with_options(_check_lists)
def plackett_luce_loss(
    input: Tensor,
    target: Tensor,
    top_k: int | None = None,
    ties: str = "efron",
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> Tensor:
    """Return the negative log-likelihood of rankings: ListMLE.

    The best item is chosen among all by a softmax of the scores, the second among the rest, and so
    on. The loss of a list does not depend on the order of its items, unlike implementations that
    break ties by position or at random.

    Args:
        input: scores (…, K) of K items.
        target: the relevance of each item, higher for better, the same shape; or minus its rank.
        top_k: use the choices of the first k places only; items below them have no order.
        ties: the likelihood of equally relevant items: ``"efron"``, close to the average over
            their orders, or ``"breslow"``, each chosen among all that are not better.
        mask: True for the items of a list, the shape of the input, or for the lists to include,
            (…). Items that are masked belong to no list, as padding.
        sample_weight: the weight of each list, (…). A mean divides by the sum of these weights.

    Returns:
        The loss in nats: one number, or with ``reduction="none"`` one per list, (…).

    Raises:
        ShapeError: the shapes differ.
        DtypeError: the input is not floating.
        SupportError: a target is NaN or infinite (checked on a CPU).
        ArgumentError: an option is invalid, or the target requires a gradient, which it does not
            have.

    Source: R. L. Plackett, The analysis of permutations, Applied Statistics 24, 1975; F. Xia et
    al., Listwise approach to learning to rank, ICML 2008.

    >>> plackett_luce_loss(torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([[3, 2, 1]]))
    tensor(0.7209)
    """
    reduction = validation.reduction(None, None, reduction)
    validation.tensors(input=input, target=target)
    validation.floating(input)
    validation.same_shape(input, target)
    validation.compared(target=target)
    if input.dim() == 0:
        raise InputShapeError(sentence("input must hold lists of scores, (…, K)", "it is a scalar"))
    items = None
    if mask is not None:
        validation.boolean(mask=mask)
        items = validation.leading("mask", mask, input.shape)
    _lists_only("sample_weight", sample_weight, input)
    check_values("target", target, real, items)
    counts = None if items is None else items.any(-1)
    extras = Extras(None, sample_weight, normalizer, empty, plan)
    extras.check(reduction)
    like = torch.empty(0, dtype=wide(input.dtype), device=input.device)
    weight = extras.loss_weights(input.shape[:-1], like, counts)
    if weight is not None:
        included = (weight != 0)[..., None].expand(input.shape)
        items = included if items is None else items & included
    scores = input.to(wide(input.dtype))
    scores = scores if items is None else torch.where(items, scores, -torch.inf)
    chosen = items
    if top_k is not None:
        chosen = _better(target, items) < top_k
        chosen = chosen if items is None else chosen & items
    time = -(target if target.is_floating_point() else target.long())

    def formula(scores: Tensor) -> Tensor:
        scores = scores.to(sum_dtype(scores.device))
        return terms_of_rows(scores, time, chosen, items, ties, False).sum(-1)

    event = torch.ones_like(scores) if chosen is None else chosen
    facts = (scores, time, event, None, ties, formula)
    if weight is None and extras.are_direct(reduction, scores.shape[:-1].numel()):
        return engine.loss(problem_of_rows(*facts, reduction)).to(input.dtype)
    each = engine.loss(problem_of_rows(*facts, "none"))
    return reduced(each, weight, reduction, extras, input.dtype)


def _lists_only(name: str, tensor: Tensor | None, input: Tensor) -> None:
    if isinstance(tensor, Tensor) and tensor.dim() == input.dim():
        expected = f"{name} must be one number per list, {tuple(input.shape[:-1])}"
        raise TargetShapeError(sentence(expected, f"it is {shape(tensor)}"))


def _better(target: Tensor, items: Tensor | None) -> Tensor:
    """Return how many items of the list are strictly better than each item."""
    target = target.to(sum_dtype(target.device))
    target = target if items is None else torch.where(items, target, -torch.inf)
    ascending = target.sort(-1).values
    above = torch.searchsorted(ascending, target.contiguous(), right=True)
    return target.shape[-1] - above
