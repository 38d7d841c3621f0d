"""R's answers: its glm, and for three classes nnet's multinom; by Rscript, if it is there."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import polars as pl
from cases_data import LEVELS, STRANGE, Data, number

READ = "d <- read.csv(commandArgs(TRUE)[1], stringsAsFactors=TRUE)\n"
FIT = "m <- glm(y ~ ., family={family}, data=d{options})\n"
WEIGHT = 'cat(sprintf("%.17g %.17g %s", coef(m)[{at}], sqrt(diag(vcov(m)))[{at}], m$converged))\n'


class R:
    """The glm of R, with what it warned of."""

    def weight(self, data: Data, options: str = "") -> str:
        """Return the weight by glm."""
        family = "poisson" if data.kind == "poisson" else "binomial"
        code = FIT.format(family=family, options=options) + WEIGHT.format(at=data.column + 2)
        text, said = run(code, frame(data))
        if not text:
            return said
        weight, error, converged = text.split()
        if weight == "NA":
            return "NA (aliased)" + said
        found = number(float(weight), float(error))
        return f"{found} converged={converged == 'TRUE'}{said}"

    def classes(self, data: Data) -> str:
        """Return the weights of multinom against the first class."""
        text, said = run(
            "library(nnet); m <- multinom(factor(y) ~ ., data=d, trace=FALSE, reltol=1e-14)\n"
            's <- summary(m)\ncat(coef(m)[, 2], s$standard.errors[, 2], sep=" ")\n',
            frame(data),
        )
        if not text:
            return said
        one, two, *errors = (float(word) for word in text.split())
        found = f"{number(one, errors[0])}, {number(two, errors[1])}"
        return f"2 free, against the first level: {found}{said}"

    def threads(self, data: Data) -> str:
        """Say why not."""
        return "-  has no threads of its own"

    def nats(self, data: Data) -> str:
        """Return the loss of one count."""
        text, said = run("cat(sprintf('%.6f', -dpois(3, 2, log=TRUE)))\n", frame(data))
        return text or said

    def network(self, data: Data) -> str:
        """Return what nnet says of a network."""
        code = "library(nnet); m <- nnet(factor(y) ~ ., data=d, size=3, trace=FALSE)\n"
        failed = 'cat(inherits(try(vcov(m), silent=TRUE), "try-error"))\n'
        text, said = run(code + failed, frame(data))
        return "none, and does not say why" if text == "TRUE" else text + said

    def level(self, data: Data) -> str:
        """Return what predict says."""
        with tempfile.TemporaryDirectory() as folder:
            STRANGE.write_csv(other := Path(folder, "strange.csv"))
            code = "m <- glm(y ~ level, family=binomial, data=d)\n"
            text, said = run(code + f'cat(predict(m, read.csv("{other}")))\n', LEVELS)
        return text or said

    def two_steps(self, data: Data) -> str:
        """Return the output of two steps."""
        return self.weight(data, options=", maxit=2")

    def weighted(self, data: Data) -> str:
        """Return the standard error with weights, which are precisions, of a normal likelihood."""
        code = FIT.format(family="gaussian", options=", weights=rep(2, nrow(d))")
        text, said = run(code + WEIGHT.format(at=2), frame(data))
        return f"weights (precisions) {number(float(text.split()[1]))}" if text else said


def frame(data: Data) -> pl.DataFrame:
    """Return the data as one table."""
    columns = {f"x{j + 1}": data.x[:, j] for j in range(data.x.shape[1])}
    return pl.DataFrame(columns | {"y": data.y})


def run(code: str, table: pl.DataFrame) -> tuple[str, str]:
    """Run R on a table, called d; return what it printed, and what it warned of or raised."""
    if shutil.which("Rscript") is None:
        return "", "-  Rscript is not installed"
    with tempfile.TemporaryDirectory() as folder:
        table.write_csv(path := Path(folder, "table.csv"))
        script = Path(folder, "script.R")
        script.write_text(READ + code)
        done = subprocess.run(
            ["Rscript", "--vanilla", script, path], capture_output=True, text=True, check=False,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    said = " ".join(done.stderr.split())
    return done.stdout.strip(), f"  [{said}]" if done.stdout and said else said
