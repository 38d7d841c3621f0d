"""Data on which fitting goes wrong: what neglog says, and what five others say.

    python benchmarks/fit_cases.py [words]    # requires scikit-learn, statsmodels, glum and pandas

Each line is a contender's answer: the coefficient that the case is about (its standard error in
brackets, where there is one) or what else the case asks, and what was warned about or raised; a
dash where a contender has no such thing, and why. Words choose the cases with them in their title.
R is run if Rscript and its package nnet are installed (Debian's r-base-core and r-cran-nnet).
"""

from __future__ import annotations

import sys
import textwrap
import warnings

import numpy as np
import patsy
from cases_data import CASES, Data
from cases_learning import Glum, ScikitLearn, Torch
from cases_r import R
from cases_statistics import Neglog, Statsmodels

from neglog.errors import FitError

WIDTH = 100
EDGE = 16
CONTENDERS = {
    "neglog": Neglog(),
    "R glm": R(),
    "statsmodels": Statsmodels(),
    "scikit-learn": ScikitLearn(),
    "glum": Glum(),
    "torch L-BFGS": Torch(),
}


def answer(contender: str, question: str, data: Data) -> str:
    """Return a contender's answer, and what it warned of or raised."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            text = getattr(CONTENDERS[contender], question)(data)
        except (
            FitError, ValueError, ArithmeticError, np.linalg.LinAlgError, patsy.PatsyError
        ) as error:  # fmt: skip
            said = textwrap.shorten(str(error), 3 * WIDTH)
            text = f"{type(error).__name__}: {said}"
    named = sorted({w.category.__name__ for w in caught if w.category is not DeprecationWarning})
    return text + (f"  [{', '.join(named)}]" if named else "")


def main(words: str) -> None:
    """Print the cases with every answer."""
    for title, (make, question) in CASES.items():
        if words not in title:
            continue
        print(f"\n{title}")
        data = make()
        for contender in CONTENDERS:
            first, *rest = textwrap.wrap(answer(contender, question, data), WIDTH - EDGE)
            print(f"  {contender:{EDGE - 2}}{first}")
            for line in rest:
                print(f"{'':{EDGE}}{line}")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
