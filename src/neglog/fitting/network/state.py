"""What an optimizer knows, taken out and put back to the last bit."""

from __future__ import annotations

from typing import Any

import torch


def take(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return an optimizer's state and its options, with the parameters by number."""
    return {
        "state": {
            number: dict(optimizer.state[parameter])
            for number, parameter in enumerate(_parameters(optimizer))
            if parameter in optimizer.state
        },
        "groups": [
            {name: value for name, value in group.items() if name != "params"}
            for group in optimizer.param_groups
        ],
    }


def put_back(optimizer: torch.optim.Optimizer, taken: dict[str, Any]) -> None:
    """Let an optimizer of the same parameters go on from what `take` returned.

    `Optimizer.load_state_dict` would cast what some optimizers hold in float32 to the parameters'
    dtype, and the steps after it would differ.
    """
    for group, options in zip(optimizer.param_groups, taken["groups"], strict=True):
        group.update(options)
    parameters = _parameters(optimizer)
    for number, state in taken["state"].items():
        optimizer.state[parameters[number]] = state


def _parameters(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
