"""The four steps by name: model, loss, optimizer, minimise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from neglog.families import Bernoulli, Categorical, Normal
from neglog.fitting import loop, models, optimizers
from neglog.fitting.data import Data, prepare
from neglog.fitting.judge import judge
from neglog.fitting.listener import Listener
from neglog.fitting.minimise import Minimiser, Part, minimise
from neglog.fitting.newton import STEPS, Newton
from neglog.fitting.objective import FORMULAS, Objective
from neglog.fitting.options import Options
from neglog.fitting.outcome import Outcome
from neglog.fitting.result import Epoch, FitResult, Rows
from neglog.fitting.table import Table
from neglog.fitting.targets import Target

_EMITTED = {Bernoulli: "logit", Categorical: "logit", Normal: "mean"}
_EXACT = 1e-20


@dataclass(frozen=True)
class Solution:
    """The minimised model and how it came about."""

    model: nn.Sequential
    model_text: str
    optimizer: str
    outcome: Outcome
    history: list[Epoch]
    interrupted: bool
    gradient_norm: float
    sigma: float | None


def fit_table(table: Table, name: str, options: Options, listener: Listener) -> FitResult:
    """Fit a table that has been read; `neglog.fit` says what the options mean.

    Raises:
        FitError: the table cannot be fitted.
    """
    data = prepare(table, name, options)
    held = f"{len(data.training)} rows for training, {len(data.validation)} for validation"
    listener.say("data", f"{table.source}: {held}")
    target = data.target
    listener.say("target", f"{name} is {target.likelihood.name}: {target.reason}")
    objective = Objective.of(target.likelihood, target.classes or (), data.y[data.training])
    solution = _solve(data, objective, options, listener)
    weights, intercepts = None, None
    if not options.hidden:
        weights, intercepts = models.table_weights(solution.model)
    training, validation = (
        _rows(data, solution, part) for part in (data.training, data.validation)
    )
    return FitResult(
        source=table.source,
        target=name,
        likelihood=target.likelihood,
        reason=target.reason,
        features=data.design.names,
        classes=target.classes,
        model=solution.model,
        model_text=solution.model_text,
        optimizer=solution.optimizer,
        history=solution.history,
        converged=solution.outcome.converged,
        outcome=solution.outcome.text,
        gradient_norm=solution.gradient_norm,
        loss=float(training.loss.mean()),
        validation_loss=float(validation.loss.mean()) if len(validation.loss) else None,
        null_loss=objective.null(data.y[data.training]),
        sigma=solution.sigma,
        weights=weights,
        intercepts=intercepts,
        outputs=_outputs(target),
        training=training,
        validation=validation,
        notes=data.notes + solution.outcome.notes,
        design=data.design,
        hidden=tuple(options.hidden),
        interrupted=solution.interrupted,
    )


def _solve(data: Data, objective: Objective, options: Options, listener: Listener) -> Solution:
    y = objective.standard(data.y)
    training = Part(data.x[data.training], y[data.training])
    validation = Part(data.x[data.validation], y[data.validation])
    units = models.Standardise.of(training.x)
    model = models.build(units, options.hidden, objective.outputs, options.seed)
    emitted = _EMITTED[objective.likelihood]
    text = models.describe(data.x.shape[1], options.hidden, objective.outputs, emitted)
    listener.say("model", text)
    listener.say("loss", f"{objective.likelihood.name}: {FORMULAS[objective.likelihood]}")
    minimiser, optimizer = _minimiser(options, model, objective, training, data.design.names)
    listener.say("optimizer", optimizer)
    outcome, history, interrupted = minimise(
        minimiser, model, objective, training, validation, listener
    )
    norm = loop.gradient_norm(model, objective, training.x, training.y)
    model.requires_grad_(False).eval()
    sigma = None
    if objective.likelihood is Normal:
        outcome, sigma, norm = _normal(outcome, model, objective, training, norm)
    listener.say("minimise", outcome.text)
    return Solution(model, text, optimizer, outcome, history, interrupted, norm, sigma)


def _minimiser(
    options: Options,
    model: nn.Sequential,
    objective: Objective,
    training: Part,
    names: list[str],
) -> tuple[Minimiser, str]:
    if options.newton:
        x = model[0](training.x)
        limit = options.epochs or STEPS
        layer = models.last(model)
        made = Newton(layer, objective, x, training.y, names, limit)
        return made, f"newton{_default(options)}: first and second derivatives, all rows at once"
    optimizer, text = optimizers.make(options.chosen, dict(options.optimizer_options), model)
    epochs, batch = options.epochs or loop.EPOCHS, options.batch_size or loop.BATCH
    loops = loop.Loop(
        model, objective, training.x, training.y, optimizer, epochs, batch, options.seed, names
    )
    batch = min(loops.batch, len(training.x))
    return loops, f"{text}{_default(options)}, {epochs} epochs in batches of {batch} rows"


def _default(options: Options) -> str:
    """Say where the optimizer was not asked for."""
    if options.optimizer:
        return ""
    return f" (the default for {'networks' if options.hidden else 'linear models'})"


def _normal(
    outcome: Outcome, model: nn.Sequential, objective: Objective, training: Part, norm: float
) -> tuple[Outcome, float, float]:
    """Return the outcome, σ and the gradient's norm in nats; put the model into table units."""
    squares = 2 * float(objective.loss(model(training.x), training.y))
    variance = objective.variance(squares / 2)
    models.in_units_of(model, objective.centre, objective.spread)
    if squares < _EXACT:
        text = (
            "the features reproduce the target exactly, so that σ is 0 and the likelihood has no "
            "maximum; the weights are those of least squares."
        )
        outcome = Outcome(False, text, outcome.notes)
    return outcome, variance**0.5 * objective.spread, norm / variance


def _rows(data: Data, solution: Solution, part: np.ndarray[Any, Any]) -> Rows:
    arrays = data.index[part], data.x[part], data.truth[part]
    return judge(solution.model, data.target, solution.sigma, *arrays)


def _outputs(target: Target) -> list[str]:
    if target.classes is None:
        return [target.name]
    first = 1 if target.likelihood is Bernoulli else 0
    return [str(label) for label in target.classes[first:]]
