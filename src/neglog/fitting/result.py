"""What `neglog.fit` returns: a fit that can be used, evaluated and summarised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from neglog.fitting.results.evaluate import Evaluation, evaluate
from neglog.fitting.results.fit import Fit
from neglog.fitting.results.predict import Predictions, predict
from neglog.report.fit_summary import Summary


@dataclass(repr=False)
class FitResult(Fit):
    """A fitted model with its facts, and the methods that use it."""

    @classmethod
    def of(cls, fit: Fit) -> FitResult:
        """Return a fit with these methods."""
        return cls(**{field.name: getattr(fit, field.name) for field in fields(Fit)})

    def predict(
        self, data: Any, *, unseen: str = "refuse", reading: Mapping[str, Any] | None = None
    ) -> Predictions:
        """Predict another table: see `neglog.predict`."""
        return predict(self, data, unseen=unseen, reading=reading)

    def evaluate(
        self, data: Any, y: Any = None, *, reading: Mapping[str, Any] | None = None
    ) -> Evaluation:
        """Evaluate the model on another table: see `neglog.evaluate`."""
        return evaluate(self, data, y, reading=reading)

    def summary(self) -> Summary:
        """Return the summary: what was fitted, how well, and the table of coefficients."""
        return Summary(self)
