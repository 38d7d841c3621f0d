"""A fit: the fitted model, its facts, and everything that a report requires."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
from torch import nn

from neglog.errors.options import FitCombinationError
from neglog.fitting.design.design_matrix import Design
from neglog.fitting.design.prepared import Prepared
from neglog.fitting.inference.centred import centred
from neglog.fitting.inference.coefficients import Coefficients
from neglog.fitting.inference.statistics import Statistics
from neglog.fitting.options.fit_options import Options
from neglog.fitting.prediction.fitted_model import Fitted
from neglog.fitting.prediction.row_predictions import RowPredictions
from neglog.fitting.prediction.table_weights import table_weights
from neglog.fitting.running.progress import Epoch
from neglog.fitting.tables.factor_levels import shown
from neglog.likelihood import Likelihood

_Fit = TypeVar("_Fit", bound="Fit")


class Facts(Protocol):
    """Statistics of the rows: computed once, or read from a saved run."""

    @property
    def history(self) -> Sequence[Epoch]:
        """The losses step by step."""

    @property
    def loss(self) -> float:
        """The mean loss of the training rows, in nats."""

    @property
    def validation_loss(self) -> float | None:
        """The same for the validation rows, if any."""

    @property
    def null_loss(self) -> float:
        """The mean loss of the null model on the training rows."""

    @property
    def deviations(self) -> np.ndarray[Any, Any]:
        """(P,) the standard deviations of the encoded columns over the training rows."""

    @property
    def statistics(self) -> Statistics:
        """The log-likelihood, the deviance, and derived statistics."""

    @property
    def training(self) -> RowPredictions:
        """The predictions of the training rows; if streamed, of those with the highest losses."""

    @property
    def validation(self) -> RowPredictions:
        """The same for the validation rows."""

    @property
    def sampled(self) -> RowPredictions:
        """The predictions of a sample of the training rows, or of all."""


@dataclass(repr=False)
class Fit:
    """A fitted model with its facts.

    Attributes:
        source: the table's file name, or how else the rows came.
        fitted: the model, its likelihood, and what predictions require.
        data: the encoded rows.
        options: what was asked for.
        model_text: the model in one line, such as "linear, 30 features → 1 logit".
        optimizer: its name and options in one line.
        outcome: what ended the minimisation, in one sentence.
        converged: whether that is its minimum.
        facts: the figures of the rows.
        count: how many steps, or epochs, the minimisation had; the one numbered 0 is its start.
        step: the step whose weights the model has.
        gradient_norm: the Euclidean norm of the mean loss's gradient at the solution.
        decrement: the mean loss in nats that a further step of Newton's is expected to save; None
            for other minimisers.
        coefficients: a linear model's weights with their standard errors; None for a network.
        notes: warnings, each a sentence.
        interrupted: whether Ctrl-C ended the minimisation.
        at_infinity: whether an optimizer of torch diverged to infinity, as there is no maximum.
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
    facts: Facts
    count: int
    step: int = -1
    decrement: float | None = None
    coefficients: Coefficients | None = None
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False
    at_infinity: bool = False

    def __repr__(self) -> str:
        """Return the fit in one line."""
        state = "converged" if self.converged else "not converged"
        return f"{type(self).__name__}({self.target!r}: {self.kind}, {self.model_text}, {state})"

    @property
    def not_converged(self) -> bool:
        """Whether it missed its maximum, which torch's optimizers are not required to reach."""
        return not self.converged and (self.options.newton or self.at_infinity)

    @property
    def target(self) -> str:
        """The target's name."""
        return self.fitted.target.name

    @property
    def kind(self) -> str:
        """The likelihood's name."""
        return self.fitted.target.facts.name

    @property
    def likelihood(self) -> type[Likelihood]:
        """The declared likelihood."""
        return self.fitted.target.likelihood

    @property
    def reason(self) -> str:
        """The reason for the likelihood, in one sentence."""
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
        """How the columns of a table are encoded."""
        return self.data.design

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs, such as classes."""
        labels, response = self.classes or [], self.fitted.response
        own = labels if response.is_relative else response.labelled(labels)
        return [shown(label) for label in own] or [self.target]

    @property
    def sigma(self) -> float | None:
        """The errors' standard deviation by maximum likelihood (normal); else None."""
        return self.fitted.dispersion if self.fitted.response.has_normal_errors else None

    @property
    def training(self) -> RowPredictions:
        """The training rows; if streamed, those with the highest losses, highest first."""
        return self.facts.training

    @property
    def validation(self) -> RowPredictions:
        """The validation rows; if streamed, those with the highest losses."""
        return self.facts.validation

    @property
    def history(self) -> list[Epoch]:
        """The losses step by step."""
        return list(self.facts.history)

    @property
    def loss(self) -> float:
        """The mean loss of the training rows, in nats."""
        return self.facts.loss

    @property
    def validation_loss(self) -> float | None:
        """The same for the validation rows, if any."""
        return self.facts.validation_loss

    @property
    def null_loss(self) -> float:
        """The mean loss of the null model on the training rows."""
        return self.facts.null_loss

    @property
    def deviations(self) -> np.ndarray[Any, Any]:
        """(P,) the standard deviations of the encoded columns over the training rows."""
        return self.facts.deviations

    @property
    def statistics(self) -> Statistics:
        """The log-likelihood, the deviance, and derived statistics."""
        return self.facts.statistics

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

    def centred(self: _Fit) -> _Fit:
        """Return the same fit with coefficients of all classes, each feature's summing to 0.

        They do not depend on the base class; errors and intervals are theirs, and so are the
        summary and the report of the returned fit.

        Raises:
            FitError: the model is not a linear one of several classes that has coefficients.

        Example:
            >>> import neglog
            >>> x = [[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]
            >>> found = neglog.fit(x, ["a", "b", "a", "c", "b", "c"])
            >>> round(float(found.centred().coefficients.estimate[1::2].sum()), 9)
            0.0
        """
        if self.coefficients is None or not self.fitted.response.is_relative:
            raise FitCombinationError(
                "only a linear model of several classes that newton has solved can be centred, but "
                f"this is {self!r}."
            )
        result = copy(self)
        result.coefficients = centred(
            self.coefficients, [shown(label) for label in self.classes or ()]
        )
        return result
