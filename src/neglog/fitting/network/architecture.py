"""The networks: standard units, hidden layers, outputs."""

from __future__ import annotations

import inspect
import itertools
import os
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn

from neglog.errors import listed
from neglog.errors.options import FitCombinationError, FitOptionError, ModelSizeError
from neglog.fitting.network.randomness import seeded
from neglog.fitting.network.standardise import Standardise, last
from neglog.translation import gettext as _

_ROW_ACTIVATIONS = {"GLU", "Softmin", "Softmax", "Softmax2d", "LogSoftmax"}
_COPIES_IN_TRAINING = 4  # the weights, their gradient, and two moments of Adam
_MEMORY_IF_UNKNOWN = 64 * 2**30


@cache
def activations() -> dict[str, type[nn.Module]]:
    """Return torch's elementwise activations that require no option."""
    module = nn.modules.activation
    classes = {
        name: getattr(module, name) for name in module.__all__ if name not in _ROW_ACTIVATIONS
    }
    return {name: candidate for name, candidate in classes.items() if not _needs_options(candidate)}


def _needs_options(candidate: type[nn.Module]) -> bool:
    parameters = inspect.signature(candidate).parameters.values()
    return any(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)


@dataclass(frozen=True)
class Architecture:
    """The architecture of a network; without hidden layers it is a linear model.

    Attributes:
        hidden: the widths of the hidden layers.
        activation: a class of torch.nn's activations, in any case, such as ``"gelu"``.
        dropout: the part of each hidden layer's numbers that is set to 0 in training, in [0, 1).
        dtype: the weights' dtype.

    Raises:
        FitError: a width, the activation or the dropout cannot be used.

    Example:
        >>> units = Standardise(torch.zeros(3), torch.ones(3))
        >>> network = Architecture((8, 4), "tanh", dropout=0.1)
        >>> network.build(units, outputs=1, seed=0)(torch.zeros(5, 3).double()).shape
        torch.Size([5, 1])
        >>> network.describe(3, 1, "logit")
        'network, 3 features → 8 → 4 (Tanh, dropout 0.1) → 1 logit'
    """

    hidden: tuple[int, ...] = ()
    activation: str = "relu"
    dropout: float = 0.0
    dtype: torch.dtype = torch.float64

    def __post_init__(self) -> None:
        """Refuse what no table could be fitted by."""
        if any(width < 1 for width in self.hidden):
            raise FitOptionError(
                f"hidden layers must have widths of 1 or more, but got {self.hidden!r}."
            )
        if not 0.0 <= self.dropout < 1.0:
            raise FitOptionError(f"dropout must lie in [0, 1), but got {self.dropout!r}.")
        if self.dropout and not self.hidden:
            raise FitCombinationError(
                "dropout is for hidden layers, but there are none; pass their widths."
            )
        self._activation()

    def build(self, units: Standardise, outputs: int, seed: int | None = None) -> nn.Sequential:
        """Build a network for (N, P) rows, P being the length of `units`.

        A network's first weights are drawn; a linear model's are 0.

        Args:
            units: what the rows are centred on and divided by.
            outputs: the number of outputs.
            seed: decides the first weights; without it, torch's own generator does.

        Raises:
            FitError: the weights would not fit into the memory.
        """
        features = len(units.mean)
        self._check_memory(features, outputs)
        layers: list[nn.Module] = [
            Standardise(units.mean.to(self.dtype), units.scale.to(self.dtype))
        ]
        with seeded(units.mean.device, seed):
            for before, after in itertools.pairwise([features, *self.hidden]):
                layers.append(self._linear(before, after, units))
                layers.append(self._activation().to(units.mean.device, self.dtype))
                if self.dropout:
                    layers.append(nn.Dropout(self.dropout))
            layers.append(self._linear([features, *self.hidden][-1], outputs, units))
        model = nn.Sequential(*layers)
        if not self.hidden:
            nn.init.zeros_(last(model).weight)
            nn.init.zeros_(last(model).bias)
        return model

    def weights(self, features: int, outputs: int) -> int:
        """Return the number of weights and biases."""
        widths = [features, *self.hidden, outputs]
        return sum((before + 1) * after for before, after in itertools.pairwise(widths))

    def describe(self, features: int, outputs: int, output_name: str) -> str:
        """Describe the model in one line.

        Args:
            features: how many numbers a row has.
            outputs: the number of outputs.
            output_name: what one of them is called, such as logit.
        """
        name = _(output_name) if outputs == 1 else _("{name}s").format(name=_(output_name))
        inputs = (_("{count} features") if features > 1 else _("{count} feature")).format(
            count=features
        )
        if not self.hidden:
            words = _("linear, {inputs} → {count} {name}")
            return words.format(inputs=inputs, count=outputs, name=name)
        kind = type(self._activation()).__name__
        kind += f", dropout {self.dropout:g}" if self.dropout else ""
        widths = " → ".join(map(str, self.hidden))
        words = _("network, {inputs} → {widths} ({kind}) → {count} {name}")
        return words.format(inputs=inputs, widths=widths, kind=kind, count=outputs, name=name)

    def _activation(self) -> nn.Module:
        classes = activations()
        found = [key for key in classes if key.lower() == self.activation.lower()]
        if not found:
            known = listed(list(classes), 40)
            raise FitOptionError(f"torch.nn has no activation {self.activation!r}; choose {known}.")
        return classes[found[0]]()

    def _linear(self, before: int, after: int, units: Standardise) -> nn.Linear:
        return nn.Linear(before, after, dtype=self.dtype, device=units.mean.device)

    def _check_memory(self, features: int, outputs: int) -> None:
        count, memory = self.weights(features, outputs), _memory()
        size = count * self.dtype.itemsize
        if size * _COPIES_IN_TRAINING > memory:
            raise ModelSizeError(
                f"hidden layers of {listed(list(self.hidden))} make {count:.2g} weights, which "
                f"take {size / 2**30:.3g} GiB, and {_COPIES_IN_TRAINING} times as much in "
                f"training, but this machine has {memory / 2**30:.3g} GiB; choose narrower layers."
            )


def _memory() -> int:
    """Return the memory of this machine in bytes, or a default if it is unknown."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return _MEMORY_IF_UNKNOWN
