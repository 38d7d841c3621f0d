"""A network, or a linear model, of prepared rows, trained by an optimizer of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from neglog import families, functional
from neglog.errors import FitError
from neglog.fitting import optimizers
from neglog.fitting.data import Data
from neglog.fitting.judge import Fitted
from neglog.fitting.linear import separation
from neglog.fitting.linear import sums as linear
from neglog.fitting.linear.memory import Memory
from neglog.fitting.linear.responses import Classes, Response, average
from neglog.fitting.listener import Listener
from neglog.fitting.models import Standardise
from neglog.fitting.network.architecture import Architecture
from neglog.fitting.network.problem import Problem
from neglog.fitting.network.settings import Settings
from neglog.fitting.network.train import Trained, train
from neglog.fitting.null import mean_nats
from neglog.fitting.options import Options
from neglog.fitting.outcome import Outcome, at_infinity
from neglog.fitting.result import FitResult

_GRADIENT = 1e-7
_NOTHING = torch.zeros(0, dtype=torch.float64)


def solve(name: str, data: Data, options: Options, listener: Listener) -> FitResult:
    """Fit the training rows; `neglog.fit` says what the options mean.

    Raises:
        FitError: the rows cannot be fitted.
    """
    training, held = data.part(data.training), data.part(data.validation)
    response = _response(data, training, options)
    facts, features = data.target.facts, len(data.design.names)
    architecture = Architecture(tuple(options.hidden))
    x = _dense(training)
    model = architecture.build(Standardise.of(x), response.outputs, options.seed)
    text = architecture.describe(features, response.outputs, facts.emits)
    optimizer, words = optimizers.make(options.chosen, dict(options.optimizer_options), model)
    settings = Settings(
        epochs=options.epochs or Settings.epochs,
        batch=options.batch_size or Settings.batch,
        seed=options.seed,
        tolerance=_GRADIENT,
    )
    words = (
        f"{words}{_default(options)}, {settings.epochs} epochs in batches of "
        f"{settings.rows(optimizer, len(x))} rows"
    )
    for step, said in (("model", text), ("loss", f"{data.target.kind}: {facts.loss}"),
                       ("optimizer", words)):  # fmt: skip
        listener.say(step, said)
    losses = _Losses(model, response, training, held, x)
    ended = train(model, losses.problem(), optimizer, settings=settings, listener=listener)
    model.requires_grad_(False).eval()
    outcome = losses.explained(ended, data.design.names)
    listener.say("minimise", outcome.text)
    return FitResult(
        source=name,
        fitted=Fitted(model, data.target, response, _NOTHING, losses.dispersion()),
        data=data,
        options=options,
        model_text=text,
        optimizer=words,
        outcome=outcome.text,
        converged=outcome.converged,
        epochs=ended.history,
        step=ended.epoch,
        gradient_norm=ended.gradient_norm,
        notes=data.notes + outcome.notes,
        interrupted=ended.ending == "interrupted",
    )


def _response(data: Data, training: Memory, options: Options) -> Response:
    response = data.target.facts.make(len(data.target.classes or ()), 0, options)
    if response.shared:
        raise FitError(
            f"the {data.target.kind} likelihood has parameters beside the model's output, "
            f"{response.shared[0]} the first, which newton finds and an optimizer does not; choose "
            "another likelihood or newton."
        )
    if isinstance(response, Classes):
        response = replace(response, outputs=response.outputs + 1, base=None)
    return response.in_units_of(response.reads(training.y), training.weight)


def _dense(source: Memory) -> Tensor:
    return torch.cat([batch.columns.dense()[:, :-1] for batch in source] or [source.x.double()])


def _default(options: Options) -> str:
    if options.optimizer:
        return ""
    return f" (the default for {'networks' if options.hidden else 'linear models'})"


class _Losses:
    """The losses of a model as it is, of the rows fitted and of those held out."""

    def __init__(
        self, model: nn.Sequential, response: Response, training: Memory, held: Memory, x: Tensor
    ) -> None:
        self.model, self.response, self.x = model, response, x
        self.y, self.weight = response.reads(training.y), training.weight
        self.offset = training.offset
        self.held, self.held_x = held, _dense(held)
        self.training = training

    def problem(self) -> Problem:
        """Return what the training minimises."""
        return Problem(self.x, self.loss, self.both, self.mass, lambda: not self.all_right())

    def loss(self, output: Tensor, rows: Tensor) -> Tensor:
        """Return the mean loss of some rows, in the response's units."""
        own = [None if t is None else t[rows] for t in (self.y, self.weight, self.offset)]
        y, weight, offset = own
        assert y is not None
        return mean_loss(self.response, output, y, weight, offset)

    def mean(self, of: Callable[[Tensor], Tensor]) -> float:
        """Return the mean over the rows fitted of a function of the target."""
        return average(of(self.y), self.weight)

    def mass(self, rows: Tensor) -> float:
        """Return what the mean loss of some rows divides by."""
        return float(len(rows) if self.weight is None else self.weight[rows].sum())

    def both(self) -> tuple[float, float | None]:
        """Return the mean losses in nats, of the rows held out with the others' dispersion."""
        fitted = self._whole()
        dispersion = self.response.dispersion(fitted, self.mean)
        training = mean_nats(self.response, fitted, self.y, self.weight, dispersion)
        if not self.held.rows:
            return training, None
        y = self.response.reads(self.held.y)
        loss = mean_loss(
            self.response, self.model(self.held_x), y, self.held.weight, self.held.offset
        )
        return training, mean_nats(self.response, float(loss), y, self.held.weight, dispersion)

    def dispersion(self) -> float | None:
        """Return the dispersion of greatest likelihood of the model as it is."""
        return self.response.dispersion(self._whole(), self.mean)

    @torch.no_grad()
    def _whole(self) -> float:
        return float(mean_loss(self.response, self.model(self.x), self.y, self.weight, self.offset))

    @torch.no_grad()
    def all_right(self) -> bool:
        """Tell whether every training row's own class is the most probable one."""
        output = self.model(self.x)
        if isinstance(self.response, Classes):
            return bool((self.response.logits(output).argmax(1) == self.y).all())
        if self.response.link != "logit":
            return False
        return bool(((output[:, 0] > 0) == (self.y > 0.5)).all() and self._labels())

    def _labels(self) -> bool:
        return bool(((self.y == 0) | (self.y == 1)).all())

    def explained(self, ended: Trained, names: Sequence[str]) -> Outcome:
        """Return an outcome that says so where no minimum can be reached."""
        outcome = ended.outcome
        if outcome.converged or not self.all_right():
            return outcome
        if len(self.model) > 2:
            note = (
                "the network tells all training rows apart: its loss can go on towards 0 for ever."
            )
            return replace(outcome, notes=[*outcome.notes, note])
        base = 0 if isinstance(self.response, Classes) else None
        response = self.response
        if isinstance(response, Classes):
            response = replace(response, outputs=response.outputs - 1, base=base)
        source = replace(self.training, y=self.y)
        problem = linear.Problem(response, source, self.mass(torch.arange(source.rows)))
        how = separation.found(problem, torch.arange(problem.size), names)
        return at_infinity(how, ended.epoch, "epoch") if how else outcome


def mean_loss(
    response: Response, output: Tensor, y: Tensor, weight: Tensor | None, offset: Tensor | None
) -> Tensor:
    """Return the mean of the rows' losses, less their constants, in the response's units."""
    if offset is not None:
        output = output + (offset / response.spread)[:, None]
    if response.declaration is families.Bernoulli:
        loss = functional.binary_cross_entropy_with_logits(output[:, 0], y, reduction="none")
    elif isinstance(response, Classes):
        loss = functional.cross_entropy(response.logits(output), y, reduction="none")
    else:
        loss = response.local(output, _NOTHING, y).nll
    return loss.mean() if weight is None else (loss * weight).sum() / weight.sum()
