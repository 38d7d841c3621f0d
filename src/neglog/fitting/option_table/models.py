"""The options of the model, its loss, its training and its standard errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from neglog.fitting.option_table.option import (
    AT_LEAST_1,
    BETWEEN_0_AND_1,
    FRACTION,
    INTERVALS,
    MODEL,
    NETWORKS,
    NEWTON,
    NOT_NEGATIVE,
    OPTIMIZER,
    POSITIVE,
    TRAINED,
    Option,
)

LIKELIHOODS = (
    "bernoulli", "binomial", "categorical", "ordinal", "normal", "laplace", "quantile", "huber",
    "student_t", "poisson", "negative_binomial", "gamma",
)  # fmt: skip
_DECAY = "pass --option weight_decay=… (optimizer_options=)"
_OWN_PENALTY = "firth is a penalty of its own"


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """The model and its loss."""

    likelihood: Annotated[
        str | type | None,
        Option(
            f"The distribution of the target: {', '.join(LIKELIHOODS[:-1])} or {LIKELIHOODS[-1]}; "
            "or one that you declare, such as my_losses.py:Rayleigh or package.module:Rayleigh.",
            MODEL,
            python="A declaration is a subclass of `neglog.likelihood.Elementwise` that states its "
            "`link`; you may pass the class itself.",
            unset="inferred from the target",
        ),
    ] = None
    base: Annotated[
        Any,
        Option(
            "The reference class, whose weights are 0.",
            MODEL,
            unset="the first of two classes, the most frequent of three or more",
            models=NEWTON,
        ),
    ] = None
    quantile: Annotated[
        float,
        Option("The quantile to predict.", MODEL, within=BETWEEN_0_AND_1, likelihood="quantile"),
    ] = 0.5
    delta: Annotated[
        float,
        Option(
            "The error at which Huber's loss turns linear, in units of the errors' scale.",
            MODEL,
            within=POSITIVE,
            likelihood="huber",
        ),
    ] = 1.345
    settings: Annotated[
        Mapping[str, Any] | None,
        Option(
            "The constants of student_t (df, 4 by default) or your own likelihood to hold fixed; "
            "the others are estimated.",
            MODEL,
            python='For example ``{"df": 4.0}``.',
            flags=("setting",),
        ),
    ] = None
    l2: Annotated[
        float,
        Option(
            "The L2 penalty strength: the factor of half the squared weights of standardised "
            "columns, added to the mean loss.",
            MODEL,
            within=NOT_NEGATIVE,
            models=NEWTON,
            instead=_DECAY,
        ),
    ] = 0.0
    l1: Annotated[
        float,
        Option(
            "The L1 penalty strength: the factor of the absolute weights of standardised columns, "
            "added to the mean loss.",
            MODEL,
            within=NOT_NEGATIVE,
            models=NEWTON,
            instead=_DECAY,
        ),
    ] = 0.0
    firth: Annotated[
        bool,
        Option(
            "Firth's correction of the first-order bias, for two classes; it gives finite weights "
            "for separated classes too.",
            MODEL,
            models=NEWTON,
            excludes={"l1": _OWN_PENALTY, "l2": _OWN_PENALTY},
            instead=_DECAY,
        ),
    ] = False
    hidden: Annotated[
        Sequence[int],
        Option(
            "The widths of the hidden layers; without them, the model is linear.",
            MODEL,
            python="For example ``[64, 32]``.",
            command="For example 64,32.",
            written=True,
        ),
    ] = ()
    activation: Annotated[
        str,
        Option(
            "The activation of the hidden layers, any of torch.nn, such as gelu.",
            MODEL,
            models=NETWORKS,
        ),
    ] = "relu"
    dropout: Annotated[
        float,
        Option(
            "The dropout probability of the hidden layers.",
            MODEL,
            within=FRACTION,
            models=NETWORKS,
        ),
    ] = 0.0


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """The optimizer."""

    optimizer: Annotated[
        str | None,
        Option(
            "newton (only for linear models), or any class of torch.optim, such as adam, sgd or "
            "lbfgs.",
            OPTIMIZER,
            unset="newton for linear models, adam for networks",
        ),
    ] = None
    optimizer_options: Annotated[
        Mapping[str, Any] | None,
        Option(
            "The options of the optimizer.",
            OPTIMIZER,
            python='For example ``{"lr": 0.1}``.',
            flags=("lr", "option"),
            models=TRAINED,
        ),
    ] = None
    epochs: Annotated[
        int | None,
        Option(
            "The maximum number of passes over the rows, or of Newton steps.",
            OPTIMIZER,
            unset="200 passes",
            within=AT_LEAST_1,
        ),
    ] = None
    batch_size: Annotated[
        int | None,
        Option(
            "The number of rows per step.",
            OPTIMIZER,
            unset="256",
            within=AT_LEAST_1,
            models=TRAINED,
        ),
    ] = None
    schedule: Annotated[
        str | None,
        Option(
            "The learning-rate schedule, any class of torch.optim.lr_scheduler, such as "
            "onecyclelr.",
            OPTIMIZER,
            unset="a constant rate",
            models=TRAINED,
        ),
    ] = None
    schedule_options: Annotated[
        Mapping[str, Any] | None,
        Option(
            "The options of the schedule.",
            OPTIMIZER,
            python='For example ``{"max_lr": 0.01}``.',
            flags=("schedule_option",),
            needs=("schedule",),
        ),
    ] = None
    patience: Annotated[
        int | None,
        Option(
            "Stop after this number of epochs without a lower validation loss, and keep the "
            "weights with the lowest.",
            OPTIMIZER,
            within=AT_LEAST_1,
            models=TRAINED,
        ),
    ] = None
    min_delta: Annotated[
        float,
        Option(
            "The minimum improvement of the validation loss, in nats.",
            OPTIMIZER,
            within=NOT_NEGATIVE,
            needs=("patience",),
        ),
    ] = 0.0


@dataclass(frozen=True, kw_only=True)
class IntervalOptions:
    """Standard errors and intervals."""

    covariance: Annotated[
        str | None,
        Option(
            "The covariance estimator of the standard errors; fisher is the Fisher information.",
            INTERVALS,
            unset="cluster with {cluster}, hc0 for laplace and quantile, fisher otherwise",
            choices=("fisher", "observed", "quasi", "hc0", "hc1", "cluster"),
            models=NEWTON,
        ),
    ] = None
    cluster: Annotated[
        Any,
        Option(
            "The clusters of dependent rows.",
            INTERVALS,
            column=True,
            in_memory="clustered standard errors require all rows in memory",
            models=NEWTON,
        ),
    ] = None
    level: Annotated[
        float,
        Option(
            "The confidence level of the intervals, also of predictions.",
            INTERVALS,
            within=BETWEEN_0_AND_1,
        ),
    ] = 0.95
    ensemble: Annotated[
        int | None,
        Option(
            "The number of additional networks with other initial weights, for prediction "
            "intervals: the columns low and high.",
            INTERVALS,
            models=NETWORKS,
            excludes={"bootstrap": "an ensemble and a bootstrap both give intervals"},
        ),
    ] = None
    bootstrap: Annotated[
        int | None,
        Option(
            "The number of additional networks trained on rows drawn with replacement, for "
            "prediction intervals that include the sampling of the rows.",
            INTERVALS,
            models=NETWORKS,
        ),
    ] = None
