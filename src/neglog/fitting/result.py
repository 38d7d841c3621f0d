"""What a fit returns: the four steps, their outcome, and every row's loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from neglog.fitting.design import Design
from neglog.likelihood import Likelihood


@dataclass(frozen=True)
class Epoch:
    """The mean losses after one step of the minimiser, in nats; step 0 is the start."""

    step: int
    training: float
    validation: float | None


@dataclass(frozen=True)
class Rows:
    """What the fitted model says of a set of rows.

    Attributes:
        index: each row's number in the table, from 0.
        truth: the target as the user wrote it: labels, or numbers.
        predicted: the most probable label, or the predicted mean.
        probabilities: (N, K) over `FitResult.classes`; None where the target is a number.
        loss: (N,), the information loss in nats, −ln of the probability (or density) of the truth.
    """

    index: np.ndarray[Any, Any]
    truth: np.ndarray[Any, Any]
    predicted: np.ndarray[Any, Any]
    probabilities: np.ndarray[Any, Any] | None
    loss: np.ndarray[Any, Any]


@dataclass
class FitResult:
    """A fitted model with all that is needed to read, to report and to use it.

    Attributes:
        source: the table's file name, or how else the rows came.
        target: the target's name.
        likelihood: the declaration that was chosen.
        reason: why, in one sentence.
        features: the names of the model's input columns, after encoding.
        classes: the labels in the order of the model's classes; None where the target is a number.
        model: maps encoded rows (N, P) of float64 to the likelihood's input.
        model_text: the model in one line, such as "linear, 30 features → 1 logit".
        optimizer: its name and options in one line.
        history: the losses step by step.
        converged: whether the minimiser reached its tolerance.
        outcome: what ended the minimisation, in one sentence.
        gradient_norm: the Euclidean norm of the mean loss's gradient at the solution.
        loss: the mean loss of the training rows, in nats.
        validation_loss: the same for the validation rows; None without any.
        null_loss: the mean loss of the training rows if only the base rate (or mean) is known.
        sigma: the errors' standard deviation by maximum likelihood (normal); else None.
        weights: (K, P) in the units of the table, K outputs by P features; None for a network.
        intercepts: (K,) in the units of the table; None for a network.
        outputs: the names of the K outputs, such as the class they speak for.
        training: the rows that were fitted.
        validation: the rows that were held out.
        notes: warnings, each a sentence.
        design: how a table's columns become the model's.
        hidden: the widths of the hidden layers; empty for a linear model.
        interrupted: whether Ctrl-C ended the minimisation.
    """

    source: str
    target: str
    likelihood: type[Likelihood]
    reason: str
    features: list[str]
    classes: list[Any] | None
    model: nn.Module
    model_text: str
    optimizer: str
    history: list[Epoch]
    converged: bool
    outcome: str
    gradient_norm: float
    loss: float
    validation_loss: float | None
    null_loss: float
    sigma: float | None
    weights: np.ndarray[Any, Any] | None
    intercepts: np.ndarray[Any, Any] | None
    outputs: list[str]
    training: Rows
    validation: Rows
    notes: list[str] = field(default_factory=list)
    design: Design | None = None
    hidden: tuple[int, ...] = ()
    interrupted: bool = False
