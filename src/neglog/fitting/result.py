"""What a fit returns: the four steps, their outcome, and every row's loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from neglog.errors import FitError
from neglog.fitting.design.design_matrix import Design
from neglog.fitting.design.prepared import Prepared
from neglog.fitting.inference.centred import centred
from neglog.fitting.inference.coefficients import Coefficients
from neglog.fitting.linear import null_model
from neglog.fitting.options.fit_options import Options
from neglog.fitting.prediction.row_predictions import Fitted, RowPredictions
from neglog.fitting.prediction.table_weights import table_weights
from neglog.fitting.running.progress import Epoch
from neglog.fitting.tables.factor_levels import shown
from neglog.likelihood import Likelihood

if TYPE_CHECKING:
    from neglog.fitting.inference.statistics import Statistics
    from neglog.fitting.results.evaluate import Evaluation
    from neglog.fitting.results.predict import Predictions

_LOOK = 10_000


@dataclass(repr=False)
class FitResult:
    """A fitted model with all that is needed to read, to report and to use it.

    Attributes:
        source: the table's file name, or how else the rows came.
        fitted: the model, its likelihood, and what it takes to judge rows by them.
        data: the encoded rows.
        options: what was asked for.
        model_text: the model in one line, such as "linear, 30 features → 1 logit".
        optimizer: its name and options in one line.
        outcome: what ended the minimisation, in one sentence.
        converged: whether that is its minimum.
        steps: a linear model's losses step by step, in the response's units: that of the training
            and that of the validation rows.
        epochs: a network's, in nats; None for a linear model.
        step: the step whose weights the model has.
        gradient_norm: the Euclidean norm of the mean loss's gradient at the solution.
        decrement: the mean loss in nats that a further step of Newton's is expected to save; None
            for other minimisers.
        coefficients: a linear model's weights with their standard errors; None for a network.
        notes: warnings, each a sentence.
        interrupted: whether Ctrl-C ended the minimisation.
        at_infinity: whether an optimizer of torch was seen to go there, for want of a maximum.
    """

    source: str
    fitted: Fitted
    data: Prepared
    options: Options
    model_text: str
    optimizer: str
    outcome: str
    converged: bool
    gradient_norm: float
    steps: Sequence[tuple[float, float | None]] = ()
    epochs: list[Epoch] | None = None
    step: int = -1
    decrement: float | None = None
    coefficients: Coefficients | None = None
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False
    at_infinity: bool = False

    def __repr__(self) -> str:
        """Return the fit in one line."""
        state = "converged" if self.converged else "not converged"
        return f"FitResult({self.target!r}: {self.kind}, {self.model_text}, {state})"

    @property
    def fell_short(self) -> bool:
        """Whether it ended without its maximum, which one of torch's is not asked to reach."""
        return not self.converged and (self.options.newton or self.at_infinity)

    @property
    def target(self) -> str:
        """The target's name."""
        return self.fitted.target.name

    @property
    def kind(self) -> str:
        """The likelihood's name."""
        return self.fitted.target.kind

    @property
    def likelihood(self) -> type[Likelihood]:
        """The declaration that was chosen."""
        return self.fitted.target.likelihood

    @property
    def reason(self) -> str:
        """Why this likelihood, in one sentence."""
        return self.fitted.target.reason

    @property
    def features(self) -> list[str]:
        """The names of the model's input columns, after encoding."""
        return self.data.design.names

    @property
    def classes(self) -> list[Any] | None:
        """The labels in the order of the model's classes; None where the target is a number."""
        return self.fitted.target.classes

    @property
    def model(self) -> nn.Module:
        """Maps encoded rows (N, P) of float64 to the likelihood's linear predictors."""
        return self.fitted.model

    @property
    def design(self) -> Design:
        """How a table's columns become the model's."""
        return self.data.design

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs, such as the class they speak for."""
        if self.classes is None or self.kind == "ordinal":
            return [self.target]
        return [shown(label) for label in self.classes[1 if self.kind == "bernoulli" else 0 :]]

    @property
    def sigma(self) -> float | None:
        """The errors' standard deviation by maximum likelihood (normal); else None."""
        return self.fitted.dispersion if self.kind == "normal" else None

    def predict(
        self, data: Any, *, unseen: str = "refuse", reading: Mapping[str, Any] | None = None
    ) -> Predictions:
        """Return what the model says of another table: see `neglog.predict`."""
        from neglog.fitting.results.predict import predict

        return predict(self, data, unseen=unseen, reading=reading)

    def evaluate(
        self, data: Any, y: Any = None, *, reading: Mapping[str, Any] | None = None
    ) -> Evaluation:
        """Weigh the model on another table: see `neglog.evaluate`."""
        from neglog.fitting.results.evaluate import evaluate

        return evaluate(self, data, y, reading=reading)

    @cached_property
    def training(self) -> RowPredictions:
        """The rows that were fitted; of those that were streamed the worst, the worst first."""
        return self.data.judged(self.fitted)

    @cached_property
    def validation(self) -> RowPredictions:
        """The rows that were held out; of those that were streamed the worst."""
        return self.data.judged(self.fitted, held=True)

    @cached_property
    def history(self) -> list[Epoch]:
        """The losses step by step."""
        if self.epochs is not None:
            return self.epochs
        return [
            Epoch(
                step,
                self._nats(fitted, fitted),
                None if held is None else self._nats(held, fitted, held=True),
            )
            for step, (fitted, held) in enumerate(self.steps)
        ]

    @property
    def count(self) -> int:
        """How many steps, or epochs, the minimisation had; the one numbered 0 is its start."""
        return len(self.steps if self.epochs is None else self.epochs) - 1

    @cached_property
    def loss(self) -> float:
        """The mean loss of the training rows, in nats."""
        if self.epochs is not None:
            return self.epochs[self.step].training
        fitted, _ = self.steps[self.step]
        return self._nats(fitted, fitted)

    @cached_property
    def validation_loss(self) -> float | None:
        """The same for the validation rows; None without any."""
        if self.epochs is not None:
            return self.epochs[self.step].validation
        fitted, held = self.steps[self.step]
        return None if held is None else self._nats(held, fitted, held=True)

    @cached_property
    def null_loss(self) -> float:
        """The mean loss of the training rows if only the base rate (or mean) is known."""
        return null_model.loss(self.data.problem(self.fitted.response))

    @cached_property
    def deviations(self) -> np.ndarray[Any, Any]:
        """(P,) the encoded columns' standard deviations over the training rows."""
        problem = self.data.problem(self.fitted.response)
        some = [batch.columns.dense()[:, :-1] for batch in problem.source.sample(_LOOK)]
        size = torch.cat(some).abs().amax(0)
        unit = torch.where(size > 0, size, 1.0)  # else squares of 1e200 would be infinite

        def mean_of(change: Callable[[Tensor], Tensor]) -> Tensor:
            total = torch.zeros(problem.source.features, dtype=torch.float64)
            for batch in problem.source:
                total += change(batch.columns.dense()[:, :-1] / unit).sum(0)
            return problem.reduce(total) / problem.source.rows

        mean = mean_of(lambda x: x)
        own = mean_of(lambda x: (x - mean).square()).sqrt()
        return np.asarray((own * unit).numpy())

    @cached_property
    def statistics(self) -> Statistics:
        """The likelihood, the deviance, and what is made of them."""
        from neglog.fitting.inference import statistics

        return statistics.of(self)

    @property
    def weights(self) -> np.ndarray[Any, Any] | None:
        """(K, P) in the units of the table, K outputs by P features; None for a network.

        Those of several classes are centred: each feature's sum to 0.
        """
        return None if self._table_weights is None else self._table_weights[0]

    @property
    def intercepts(self) -> np.ndarray[Any, Any] | None:
        """(K,) in the units of the table; None for a network."""
        return None if self._table_weights is None else self._table_weights[1]

    @cached_property
    def _table_weights(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
        if self.options.hidden:
            return None
        assert isinstance(self.model, nn.Sequential)
        return table_weights(self.model, self.fitted.response)

    def _nats(self, loss: float, fitted: float, held: bool = False) -> float:
        """Return the mean loss of some rows in nats, with the training rows' dispersion."""
        response = self.fitted.response
        dispersion = self.data.problem(response).dispersion(fitted)
        return self.data.problem(response, held).nats(loss, dispersion)

    def centred(self) -> FitResult:
        """Return the same fit with coefficients of all classes, each feature's summing to 0.

        They do not depend on the base class; errors and intervals are theirs, and so are the
        summary and the report of what is returned.

        Raises:
            FitError: the model is not a linear one of several classes that has coefficients.

        Example:
            >>> import neglog
            >>> x = [[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]
            >>> found = neglog.fit(x, ["a", "b", "a", "c", "b", "c"])
            >>> round(float(found.centred().coefficients.estimate[1::2].sum()), 9)
            0.0
        """
        if self.coefficients is None or self.kind != "categorical":
            raise FitError(
                "only a linear model of several classes that newton has solved can be centred, but "
                f"this is {self!r}."
            )
        made = copy(self)
        made.statistics = self.statistics  # which count the coefficients that are free
        made.coefficients = centred(
            self.coefficients, [shown(label) for label in self.classes or ()]
        )
        return made

    def summary(self) -> Any:
        """Return the summary: what was fitted, how well, and the table of coefficients."""
        from neglog.report.fit_summary import Summary

        return Summary(self)
