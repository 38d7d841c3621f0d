"""Linear models with standard errors, compared with scikit-learn, glum and statsmodels.

Every fit runs in a process of its own, after a small one to warm up, with one thread and with as
many as there are processors; contenders take turns. A fit counts if its mean loss is within 1e-8
nats of the optimum: of the tolerances of a solver the loosest that gets there is used. Its time is
that of the fit and of the standard errors, which scikit-learn does not give: there they are made of
its weights by numpy. Memory is the peak above what the process held before the fit.

    python benchmarks/fit.py                  # some twenty minutes
    python benchmarks/fit.py --only poisson --rounds 3
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import warnings

ROWS = {"logistic": 1_000_000, "poisson": 1_000_000, "softmax": 300_000, "insurance": 600_000}
FEATURES, CLASSES, WARM = 30, 10, 2_000
NEAR = 1e-8
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-8, 1e-10)
CONTENDERS = {
    "logistic": ("neglog", "sklearn lbfgs", "sklearn newton-cholesky", "glum", "statsmodels"),
    "poisson": ("neglog", "sklearn lbfgs", "sklearn newton-cholesky", "glum", "statsmodels"),
    "softmax": ("neglog", "sklearn lbfgs", "sklearn newton-cholesky", "statsmodels"),
    "insurance": ("neglog", "glum", "sklearn newton-cholesky"),
}


def numbers(problem, rows):
    """Return (rows, 30) correlated normal columns and a target, the same in every process."""
    import numpy as np

    random = np.random.default_rng(1)
    x = random.standard_normal((rows, FEATURES))
    for j in range(1, FEATURES):
        x[:, j] = 0.5 * x[:, j - 1] + 0.75**0.5 * x[:, j]
    weights = np.random.default_rng(2).standard_normal(FEATURES) * 0.25
    if problem == "softmax":
        logits = x @ np.random.default_rng(2).standard_normal((FEATURES, CLASSES)) * 0.3
        return x, (logits + random.gumbel(size=logits.shape)).argmax(1)
    if problem == "poisson":
        return x, random.poisson(np.exp(0.5 * x @ weights - 0.5)).astype(float)
    return x, (random.random(rows) < 1 / (1 + np.exp(0.9 - x @ weights))).astype(int)


def insurance(rows):
    """Return a table of nine columns of labels, three hundred in all, two numbers, and counts."""
    import numpy as np
    import polars as pl

    random = np.random.default_rng(1)
    columns, eta = {}, np.full(rows, -1.0)
    for j, levels in enumerate((3, 5, 8, 12, 20, 35, 45, 75, 108)):
        codes = random.choice(levels, rows, p=random.dirichlet(np.full(levels, 3.0)))
        eta += random.normal(0, 0.2, levels)[codes]
        columns[f"c{j}"] = np.array([f"v{k:03d}" for k in range(levels)])[codes]
    for j in range(2):
        columns[f"x{j}"] = random.standard_normal(rows)
        eta += 0.1 * columns[f"x{j}"]
    columns["claims"] = random.poisson(np.exp(eta))
    return pl.DataFrame(columns)


def mean_loss(problem, eta, y):
    """Return the mean loss in nats, less what does not depend on the weights."""
    import numpy as np

    if problem == "softmax":
        top = eta.max(1)
        return float(
            (top + np.log(np.exp(eta - top[:, None]).sum(1)) - eta[np.arange(len(y)), y]).mean()
        )
    if problem == "logistic":
        return float((np.logaddexp(0, eta) - y * eta).mean())
    return float((np.exp(eta) - y * eta).mean())


def errors_by_numpy(problem, x, eta):
    """Return standard errors of a model without any, as a user of numpy would."""
    import numpy as np

    z = np.hstack([x, np.ones((len(x), 1))])
    if problem != "softmax":
        p = np.exp(eta) if problem == "poisson" else 1 / (1 + np.exp(-eta))
        weight = p if problem == "poisson" else p * (1 - p)
        return np.sqrt(np.diag(np.linalg.inv(z.T @ (z * weight[:, None]))))
    p = np.exp(eta - eta.max(1)[:, None])
    p = (p / p.sum(1)[:, None])[:, 1:]
    width, free = z.shape[1], p.shape[1]
    hessian = np.empty((free, width, free, width))
    for a in range(free):
        for b in range(a + 1):
            weight = p[:, a] * ((a == b) - p[:, b])
            hessian[a, :, b] = z.T @ (z * weight[:, None])
            hessian[b, :, a] = hessian[a, :, b].T
    return np.sqrt(np.diag(np.linalg.inv(hessian.reshape(free * width, -1))))


def neglog_fit(problem, x, y, _):
    """Fit with neglog; return its linear predictors' weights."""
    import numpy as np

    import neglog

    likelihood = {"logistic": "bernoulli", "softmax": "categorical"}.get(problem, "poisson")
    found = neglog.fit(x, y, likelihood=likelihood, progress=False)
    assert found.converged and np.isfinite(found.coefficients.error).all()
    return found.weights, found.intercepts


