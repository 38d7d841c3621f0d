"""How scikit-learn, glum and torch answer the questions of the cases.

Every question is a method of the same name; a contender that has no such thing says why.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from cases_data import LEVELS, STRANGE, Data, number, policy
from glum import GeneralizedLinearRegressor, PoissonDistribution
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


class ScikitLearn:
    """scikit-learn's default solver, and Newton's method."""

    def weight(self, data: Data, **options: Any) -> str:
        """Return the weights by both solvers."""
        answers = []
        for solver in ("lbfgs", "newton-cholesky"):
            model: Any = PoissonRegressor(alpha=0, solver=solver, **options)
            if data.kind == "bernoulli":
                model = LogisticRegression(C=np.inf, solver=solver, **options)
            own = np.ravel(model.fit(data.x, data.y).coef_)[data.column]
            answers.append(f"{solver} {number(own)}")
        return ", ".join(answers) + "; has no standard errors"

    def classes(self, data: Data) -> str:
        """Return the weights of all classes."""
        own = LogisticRegression(C=np.inf, solver="newton-cholesky").fit(data.x, data.y).coef_[:, 0]
        return f"3, of which 2 free, that sum to {own.sum():.0g}: {', '.join(map(number, own))}"

    def threads(self, data: Data) -> str:
        """Return what the import leaves."""
        return policy("import sklearn.linear_model")

    def nats(self, data: Data) -> str:
        """Say why not."""
        return "-  has the deviance only, of which ln y! is no part"

    def network(self, data: Data) -> str:
        """Return what a network has."""
        found = MLPClassifier((4,), max_iter=500).fit(data.x, data.y)
        return "none, and does not say why" if not hasattr(found, "bse_") else "some"

    def level(self, data: Data) -> str:
        """Return what predict says."""
        frame = LEVELS.to_pandas()
        model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(frame[["level"]], frame.y)
        return str(model.predict(STRANGE.to_pandas()))

    def two_steps(self, data: Data) -> str:
        """Return the output of two steps."""
        return self.weight(data, max_iter=2)

    def weighted(self, data: Data) -> str:
        """Say why not."""
        return "-  has no standard errors, so that both meanings are one"


class Glum:
    """glum, with the standard errors that it gives by default."""

    def weight(self, data: Data, **options: Any) -> str:
        """Return the weight."""
        family = "binomial" if data.kind == "bernoulli" else data.kind
        weight = options.pop("sample_weight", None)
        model = GeneralizedLinearRegressor(family=family, alpha=0, **options)
        model.fit(data.x, data.y, sample_weight=weight)
        errors = model.std_errors(data.x, data.y, sample_weight=weight)
        return number(model.coef_[data.column], errors[data.column + 1])

    def classes(self, data: Data) -> str:
        """Say why not."""
        return "-  has no likelihood of several classes"

    def threads(self, data: Data) -> str:
        """Return what the import leaves."""
        return policy("import glum")

    def nats(self, data: Data) -> str:
        """Return the loss of one count."""
        return f"{-PoissonDistribution().log_likelihood(np.array([3.0]), np.array([2.0])):.6f}"

    def network(self, data: Data) -> str:
        """Say why not."""
        return "-  has no networks"

    def level(self, data: Data) -> str:
        """Return what predict says."""
        frame, strange = LEVELS.to_pandas(), STRANGE.to_pandas()
        frame["level"] = frame["level"].astype("category")
        strange["level"] = strange["level"].astype("category")
        model = GeneralizedLinearRegressor(family="binomial", alpha=0, drop_first=True)
        return str(model.fit(frame[["level"]], frame["y"]).predict(strange))

    def two_steps(self, data: Data) -> str:
        """Return the output of two steps."""
        return self.weight(data, max_iter=2)

    def weighted(self, data: Data) -> str:
        """Return the standard error of the one meaning that weights have."""
        normal = Data(data.x, data.y.astype(float), "normal")
        twice = np.full(len(data.y), 2.0)
        return f"{self.weight(normal, sample_weight=twice)}, without {self.weight(normal)}"


class Torch:
    """torch's L-BFGS on torch's losses."""

    def _fitted(self, data: Data, outputs: int = 1, steps: int = 500) -> tuple[Any, float]:
        x = torch.from_numpy(data.x).double()
        y = torch.from_numpy(data.y)
        layer = torch.nn.Linear(x.shape[1], outputs, dtype=torch.float64)
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        optimizer = torch.optim.LBFGS(
            layer.parameters(), max_iter=steps, line_search_fn="strong_wolfe"
        )
        of = torch.nn.functional
        loss = {
            "bernoulli": lambda z: of.binary_cross_entropy_with_logits(z[:, 0], y.double()),
            "poisson": lambda z: of.poisson_nll_loss(z[:, 0], y.double()),
            "categorical": lambda z: of.cross_entropy(z, y),
        }[data.kind]

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            value = loss(layer(x))
            value.backward()
            return value

        optimizer.step(closure)
        return layer.weight.detach(), closure().item()

    def weight(self, data: Data) -> str:
        """Return the weight and the loss."""
        own, loss = self._fitted(data)
        return f"{number(own[0, data.column].item())}  loss {loss:.3g}; has no standard errors"

    def classes(self, data: Data) -> str:
        """Return the weights of all classes."""
        own, _ = self._fitted(data, 3)
        return f"3, one too many: {', '.join(number(w) for w in own[:, 0].tolist())}"

    def threads(self, data: Data) -> str:
        """Return what the import leaves."""
        return policy("import torch")

    def nats(self, data: Data) -> str:
        """Return the loss of one count, as it is by default, and in full."""
        z, y = torch.tensor([2.0]).double().log(), torch.tensor([3.0]).double()
        loss = torch.nn.functional.poisson_nll_loss
        return f"{loss(z, y).item():.6f}; full=True {loss(z, y, full=True).item():.6f}"

    def network(self, data: Data) -> str:
        """Say why not."""
        return "-  has no standard errors of anything"

    def level(self, data: Data) -> str:
        """Say why not."""
        return "-  reads no tables"

    def two_steps(self, data: Data) -> str:
        """Return the output of two steps."""
        own, loss = self._fitted(data, steps=2)
        return f"{number(own[0, data.column].item())}  loss {loss:.3g}"

    def weighted(self, data: Data) -> str:
        """Say why not."""
        return "-  has no standard errors"
