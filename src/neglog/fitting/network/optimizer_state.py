"""Save and restore the state of an optimizer exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from neglog.fitting.network.team import Team


def get_state(optimizer: torch.optim.Optimizer, team: Team) -> dict[str, Any]:
    """Return the state and options of an optimizer, with parameters by index."""
    return {
        "state": {
            number: _each(dict(optimizer.state[parameter]), team.gather)
            for number, parameter in enumerate(_parameters(optimizer))
            if parameter in optimizer.state
        },
        "groups": [
            {name: value for name, value in group.items() if name != "params"}
            for group in optimizer.param_groups
        ],
    }


def set_state(optimizer: torch.optim.Optimizer, saved: dict[str, Any], team: Team) -> None:
    """Restore the state returned by `get_state` in an optimizer of the same parameters.

    `Optimizer.load_state_dict` would cast what some optimizers hold in float32 to the parameters'
    dtype, and the steps after it would differ.
    """
    for group, options in zip(optimizer.param_groups, saved["groups"], strict=True):
        group.update(options)
    parameters = _parameters(optimizer)
    for number, state in saved["state"].items():
        parameter = parameters[number]

        def part(whole: Tensor, like: Tensor = parameter) -> Tensor:
            return team.scatter(whole, like) if whole.shape == like.shape else whole

        optimizer.state[parameter] = _each(state, part)


def _each(state: dict[str, Any], change: Callable[[Tensor], Tensor]) -> dict[str, Any]:
    return {
        name: change(value) if isinstance(value, Tensor) else value for name, value in state.items()
    }


def _parameters(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
