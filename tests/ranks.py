"""What each of torchrun's processes does in test_scale.py: it fits a file, and says what of it."""

import contextlib
import io
import json
import os
import sys
from pathlib import Path

import neglog
from neglog.errors import FitError
from neglog.fitting.streaming import block_file

if __name__ == "__main__":
    table, folder = sys.argv[1:]
    block_file._MIN_BYTES = block_file._MAX_BYTES = 64
    rank, found = os.environ["RANK"], {}
    out = io.StringIO()
    with contextlib.redirect_stderr(out):
        for kind in ("bernoulli", "categorical", "gamma", "normal"):
            drop = [k for k in ("bernoulli", "categorical", "gamma", "normal", "gap") if k != kind]
            fit = neglog.fit(
                table, target=kind, likelihood=kind, drop=drop, distributed=True, validation=0.1,
                stream=kind in ("bernoulli", "gamma"), covariance="hc1", out=Path(folder, kind),
            )  # fmt: skip
            figures = [*fit.coefficients.estimate, *fit.coefficients.error]
            figures += [fit.loss, fit.validation_loss, fit.null_loss, fit.statistics.aic]
            found[kind] = [figures, fit.training.index[:5].tolist()]
        try:
            neglog.fit(table, target="normal", distributed=True)
        except FitError as error:
            found["refused"] = str(error)
    found["said"] = out.getvalue()
    Path(folder, rank).write_text(json.dumps(found))