def sklearn_fit(problem, x, y, tolerance, solver):
    """Fit with scikit-learn, and make the standard errors."""
    import numpy as np
    from sklearn import linear_model

    options = {"solver": solver, "tol": tolerance, "max_iter": 1000}
    if problem == "poisson":
        model = linear_model.PoissonRegressor(alpha=0, **options).fit(x, y)
    else:
        model = linear_model.LogisticRegression(C=np.inf, **options).fit(x, y)
    eta = x @ np.atleast_2d(model.coef_).T + model.intercept_
    errors_by_numpy(problem, x, eta if problem == "softmax" else eta[:, 0])
    return np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)


def glum_fit(problem, x, y, tolerance):
    """Fit with glum, its standard errors by the information that the model expects."""
    import numpy as np
    from glum import GeneralizedLinearRegressor

    family = "poisson" if problem == "poisson" else "binomial"
    model = GeneralizedLinearRegressor(family=family, alpha=0, gradient_tol=tolerance).fit(x, y)
    model.covariance_matrix(x, y, robust=False, expected_information=True, dispersion=1.0)
    return np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)


def statsmodels_fit(problem, x, y, tolerance):
    """Fit with statsmodels, by Newton's method."""
    import numpy as np
    import statsmodels.api as sm

    kind = {"logistic": sm.Logit, "poisson": sm.Poisson, "softmax": sm.MNLogit}[problem]
    found = kind(y, sm.add_constant(x)).fit(method="newton", tol=tolerance, disp=0)
    assert np.isfinite(np.asarray(found.bse)).all()
    params = np.asarray(found.params).reshape(x.shape[1] + 1, -1)
    if problem == "softmax":
        params = np.hstack([np.zeros((len(params), 1)), params])
    return params[1:].T, params[0]


FITS = {
    "neglog": neglog_fit,
    "sklearn lbfgs": lambda *given: sklearn_fit(*given, solver="lbfgs"),
    "sklearn newton-cholesky": lambda *given: sklearn_fit(*given, solver="newton-cholesky"),
    "glum": glum_fit,
    "statsmodels": statsmodels_fit,
}


def one(problem, contender, tolerance):
    """Fit once in this process; print the time, the memory and the mean loss."""
    import resource

    import numpy as np

    warnings.simplefilter("ignore")
    x, y = numbers(problem, ROWS[problem])
    fit = FITS[contender]
    fit(problem, x[:WARM].copy(), y[:WARM].copy(), tolerance)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    weights, intercepts = fit(problem, x, y, tolerance)
    seconds = time.perf_counter() - start
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    eta = x @ np.asarray(weights).T + intercepts
    loss = mean_loss(problem, eta if problem == "softmax" else eta[:, 0], y)
    print(json.dumps({"seconds": seconds, "MiB": memory, "loss": loss}))


