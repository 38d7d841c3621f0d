"""How neglog and statsmodels answer the questions of the cases.

Every question is a method of the same name; a contender that has no such thing says why.
"""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import statsmodels.api as sm
import statsmodels.formula.api as formulas
import torch
from cases_data import LEVELS, STRANGE, Data, number, policy

import neglog
from neglog import functional
from neglog.fitting.network.intervals import WHY_NO_STANDARD_ERRORS


class Neglog:
    """This library."""

    def weight(self, data: Data, **options: Any) -> str:
        """Return the weight and everything that is said of the fit."""
        found = neglog.fit(data.x, data.y, likelihood=data.kind, progress=False, **options)
        assert found.coefficients is not None
        at = data.column + 1
        answer = number(found.coefficients.estimate[at], found.coefficients.error[at])
        return f"{answer}  {'; '.join([found.outcome, *found.notes])}"

    def classes(self, data: Data) -> str:
        """Return the weights against the base."""
        own = neglog.fit(data.x, data.y, progress=False).coefficients
        assert own is not None
        answers = [
            f"class {name[0]} {number(own.estimate[j], own.error[j])}"
            for j, name in enumerate(own.names)
            if name[1] == "x1"
        ]
        return f"{len(answers)} free, against the commonest class: {', '.join(answers)}"

    def threads(self, data: Data) -> str:
        """Return what the command sets."""
        return (
            policy("from neglog.cli import main\ntry: main(['fit'])\nexcept SystemExit: pass")
            + " (by the command, unless it is set)"
        )

    def nats(self, data: Data) -> str:
        """Return the loss of one count."""
        z, y = torch.tensor([2.0]).double().log(), torch.tensor([3.0]).double()
        return f"{functional.poisson_nll_loss(z, y, full='exact').item():.6f}"

    def network(self, data: Data) -> str:
        """Return what a network has."""
        found = neglog.fit(data.x, data.y, hidden=(4,), epochs=5, progress=False)
        assert found.coefficients is None
        return f"none: {WHY_NO_STANDARD_ERRORS}"

    def level(self, data: Data) -> str:
        """Return what predict says."""
        with tempfile.TemporaryDirectory() as folder:
            neglog.fit(LEVELS, "y", out=f"{folder}/run", progress=False)
            return str(neglog.predict(f"{folder}/run", STRANGE).frame)

    def two_steps(self, data: Data) -> str:
        """Return the output of two steps."""
        return self.weight(data, epochs=2)

    def weighted(self, data: Data) -> str:
        """Return the standard errors of both meanings of weights, of a normal likelihood."""
        answers = []
        for kind in ("frequency", "precision"):
            own = neglog.fit(
                data.x, data.y, likelihood="normal", sample_weight=np.full(len(data.y), 2.0),
                weight_kind=kind, progress=False,
            ).coefficients  # fmt: skip
            assert own is not None
            answers.append(f"{kind} {number(own.error[1])}")
        return ", ".join(answers)


class Statsmodels:
    """The GLM of statsmodels, and for two classes its Logit too."""

    def weight(self, data: Data, **options: Any) -> str:
        """Return the weight by GLM, and by Logit."""
        family = sm.families.Poisson() if data.kind == "poisson" else sm.families.Binomial()
        x, at = sm.add_constant(data.x, has_constant="add"), data.column + 1
        found = sm.GLM(data.y, x, family).fit(**options)
        text = f"GLM {number(found.params[at], found.bse[at])} converged={found.converged}"
        if data.kind != "bernoulli":
            return text
        try:
            found = sm.Logit(data.y, x).fit(disp=0, **options)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            return f"{text}; Logit {type(error).__name__}: {error}"
        stated = found.mle_retvals["converged"]
        return f"{text}; Logit {number(found.params[at], found.bse[at])} converged={stated}"

    def classes(self, data: Data) -> str:
        """Return the weights against the first class."""
        found = sm.MNLogit(data.y, sm.add_constant(data.x)).fit(disp=0)
        answers = [number(found.params[1, k], found.bse[1, k]) for k in (0, 1)]
        return f"2 free, against the first class, without a choice: {', '.join(answers)}"

    def threads(self, data: Data) -> str:
        """Return what the import leaves."""
        return policy("import statsmodels.api")

    def nats(self, data: Data) -> str:
        """Return the loss of one count."""
        return f"{-sm.families.Poisson().loglike(np.array([3.0]), np.array([2.0])):.6f}"

    def network(self, data: Data) -> str:
        """Say why not."""
        return "-  has no networks"

    def level(self, data: Data) -> str:
        """Return what predict says."""
        frame = LEVELS.to_pandas()
        found = formulas.glm("y ~ C(level)", frame, family=sm.families.Binomial()).fit()
        return str(found.predict(STRANGE.to_pandas()).tolist())

    def two_steps(self, data: Data) -> str:
        """Return the output of two steps."""
        return self.weight(data, maxiter=2)

    def weighted(self, data: Data) -> str:
        """Return the standard errors of both meanings of weights, of a normal likelihood."""
        x, twice = sm.add_constant(data.x), np.full(len(data.y), 2.0)
        errors = [
            f"{name} {number(sm.GLM(data.y, x, **{name: twice}).fit().bse[1])}"
            for name in ("freq_weights", "var_weights")
        ]
        return ", ".join(errors)
