"""The objective and the penalty of a linear model."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from neglog.errors import listed
from neglog.errors.options import DivergenceError, FitCombinationError, ModelSizeError
from neglog.errors.tables import ConstantTargetError
from neglog.fitting.batches.in_memory_rows import batch_rows
from neglog.fitting.design.prepared import Prepared
from neglog.fitting.design.target import class_index
from neglog.fitting.inference.covariance import ESTIMATORS
from neglog.fitting.likelihoods.responses import Response
from neglog.fitting.linear.objective import Objective
from neglog.fitting.linear.optimum import Penalty
from neglog.fitting.options.fit_options import Options

MAX_WEIGHTS = 5000
"""The maximum number of weights for Newton's method."""
_FAR = 3.0
_SAMPLE_ROWS = 10_000
_LARGEST, _SMALLEST = 1e50, 1e-290


def objectives(data: Prepared, options: Options) -> tuple[Objective, Objective | None]:
    """Return the objectives of the training rows and, if any, the validation rows.

    Raises:
        FitError: the target is constant, or the model too large.
    """
    training = data.rows()
    y, weight = training.target_sample()
    _check_target(data, y if weight is None else y[weight > 0])
    response = data.target.facts.response(
        len(data.target.classes or ()), _reference_class(data, options), options
    )
    if options.roles.keys() & {"offset", "exposure"} and response.outputs > 1:
        raise FitCombinationError(
            "an offset is for one linear predictor, but each class has its own."
        )
    response = response.in_units_of(response.encode_target(y), weight)
    sample = training.sample(_SAMPLE_ROWS).x[:].double()
    _check_sizes(sample, data)
    scale = _scale(sample)
    centre = _centre(sample, scale)
    batch = batch_rows(training.width(response.outputs), training.features)
    objectives = [
        replace(objective, source=objective.source.in_units(scale, centre, batch))
        for objective in (objective_of(data, response, held_out) for held_out in (False, True))
    ]
    size = objectives[0].size
    if size > MAX_WEIGHTS:
        raise ModelSizeError(
            f"newton would need the second derivatives of {size} weights, more than "
            f"{MAX_WEIGHTS}; pass --optimizer lbfgs."
        )
    return objectives[0], objectives[1] if data.validation_rows else None


def objective_of(data: Prepared, response: Response, held_out: bool = False) -> Objective:
    """Return the objective of the training rows, or of the validation rows."""
    group = data.group
    return Objective(
        response, data.rows(held_out), data.total(held_out), group.reduce, gather=group.gather
    )


def count_weights(data: Prepared, options: Options) -> int:
    """Return the number of weights of the linear model."""
    response = data.target.facts.response(len(data.target.classes or ()), 0, options)
    return response.outputs * (data.rows().features + 1) + len(response.shared)


def _check_target(data: Prepared, y: Tensor) -> None:
    """Refuse training rows with a constant target, or without one of the classes."""
    if y.min() == y.max():
        raise ConstantTargetError(
            f"the target is {data.target.decode(y[:1])[0]} in every training row that counts; "
            "there is nothing to learn; pass another seed or a smaller validation part, or fix "
            "the sample weights."
        )
    if data.target.classes is None:
        return
    count = torch.bincount(y, minlength=len(data.target.classes))
    absent = (count == 0).nonzero()[:, 0].tolist()
    if absent:
        names = listed([repr(data.target.labels[k]) for k in absent])
        raise ConstantTargetError(
            f"no training row that counts is of class {names}; leave its rows out, pass another "
            "seed or a smaller validation part, or fix the sample weights."
        )


def _check_sizes(sample: Tensor, data: Prepared) -> None:
    """Refuse columns so small that their weights could overflow."""
    size = sample.abs().amax(0) if sample.numel() else torch.zeros(0)
    for j in ((size > 0) & (size < _SMALLEST)).nonzero()[:, 0].tolist():
        raise DivergenceError(
            f"column {data.design.numbers[j].name!r} holds nothing larger than {float(size[j]):.3g}"
            ", so that its weight might be larger than any number; multiply it."
        )


def check_covariance(options: Options, response: Response) -> None:
    """Refuse a covariance that does not apply to the likelihood.

    Raises:
        FitError: it is such a likelihood.
    """
    how = options.covariance
    if how is not None and ESTIMATORS[how].by_pearson and not response.fixes_variance:
        raise FitCombinationError(
            f"{how} is for likelihoods whose mean fixes their variance, such as bernoulli and "
            "poisson; pass hc0, or leave it out."
        )


def penalty_of(options: Options, response: Response) -> Penalty:
    """Return the penalty.

    Raises:
        FitError: the likelihood does not go with it.
    """
    penalty = Penalty(options.l2, options.l1, options.firth)
    if options.firth and not response.is_logistic:
        raise FitCombinationError(
            "firth is for two classes, the bernoulli likelihood; pass l2 instead."
        )
    if options.l1 and response.is_relative:
        raise FitCombinationError(
            "l1 is not for several classes, whose weights are relative; pass l2 instead."
        )
    if penalty and not response.smooth:
        raise FitCombinationError(
            "a penalty is for losses without kinks; choose huber, or pass none."
        )
    return penalty


def _reference_class(data: Prepared, options: Options) -> int:
    """Return the number of the reference class: the requested one, or the most frequent."""
    classes = data.target.classes or []
    if options.base is None:
        return 0 if len(classes) < 3 else int(torch.bincount(*data.rows().target_sample()).argmax())
    if not classes:
        raise FitCombinationError(
            f"base is for classes, but the target {data.target.name!r} holds numbers; leave it out."
        )
    return class_index(options.base, classes)


def _scale(sample: Tensor) -> Tensor | None:
    """Return powers of two that rescale columns whose squares would overflow or underflow."""
    size = sample.abs().amax(0) if sample.numel() else torch.zeros(0)
    extreme = (size > _LARGEST) | ((size < 1 / _LARGEST) & (size > 0))
    return torch.where(extreme, torch.exp2(-size.log2().round()), 1.0) if extreme.any() else None


def _centre(sample: Tensor, scale: Tensor | None) -> Tensor | None:
    """Return the centres of columns whose means are large compared with their spread."""
    if not sample.numel():
        return None
    sample = sample if scale is None else sample * scale
    mean, spread = sample.mean(0), sample.std(0, correction=0)
    far = mean.abs() > _FAR * spread
    return torch.where(far, mean, 0.0) if far.any() else None