def one_of_insurance(contender):
    """The same for the table of labels, a little ridge as in insurers' practice."""
    import resource

    warnings.simplefilter("ignore")
    frame = insurance(ROWS["insurance"])
    amount = 1e-6

    def run(frame):
        if contender == "neglog":
            import neglog

            found = neglog.fit(frame, target="claims", likelihood="poisson", progress=False)
            return found.converged
        y = frame["claims"].to_numpy().astype(float)
        features = frame.drop("claims").to_pandas()
        if contender == "glum":
            from glum import GeneralizedLinearRegressor

            labels = {name: "category" for name in features if name.startswith("c")}
            model = GeneralizedLinearRegressor(
                family="poisson", alpha=amount, drop_first=True, gradient_tol=1e-6
            )
            table = features.astype(labels)
            model.fit(table, y)
            return model.covariance_matrix(
                table, y, robust=False, expected_information=True, dispersion=1.0
            ).shape
        from sklearn.compose import make_column_transformer
        from sklearn.linear_model import PoissonRegressor
        from sklearn.preprocessing import OneHotEncoder

        labels = [name for name in features if name.startswith("c")]
        encoder = make_column_transformer(
            (OneHotEncoder(drop="first"), labels), remainder="passthrough"
        )
        x = encoder.fit_transform(features)
        return PoissonRegressor(alpha=0, solver="newton-cholesky", tol=1e-6).fit(x, y).n_iter_

    run(frame[:20_000])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    run(frame)
    seconds = time.perf_counter() - start
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({"seconds": seconds, "MiB": memory, "loss": 0.0}))


def fresh(problem, contender, tolerance, threads):
    """Run one fit in a process of its own."""
    count = str(threads)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
    command = [sys.executable, __file__, "--one", problem, contender, str(tolerance)]
    done = subprocess.run(
        command, env=os.environ | dict.fromkeys(names, count), capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{problem}, {contender}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def chosen_tolerance(problem, contender, optimum, threads):
    """Return the loosest tolerance that comes near the optimum."""
    if contender == "neglog" or problem == "insurance":
        return 0.0
    for tolerance in TOLERANCES:
        if fresh(problem, contender, tolerance, threads)["loss"] - optimum < NEAR:
            return tolerance
    raise SystemExit(f"{contender} does not come within {NEAR:g} nats of the optimum of {problem}")


def table(problem, rounds):
    """Measure a problem and print its table."""
    threads = sorted({1, os.cpu_count() or 1})
    optimum = fresh(problem, "neglog", 0.0, threads[-1])["loss"]
    lines = [
        (contender, count, chosen_tolerance(problem, contender, optimum, count))
        for contender in CONTENDERS[problem]
        for count in threads
    ]
    taken = {line: [] for line in lines}
    for _ in range(rounds):
        for line in lines:
            contender, count, tolerance = line
            taken[line].append(fresh(problem, contender, tolerance, count))
    best = {}
    print(f"\n{problem}, {ROWS[problem]} rows\n{'':26}threads  tolerance  seconds  least    MiB")
    for (contender, count, tolerance), runs in taken.items():
        seconds = statistics.median(run["seconds"] for run in runs)
        least = min(run["seconds"] for run in runs)
        memory = statistics.median(run["MiB"] for run in runs)
        best[contender] = min(best.get(contender, seconds), seconds)
        shown = f"{tolerance:9.0e}" if tolerance else f"{'':9}"
        print(
            f"{contender:26}{count:7}  {shown}{seconds:9.3f}{least:7.3f}{memory:7.0f}", flush=True
        )
    others = [f"{name} {best[name] / best['neglog']:.2f}" for name in best if name != "neglog"]
    print("times neglog's, each at its own best number of threads: " + ", ".join(others))


def main():
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=ROWS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one and given.one[0] == "insurance":
        one_of_insurance(given.one[1])
    elif given.one:
        one(given.one[0], given.one[1], float(given.one[2]))
    else:
        for problem in [given.only] if given.only else ROWS:
            table(problem, given.rounds)


if __name__ == "__main__":
    main()
