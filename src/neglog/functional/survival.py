"""Likelihoods of times until an event, some of them censored."""

from __future__ import annotations

import torch
from torch import Tensor

from neglog import engine, validation
from neglog.device import sum_dtype
from neglog.distributed.plan import Plan
from neglog.engine import ComposedProblem, ElementwiseProblem, reference, values
from neglog.errors import format_index, sentence, shape
from neglog.errors.arguments import IncompatibleOptionsError, WeightError
from neglog.errors.tensors import InputShapeError, LabelError
from neglog.functional.common import Extras, finished, loss_in_its_own_dtype
from neglog.functional.composed import check_values, reduced
from neglog.functional.extras import wide
from neglog.functional.options import with_options
from neglog.functional.risk_sets import problem_of_rows, terms_of_rows
from neglog.likelihoods import Bernoulli
from neglog.support import ends_of_unit_interval, real


@loss_in_its_own_dtype
def discrete_hazard_loss(
    logits: Tensor,
    interval: Tensor,
    event: Tensor,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> Tensor:
    """Return the `Bernoulli` loss of discrete hazards: the logistic-hazard survival model.

    The hazard of an interval is the probability of the event in it, given that it did not occur
    before. Someone with an event in interval i survived the intervals before it; someone who was
    censored in interval i survived it too.

    Args:
        logits: of the hazards of T intervals, (…, T).
        interval: the interval of the event or of the censoring, integers (…) from 0 to T − 1.
        event: 1 or True for an event, 0 or False if censored, (…).

    Returns:
        The loss in nats: one number, or with ``reduction="none"`` one per person, (…).

    Raises:
        ArgumentError: the events require a gradient, which they do not have.
        ShapeError: the shapes do not fit.
        DtypeError: logits are not floating, or intervals not integers.
        SupportError: an interval is out of range, or an event is neither 0 nor 1 (checked on a
            CPU).

    Source: C. C. Brown, On the use of indicator variables for studying the time-dependence of
    parameters in a response-time model, Biometrics 31, 1975; H. Kvamme, Ø. Borgan, Continuous and
    discrete-time survival prediction with neural networks, 2019 (nll_logistic_hazard in pycox).

    >>> discrete_hazard_loss(torch.zeros(1, 4), torch.tensor([2]), torch.tensor([1]))
    tensor(2.0794)
    """
    reduction = validation.reduction(None, None, reduction)
    validation.tensors(logits=logits, interval=interval, event=event)
    validation.floating(logits, "logits")
    validation.integers("interval", interval, "the number of an interval from 0")
    if logits.dim() == 0 or interval.shape != logits.shape[:-1]:
        expected = "logits must be (…, T) and interval (…)"
        got = f"logits is {shape(logits)} and interval is {shape(interval)}"
        raise InputShapeError(sentence(expected, got))
    validation.same_shape(interval, event, "event", "interval")
    validation.compared(event=event)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    extras.check(reduction)
    x = logits.to(wide(logits.dtype))
    weight = extras.loss_weights(interval.shape, x, None)
    included = None if weight is None else weight != 0
    _check_intervals(interval, logits.shape[-1], included)
    check_values("event", event, ends_of_unit_interval, included)
    place, happened = interval.long(), event != 0
    if included is not None:
        place, happened = torch.where(included, place, -1), happened & included
    direct = weight is None and extras.are_direct(reduction, interval.numel())
    problem = ComposedProblem(
        "discrete_hazard", _hazards, (x, place, happened.to(x.dtype)),
        reduction=reduction if direct else "none",
    )  # fmt: skip
    found = engine.loss(problem)
    if direct:
        return found.to(logits.dtype)
    return reduced(found, weight, reduction, extras, logits.dtype)


def _hazards(x: Tensor, place: Tensor, event: Tensor, *, reduction: str) -> Tensor:
    steps, place = torch.arange(x.shape[-1], device=x.device), place[..., None]
    y, reached = (steps == place) * event[..., None], (steps <= place).to(x.dtype)
    problem = ElementwiseProblem(
        Bernoulli, (x,), y, weight=reached, reduction="none", masked=True
    )  # fmt: skip
    each = engine.loss(problem).sum(-1, dtype=sum_dtype(x.device))
    return reference.reduced(each, reduction).to(x.dtype)


def _check_intervals(interval: Tensor, steps: int, included: Tensor | None) -> None:
    if not values.are_known(interval) or not interval.numel():
        return
    least, most = torch.aminmax(interval.long())
    if least >= 0 and most < steps:
        return
    outside = (interval < 0) | (interval >= steps)
    outside = outside if included is None else outside & included
    if outside.any():
        first = tuple(outside.nonzero()[0].tolist())
        value, remedy = int(interval[first]), ""
        if value == steps:
            remedy = "subtract 1 if they count from 1, or emit one more logit"
        expected = f"interval must lie in [0, {steps - 1}] for {steps} intervals"
        got = f"it is {value} at {format_index(first)}"
        raise LabelError(sentence(expected, got, remedy=remedy))


@loss_in_its_own_dtype
@with_options(lambda ties: validation.one_of("ties", ties, ("efron", "breslow")))
def cox_ph_loss(
    log_hazard: Tensor,
    time: Tensor,
    event: Tensor,
    ties: str = "efron",
    reduction: str = "mean",
    *,
    strata: Tensor | None = None,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> Tensor:
    """Return Cox's negative partial log-likelihood: proportional hazards.

    Each event is a choice among those still at risk at its time, by a softmax of the log-hazards.
    A mean divides by the number of events. The risk sets consist of the batch, so batches should
    be large; a batch without events has no mean (`empty`). It takes O(n log n) time, and no
    log-hazard overflows.

    Args:
        log_hazard: relative log-hazards, (N,).
        time: of the event or of the censoring, (N,).
        event: 1 or True for an event, 0 or False if censored, (N,).
        ties: how to count events at equal times: ``"efron"`` or ``"breslow"``.
        strata: integers (N,); only those of the same stratum are compared.
        mask: True for those to include, (N,). The others are in no risk set.
        sample_weight: the weight of each, (N,), 0 or more, in the risk sets too. A mean divides by
            the sum of the weights of the events.

    Returns:
        The loss in nats: one number, or with ``reduction="none"`` one per person, 0 if censored.
        Events at equal times share their average.

    Raises:
        ShapeError: the shapes differ, such as (N, 1) and (N,).
        DtypeError: log_hazard is not floating, or strata are not integers.
        SupportError: a time is NaN or infinite, or an event neither 0 nor 1 (checked on a CPU).
        ArgumentError: a sample weight is negative (checked on a CPU), times or events require a
            gradient, which they do not have, or an option is invalid.

    Source: D. R. Cox, Partial likelihood, Biometrika 62, 1975; B. Efron, The efficiency of Cox's
    likelihood function for censored data, JASA 72, 1977; N. E. Breslow, Covariance analysis of
    censored survival data, Biometrics 30, 1974. Weights as in R's `survival`.

    >>> time, event = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1, 0, 1])
    >>> cox_ph_loss(torch.zeros(3), time, event, reduction="sum")
    tensor(1.0986)
    """
    reduction = validation.reduction(None, None, reduction)
    validation.tensors(log_hazard=log_hazard, time=time, event=event)
    validation.floating(log_hazard, "log_hazard")
    named = {"time": time, "event": event}
    validation.compared(**named)
    if strata is not None:
        validation.tensors(strata=strata)
        validation.integers("strata", strata, "the number of each one's stratum")
        named["strata"] = strata
    for name, tensor in named.items():
        validation.same_shape(log_hazard, tensor, name, "log_hazard")
    if log_hazard.dim() != 1:
        expected, remedy = "log_hazard must be (N,)", "use log_hazard.flatten()"
        raise InputShapeError(sentence(expected, f"it is {shape(log_hazard)}", remedy=remedy))
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    if plan is not None and strata is None:
        expected = "risk sets hold all rows, so that a plan requires strata"
        remedy = "number the groups of rows that lie in one process"
        raise IncompatibleOptionsError(sentence(expected, "got none", remedy=remedy))
    extras.check(reduction)
    like = log_hazard.to(sum_dtype(log_hazard.device))
    weight = extras.loss_weights(log_hazard.shape, like, None)
    present = None if weight is None else weight > 0
    _check_survival(time, event, weight, None if weight is None else weight != 0)
    happened = event if event.dtype == torch.bool else event != 0
    when = time.byte() if time.dtype == torch.bool else time
    if present is not None:
        happened = present & happened
        when = torch.where(present, when, torch.zeros_like(when))
    score, shares, log_weight = like, happened.to(like.dtype), None
    if weight is not None and sample_weight is not None:
        # The risk sets hold weight · exp(score); an event is weight · its score alone.
        log_weight, shares = _log(weight), torch.where(happened, weight, 0.0)
        score = score + log_weight
    score = score if present is None else torch.where(present, score, -torch.inf)

    in_order = reduction == "none" or log_weight is not None

    def terms(score: Tensor) -> Tensor:
        each = _terms(score, when, happened, present, ties, strata, in_order)
        return each if log_weight is None else each * shares

    if reduction == "none":
        total = terms(score)
    else:
        facts = (score, when, shares, strata, ties, lambda score: terms(score).sum(-1))
        total = engine.loss(problem_of_rows(*facts, "sum"))
    if log_weight is not None:
        moved = shares * log_weight
        total = total + (moved if reduction == "none" else moved.sum())
    dtype = wide(log_hazard.dtype)
    return finished(
        total.to(dtype), shares.sum().to(dtype), log_hazard.shape, reduction, extras,
        log_hazard.dtype,
    )  # fmt: skip


def _log(weight: Tensor) -> Tensor:
    return torch.where(weight > 0, weight, 1.0).log()


def _check_survival(
    time: Tensor, event: Tensor, weight: Tensor | None, included: Tensor | None
) -> None:
    check_values("time", time, real, included)
    check_values("event", event, ends_of_unit_interval, included)
    if weight is not None and values.are_known(weight) and bool((weight < 0).any()):
        first = int((weight < 0).nonzero()[0])
        got = f"it is {weight[first].item():g} at index {first}"
        raise WeightError(sentence("sample_weight must be 0 or more in risk sets", got))


def _terms(
    score: Tensor,
    time: Tensor,
    event: Tensor,
    present: Tensor | None,
    ties: str,
    strata: Tensor | None,
    in_order: bool,
) -> Tensor:
    """Return the terms of all strata, which are computed together if of similar size."""
    if strata is None or not score.numel():
        return terms_of_rows(score, time, event, present, ties, in_order)
    found = torch.zeros_like(score)
    for index in _by_size(strata):
        real_one = index >= 0
        at = index.clamp(min=0)
        happened = event[at] & real_one
        there = real_one if present is None else present[at] & real_one
        terms = terms_of_rows(score[at], time[at], happened, there, ties)
        found = found.index_put((index[real_one],), terms[real_one])
    return found


def _by_size(strata: Tensor) -> list[Tensor]:
    """Return the rows of each stratum, (strata, rows), padded by −1, by powers of two of the size.

    So the padding takes no more memory than the rows.
    """
    order = strata.argsort(stable=True)
    sizes = strata[order].unique_consecutive(return_counts=True)[1]
    starts, result = sizes.cumsum(0) - sizes, []
    width = 1
    while width < 2 * int(sizes.max()):
        chosen = (sizes <= width) & (sizes > width // 2)
        if bool(chosen.any()):
            steps = torch.arange(width, device=strata.device)
            inside = steps < sizes[chosen][:, None]
            places = (starts[chosen][:, None] + steps).clamp(max=len(order) - 1)
            result.append(torch.where(inside, order[places], -1))
        width *= 2
    return result
