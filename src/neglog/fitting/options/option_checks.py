"""Values and combinations of options that no fit could use, refused before any row is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neglog.errors.options import FitCombinationError, FitOptionError
from neglog.fitting.network.intervals import fewest
from neglog.fitting.option_table import option
from neglog.fitting.option_table.rows import OF_TRIALS
from neglog.fitting.option_table.table import TABLE, entries
from neglog.fitting.options.option_fields import OptionFields


def check_values(group: type, chosen: Any) -> None:
    """Refuse values that an option does not allow.

    Args:
        group: the dataclass that declares the options.
        chosen: what has their values as attributes.

    Raises:
        FitError: there is one.
    """
    for name, entry in entries(group).items():
        value, facts = getattr(chosen, name), entry.facts
        if value is None:
            continue
        if facts.choices and value not in facts.choices:
            shown = [choice if choice.isidentifier() else repr(choice) for choice in facts.choices]
            raise FitOptionError(f"{name} must be {' or '.join(shown)}, but got {value!r}.")
        if facts.within is not None and not facts.within.contains(value):
            raise FitOptionError(f"{name} must {facts.within.words}, but got {value!r}.")


def check(options: OptionFields) -> None:
    """Refuse options that would have no effect, or contradict each other.

    Raises:
        FitError: two options make no sense together; the message names both.
    """
    if options.newton and options.hidden:
        raise FitCombinationError(
            "newton is for linear models; with hidden layers choose adam or lbfgs."
        )
    _check_trials(options)
    check_combinations(vars(options), options)
    if (options.covariance == "cluster") != (options.cluster is not None):
        raise FitCombinationError(
            "the covariance 'cluster' and the column of the clusters go together; pass both, "
            "or neither."
        )
    if options.patience is not None and not options.held_out:
        raise FitCombinationError("patience requires held-out rows; pass a larger --validation.")
    if options.hidden:
        _check_network(options)


def check_combinations(chosen: Mapping[str, Any], options: OptionFields) -> None:
    """Refuse options that do not apply to the model, or not together, as the table states.

    Args:
        chosen: the values of the options to check, by name.
        options: the options of the model.

    Raises:
        FitError: there is one.
    """
    for name, value in chosen.items():
        entry = TABLE[name]
        if entry.is_given(value):
            _check_model(name, entry.facts, options)
            _check_others(name, entry.facts, chosen)
            if entry.facts.in_memory and options.in_blocks:
                scale = "stream" if options.stream else "distributed"
                raise FitCombinationError(f"{entry.facts.in_memory}; leave out {scale} or {name}.")


def _check_model(name: str, facts: option.Option, options: OptionFields) -> None:
    named = _named(name, facts)
    remedy = f"leave it out{', or ' * bool(facts.instead)}{facts.instead}"
    if facts.models == option.NEWTON and not options.newton:
        raise FitCombinationError(
            f"{named} is for {facts.models}, but this one is trained by {options.chosen}; {remedy}."
        )
    if facts.models == option.TRAINED and options.newton:
        raise FitCombinationError(
            f"{named} is for {facts.models}, but newton solves this model; pass --optimizer adam "
            f"too, or leave out {name}."
        )
    if facts.models == option.NETWORKS and not options.hidden:
        raise FitCombinationError(
            f"{named} is for {facts.models}, but the model is linear; pass the widths of hidden "
            f"layers, such as --hidden 64,32, or leave out {name}."
        )
    if facts.likelihood and (options.likelihood or "").lower() != facts.likelihood:
        raise FitCombinationError(
            f"{name} is for the {facts.likelihood} likelihood; pass --likelihood "
            f"{facts.likelihood} too, or leave out {name}."
        )


def _named(name: str, facts: option.Option) -> str:
    """Return an option's name, with its flags where they are others."""
    flags = ", ".join(f"--{flag.replace('_', '-')}" for flag in facts.flags)
    return f"{name} ({flags})" if flags else name


def _check_others(name: str, facts: option.Option, chosen: Mapping[str, Any]) -> None:
    if facts.needs and not any(TABLE[other].is_given(chosen[other]) for other in facts.needs):
        needed = " or ".join(facts.needs)
        raise FitCombinationError(
            f"{_named(name, facts)} requires {needed}; pass {needed} too, or leave out {name}."
        )
    for other, reason in facts.excludes.items():
        if TABLE[other].is_given(chosen[other]):
            raise FitCombinationError(f"{reason}; leave out {name} or {other}.")


def _check_trials(options: OptionFields) -> None:
    given = [name for name in ("trials", "sample_weight") if getattr(options, name) is not None]
    if options.grouped and len(given) != 1:
        got = "both" if given else "neither"
        raise FitCombinationError(
            f"the {OF_TRIALS} likelihood requires the number of trials of each row: pass --trials "
            "COLUMN where the target counts successes, or --sample-weight COLUMN where it holds "
            f"proportions in [0, 1], but got {got}."
        )


def _check_network(options: OptionFields) -> None:
    _ = options.architecture  # refuses widths and activations that cannot be used
    name = "bootstrap" if options.ensemble is None else "ensemble"
    count, least = getattr(options, name), max(2, fewest(options.level))
    if count is not None and count < least:
        raise FitCombinationError(
            f"intervals of level {options.level:g} require {least} networks or more, but {name} "
            f"is {count}; raise it, or pass a lower --level."
        )
