"""Options that make no sense together, refused in a sentence before any row is read."""

from __future__ import annotations

import math

from neglog.errors import FitError
from neglog.fitting.network.intervals import fewest
from neglog.fitting.options.option_fields import (
    COVARIANCES,
    OF_TRIALS,
    POLICIES,
    WEIGHT_KINDS,
    OptionFields,
)

_OF_HIDDEN_LAYERS = {"activation": "relu", "dropout": 0.0, "ensemble": None, "bootstrap": None}
_OF_EPOCHS = {"schedule": None, "patience": None}
_OF_NEWTON = {"covariance": None, "base": None, "l2": 0.0}
_OF_LIKELIHOODS = {"quantile": (0.5, "quantile"), "delta": (1.345, "huber")}


def check(options: OptionFields) -> None:
    """Refuse options that would have no effect, or contradict each other.

    Raises:
        FitError: two options make no sense together; the message names both.
    """
    _check_needs(options)
    if options.formula is not None:
        _check_formula(options)
    if options.newton:
        _check_newton(options)
    else:
        _check_trained(options)
    if options.hidden:
        _check_network(options)
    else:
        for name, default in _OF_HIDDEN_LAYERS.items():
            if getattr(options, name) != default:
                raise FitError(
                    f"{name} is for networks, but the model is linear; pass the widths of hidden "
                    f"layers, such as --hidden 64,32, or leave out {name}."
                )


def _check_trials(options: OptionFields) -> None:
    given = [name for name in ("trials", "sample_weight") if getattr(options, name) is not None]
    if options.trials is not None and not options.grouped:
        raise FitError(
            f"trials are for the {OF_TRIALS} likelihood; pass --likelihood {OF_TRIALS} too, or "
            "leave out trials."
        )
    if options.grouped and len(given) != 1:
        got = "both" if given else "neither"
        raise FitError(
            f"the {OF_TRIALS} likelihood requires the number of trials of each row: pass --trials "
            "COLUMN where the target counts successes, or --sample-weight COLUMN where it holds "
            f"proportions in [0, 1], but got {got}."
        )


def _check_needs(options: OptionFields) -> None:
    _check_trials(options)
    if (options.covariance == "cluster") != (options.cluster is not None):
        raise FitError(
            "the covariance 'cluster' and the column of the clusters go together; pass both, "
            "or neither."
        )
    for name, (default, kind) in _OF_LIKELIHOODS.items():
        if getattr(options, name) != default and (options.likelihood or "").lower() != kind:
            raise FitError(
                f"{name} is for the {kind} likelihood; pass --likelihood {kind} too, or leave out "
                f"{name}."
            )
    for name, needed, found in (
        ("schedule_options", "schedule", options.schedule),
        ("min_delta", "patience", options.patience),
        ("weight_kind", "sample_weight", options.sample_weight or options.trials),
    ):
        given = getattr(options, name) not in ({}, 0.0, "frequency")
        if given and found is None:
            raise FitError(f"{name} says more of the {needed}, but there is none; pass both.")


def _check_formula(options: OptionFields) -> None:
    if options.drop:
        raise FitError("a formula names the columns that are read; leave out drop, or the formula.")
    if options.in_blocks:
        raise FitError(
            "a formula's functions learn from all rows at once; put its columns into the file, or "
            "leave out stream and distributed."
        )


def _check_newton(options: OptionFields) -> None:
    if options.hidden:
        raise FitError("newton is for linear models; with hidden layers choose adam or lbfgs.")
    if options.optimizer_options:
        raise FitError("newton takes no options, no learning rate either; choose sgd or adam.")
    if options.batch_size is not None:
        raise FitError("newton takes all rows at once; leave out the batch size.")
    for name, default in _OF_EPOCHS.items():
        if getattr(options, name) != default:
            raise FitError(f"newton ends at the maximum and has no {name}; choose sgd or adam.")


def _check_trained(options: OptionFields) -> None:
    for name, default in _OF_NEWTON.items():
        if getattr(options, name) != default:
            remedy = "leave it out" + (", or pass --option weight_decay=…" * (name == "l2"))
            raise FitError(
                f"{name} is for linear models that newton solves, but this one is trained by "
                f"{options.chosen}; {remedy}."
            )
    if options.patience is not None and not options.held_out:
        raise FitError("patience requires held-out rows; pass a larger --validation.")


def _check_network(options: OptionFields) -> None:
    _ = options.architecture  # refuses widths, activations and dropout that cannot be used
    if options.ensemble is not None and options.bootstrap is not None:
        raise FitError(
            "an ensemble and a bootstrap both give intervals; pass one of them, the bootstrap to "
            "take in that other rows might have been drawn."
        )
    name = "bootstrap" if options.ensemble is None else "ensemble"
    count, wanted = getattr(options, name), max(2, fewest(options.level))
    if count is not None and count < wanted:
        raise FitError(
            f"intervals of level {options.level:g} require {wanted} networks or more, but {name} "
            f"is {count}; raise it, or pass a lower --level."
        )


def check_ranges(options: OptionFields) -> None:
    """Refuse values outside their ranges.

    Raises:
        FitError: there is one.
    """
    for name, choices in (("missing", POLICIES), ("covariance", COVARIANCES),
                          ("weight_kind", WEIGHT_KINDS)):  # fmt: skip
        value = getattr(options, name)
        if value is not None and value not in choices:
            raise FitError(f"{name} must be {' or '.join(choices)}, but got {value!r}.")
    if not 0.0 <= options.held_out < 1.0:
        raise FitError(f"validation must lie in [0, 1), but got {options.validation!r}.")
    if not 0 <= options.seed < 2**63:
        raise FitError(f"seed must lie in [0, 2^63), but got {options.seed!r}.")
    if not 0.0 <= options.min_delta < math.inf:
        raise FitError(f"min_delta must be a number of 0 or more, but got {options.min_delta!r}.")
    for name in ("quantile", "level"):
        if not 0.0 < getattr(options, name) < 1.0:
            raise FitError(f"{name} must lie between 0 and 1, but got {getattr(options, name)!r}.")
    if not (0.0 < options.delta < math.inf):
        raise FitError(f"delta must be a number above 0, but got {options.delta!r}.")
    for name in ("l1", "l2"):
        if not (0.0 <= getattr(options, name) < math.inf):
            value = getattr(options, name)
            raise FitError(f"{name} must be a number of 0 or more, but got {value!r}.")
    if options.firth and (options.l1 or options.l2):
        raise FitError("firth is a penalty of its own; leave out l1 and l2, or firth.")
    if (options.firth or options.l1 or options.l2) and not options.newton:
        raise FitError(
            "penalties are for linear models and newton; with an optimizer of torch pass its "
            "weight_decay (on the command line, --option weight_decay=…)."
        )


def check_scale(options: OptionFields) -> None:
    """Refuse streaming and processes where they do not apply.

    Raises:
        FitError: they do not.
    """
    if options.stream and not options.newton:
        raise FitError("stream is for linear models and newton; leave it out.")
    if options.in_blocks and options.cluster is not None:
        name = "stream" if options.stream else "distributed"
        raise FitError(f"clustered standard errors require all rows in memory; leave out {name}.")
    if options.shard and not (options.distributed and options.hidden):
        raise FitError("shard is for networks that several processes train; pass distributed.")
