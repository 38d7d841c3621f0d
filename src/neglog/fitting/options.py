"""What a user may choose about a fit, checked before any row is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from neglog.errors import FitError
from neglog.fitting.rows import POLICIES


@dataclass(frozen=True)
class Options:
    """The choices; see `neglog.fit` for what each of them means."""

    likelihood: str | None = None
    hidden: Sequence[int] = ()
    optimizer: str | None = None
    optimizer_options: Mapping[str, Any] = field(default_factory=dict)
    validation: float = 0.2
    seed: int = 0
    missing: str | None = None
    drop: Sequence[str] = ()
    epochs: int | None = None
    batch_size: int | None = None

    def __post_init__(self) -> None:
        """Refuse choices that no table could meet."""
        if self.missing is not None and self.missing not in POLICIES:
            raise FitError(f"missing must be drop or mean, but got {self.missing!r}.")
        if not 0.0 <= self.validation < 1.0:
            raise FitError(f"validation must lie in [0, 1), but got {self.validation!r}.")
        if not 0 <= self.seed < 2**63:
            raise FitError(f"seed must be 0 or more, but got {self.seed!r}.")
        if any(width < 1 for width in self.hidden):
            raise FitError(f"hidden layers must have widths of 1 or more, but got {self.hidden!r}.")
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise FitError(f"{name} must be 1 or more, but got {value!r}.")
        if not self.newton:
            return
        if self.hidden:
            raise FitError("newton is for linear models; with hidden layers choose adam or lbfgs.")
        if self.optimizer_options:
            raise FitError("newton takes no options, no learning rate either; choose sgd or adam.")
        if self.batch_size is not None:
            raise FitError("newton takes all rows at once; leave out the batch size.")

    @property
    def newton(self) -> bool:
        """Whether the model is solved by Newton's method, as linear ones are by default."""
        return self.chosen.lower() == "newton"

    @property
    def chosen(self) -> str:
        """The optimizer asked for, or the default one of the model."""
        return self.optimizer or ("adam" if self.hidden else "newton")
