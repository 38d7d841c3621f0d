"""Train a network, or a linear model, with one of torch's optimizers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from neglog.errors.options import FitCombinationError
from neglog.fitting.batches.in_memory_rows import InMemoryRows
from neglog.fitting.design.prepared import InMemoryData
from neglog.fitting.likelihoods.responses import Response
from neglog.fitting.network import optimizers, schedule
from neglog.fitting.network.checkpoint import Checkpoint
from neglog.fitting.network.constants import Constants
from neglog.fitting.network.intervals import ensemble
from neglog.fitting.network.settings import Settings
from neglog.fitting.network.standardise import Standardise
from neglog.fitting.network.team import Team
from neglog.fitting.network.train import Trained, train
from neglog.fitting.options.config_file import fixed_options
from neglog.fitting.options.fit_options import Options
from neglog.fitting.prediction.fitted_model import Fitted
from neglog.fitting.prediction.members import Members
from neglog.fitting.results.fit import Fit
from neglog.fitting.running.progress import Epoch, Listener
from neglog.fitting.solvers.facts import NetworkFacts
from neglog.fitting.solvers.network_losses import EMPTY, Losses, dense
from neglog.translation import gettext as _

_GRADIENT = 1e-7


def solve(
    name: str,
    data: InMemoryData,
    options: Options,
    listener: Listener,
    checkpoint: Checkpoint | None = None,
) -> Fit:
    """Fit the training rows; see `neglog.fit` for the options.

    Raises:
        FitError: the rows cannot be fitted, or the checkpoint is of another fit.
    """
    rows = _Rows(data, options)
    one = _Training(rows, options, rows.training, options.seed)
    facts, features = data.target.facts, data.design.names
    text = options.architecture.describe(len(features), rows.response.outputs, facts.output_name)
    listener.describe(text, f"{facts.name}: {_(facts.loss)}", one.text)
    trained = one.train(listener, _network_checkpoint(checkpoint, rows, options))
    separated = one.losses.separation_outcome(trained, features)
    outcome = separated or one.losses.with_separation_note(trained)
    listener.message("minimise", outcome.text)
    interrupted, notes = trained.ending == "interrupted", data.notes + outcome.notes
    members = None
    if options.members and not interrupted:
        members = _members(rows, options, listener, checkpoint)
        interrupted = members is None
        notes += [_("Ctrl-C stopped the ensemble: there are no intervals.")] * interrupted
    model, shared = one.result()
    notes += _learnt(rows.response, shared)
    fitted = Fitted(model, data.target, rows.response, shared, one.losses.dispersion(), members)
    return Fit(
        source=name,
        fitted=fitted,
        data=data,
        options=options,
        model_text=text,
        optimizer=one.text,
        outcome=outcome.text,
        converged=outcome.converged,
        at_infinity=separated is not None,
        facts=NetworkFacts(data, fitted, trained.history, trained.epoch),
        count=len(trained.history) - 1,
        step=trained.epoch,
        gradient_norm=trained.gradient_norm,
        notes=notes,
        interrupted=interrupted,
    )


class _Rows:
    """The training rows, the validation rows, and their response."""

    def __init__(self, data: InMemoryData, options: Options) -> None:
        self.training, self.held_out = data.part(data.training), data.part(data.validation)
        self.response = _response(data, self.training, options)
        self.constants = EMPTY
        if self.response.shared:
            y = self.response.encode_target(self.training.y)
            start = self.response.start(y, self.training.weight)
            self.constants = start[self.response.outputs :]

    def facts(self, options: Options) -> dict[str, Any]:
        """Return further facts that a training depends on."""
        named = {
            "targets": self.training.y,
            "sample weights": self.training.weight,
            "offsets": self.training.offset,
            "rows held out": dense(self.held_out),
            "targets held out": self.held_out.y,
            "response": repr(self.response),
        }
        return named | fixed_options(options)


class _Training:
    """One network of a fit, and its training."""

    def __init__(self, rows: _Rows, options: Options, training: InMemoryRows, seed: int) -> None:
        x = dense(training)
        self.build = partial(_network, options, rows, Standardise.of(x), seed)
        self.model: nn.Sequential = self.build()
        self.team = _team(self.model, options)
        epochs, batch = options.limits
        assert epochs is not None
        assert batch is not None
        self.settings = Settings(
            epochs=epochs,
            batch=batch,
            seed=seed,
            patience=options.patience,
            min_delta=options.min_delta,
            tolerance=_GRADIENT,
        )
        self.optimizer, words = optimizers.make(
            options.chosen, dict(options.optimizer_options or {}), self.model
        )
        self.schedule = schedule.Schedule()
        if options.schedule is not None:
            steps = self.settings.steps(self.optimizer, len(x))
            self.schedule = schedule.make(
                options.schedule, options.schedule_options or {}, self.optimizer, epochs, steps
            )
        self.losses = Losses(self.model, rows.response, training, rows.held_out, x)
        text = _("{optimizer}, {epochs} epochs in batches of {rows} rows")
        self.text = text.format(
            optimizer=f"{words}{_default_text(options)}{_schedule_text(self.schedule)}",
            epochs=epochs,
            rows=self.settings.rows(self.optimizer, len(x)),
        )

    def train(self, listener: Listener, checkpoint: Checkpoint | None) -> Trained:
        """Train the network in place."""
        trained = train(
            self.model, self.losses.objective(), self.optimizer, self.schedule, self.settings,
            listener, checkpoint, self.team,
        )  # fmt: skip
        if self.team.sharded:
            state = {name: self.team.gather(t) for name, t in self.model.state_dict().items()}
            self.model = self.losses.model = self.build()
            self.model.load_state_dict(state)
        self.model.requires_grad_(False).eval()
        return trained

    def result(self) -> tuple[nn.Sequential, Tensor]:
        """Return the network without the layer of the constants, and the constants."""
        layer = self.model[-1]
        if not isinstance(layer, Constants):
            return self.model, EMPTY
        return nn.Sequential(*list(self.model)[:-1]), layer.values.detach().clone()


def _network(options: Options, rows: _Rows, units: Standardise, seed: int) -> nn.Sequential:
    """Build a network, with a layer of constants if the likelihood has some."""
    model = options.architecture.build(units, rows.response.outputs, seed)
    return model.append(Constants(rows.constants)) if len(rows.constants) else model


def _learnt(response: Response, shared: Tensor) -> list[str]:
    """Return a note on the constants, which no table of coefficients holds."""
    if not len(shared):
        return []
    pairs = zip(response.shared, shared.tolist(), strict=True)
    values = ", ".join(f"{name} = {value:.5g}" for name, value in pairs)
    return [_("learnt with the weights: {values}.").format(values=values)]


def _team(model: nn.Sequential, options: Options) -> Team:
    """Return the team of processes that train a network."""
    if not options.distributed:
        return Team(model)
    from neglog.fitting.network.process_team import wrap

    return wrap(model, "fsdp2" if options.shard else "ddp")


def _members(
    rows: _Rows, options: Options, listener: Listener, checkpoint: Checkpoint | None
) -> Members | None:
    """Train the networks of an ensemble; return None after Ctrl-C."""
    count = options.members
    text = _("{count} more networks, of other seeds, for intervals of level {level:g}")
    if options.bootstrap is not None:
        text = _(
            "{count} more networks, of other seeds and drawn rows, for intervals of level {level:g}"
        )
    listener.message("ensemble", text.format(count=count, level=options.level))
    models: list[nn.Module] = []

    def train_one(seed: int, chosen: Tensor) -> nn.Module:
        one = _Training(rows, options, rows.training.at(chosen), seed)
        trained = one.train(
            Listener(), _network_checkpoint(checkpoint, rows, options, len(models) + 1)
        )
        if trained.ending == "interrupted":
            raise KeyboardInterrupt
        model, _ = one.result()
        models.append(model)
        last = trained.history[trained.epoch]
        listener.step(Epoch(len(models), last.training, last.validation))
        return model

    listener.start(count)
    try:
        bootstrap = options.bootstrap is not None
        ensemble(train_one, rows.training.rows, count, bootstrap, options.seed)
    except KeyboardInterrupt:
        return None
    finally:
        listener.stop()
    return Members(tuple(models), bootstrap, options.level)


def _network_checkpoint(
    checkpoint: Checkpoint | None, rows: _Rows, options: Options, member: int = 0
) -> Checkpoint | None:
    """Return the checkpoint of one network."""
    if checkpoint is None:
        return None
    path = checkpoint.path
    if member:
        path = path.with_name(f"{path.stem}-{member}{path.suffix}")
    return replace(checkpoint, path=path, facts=rows.facts(options))


def _response(data: InMemoryData, training: InMemoryRows, options: Options) -> Response:
    response = data.target.facts.response(len(data.target.classes or ()), 0, options)
    if response.shared and not response.learns_constants:
        raise FitCombinationError(
            f"the {data.target.facts.name} likelihood has parameters in addition to the model's "
            f"output, {response.shared[0]} the first, which newton finds and an "
            "optimizer does not; choose another likelihood or newton."
        )
    response = response.without_reference()
    return response.in_units_of(response.encode_target(training.y), training.weight)


def _default_text(options: Options) -> str:
    if options.optimizer:
        return ""
    return " " + (
        _("(the default for networks)") if options.hidden else _("(the default for linear models)")
    )


def _schedule_text(plan: schedule.Schedule) -> str:
    return " " + _("with {schedule}").format(schedule=plan.text) if plan.text else ""
