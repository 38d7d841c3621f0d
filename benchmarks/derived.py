"""Derived derivatives compared with those that declarations state: time and exactness.

Each declaration is declared again with its `nll` alone, so that its derivatives are derived. Times
are of loss and gradient of 10⁶ elements on one thread, alternating: the least processor time of
many runs. Errors are the largest of the gradient in units in the last place, in the regimes of
`neglog verify`.

    python benchmarks/derived.py [--only TEXT]
"""

from __future__ import annotations

import argparse
import math
import time
from typing import Any

import mpmath as mp
import torch

from neglog import REGISTRY
from neglog.likelihood import Elementwise
from neglog.verification import exactness, points, speed
from neglog.verification.subject import Subject

SECONDS = 1.5
SETTINGS = {"eps": 1e-30, "level": 0.375, "exponent": 1.5}  # others 0.75; no floor


def derived(likelihood: type[Elementwise]) -> type[Elementwise]:
    """Declare the same loss without its derivatives."""
    facts = ["nll", "information"]
    if likelihood.well_conditioned_nll is not likelihood.nll:
        facts.append("well_conditioned_nll")
    stated = {f: staticmethod(getattr(likelihood, f)) for f in facts if hasattr(likelihood, f)}
    stated |= {"smooth": likelihood.smooth}
    return type(f"Derived{likelihood.__name__}", (likelihood,), {**stated, "__module__": __name__})


def times(subjects: list[Subject], tensors: list[Any]) -> list[float]:
    """Return the smallest processor time of each subject, in milliseconds."""
    runs = [lambda s=s: speed._step(s, tensors, speed._fused) for s in subjects]
    best = [math.inf] * len(runs)
    for run in runs:
        run()
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for i, run in enumerate(runs):
            start = time.process_time()
            run()
            best[i] = min(best[i], 1e3 * (time.process_time() - start))
    return best


def errors(subject: Subject, by: Subject, drawn: dict[str, Any], dtype: torch.dtype) -> list[float]:
    """Return the largest error of the gradient in each regime; the truth is that of `by`."""
    found = []
    with mp.workdps(exactness.DIGITS):
        for chosen in drawn.values():
            true = [exactness._truth(by, point) for point in chosen]
            found.append(max(e[1] for e in exactness._errors(subject, chosen, true, dtype)))
    return found


def shown(value: float) -> str:
    """Write an error: 0.71, 3e8."""
    return f"{value:.2g}" if value < 1e5 else f"{value:.0e}".replace("e+0", "e").replace("e+", "e")


def row(likelihood: type[Elementwise]) -> str:
    """Return a declaration's line of the table."""
    settings = tuple(SETTINGS.get(name, 0.75) for name in likelihood.settings)
    subjects = [Subject(c, settings) for c in (likelihood, derived(likelihood))]
    drawn = points.drawn(subjects[0])
    cells = [likelihood.__name__]
    for dtype in (torch.float32, torch.float64):
        tensors = [t.detach().to(dtype) for t in speed._tensors(subjects[0], drawn["ordinary"])]
        for tensor in tensors[: len(likelihood.inputs)]:
            tensor.requires_grad_()
        stated, found = times(subjects, tensors)
        cells.append(f"{stated:.2f} → {found:.2f} ({found / stated:.2f})")
    for dtype in (torch.float32, torch.float64):
        pairs = zip(*(errors(s, subjects[0], drawn, dtype) for s in subjects), strict=True)
        cells.append(", ".join(f"{shown(a)} → {shown(b)}" for a, b in pairs))
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only",
        default="",
        help="declarations whose names contain one of these texts, separated by commas",
    )
    only = parser.parse_args().only.lower()
    torch.set_num_threads(1)
    regimes = ", ".join(points.REGIMES)
    print("| declaration | float32, ms | float64, ms | float32, ulps | float64, ulps |")
    print("|---|---|---|---|---|")
    for name, likelihood in REGISTRY.items():
        if likelihood.elementwise and any(part in name for part in only.split(",")):
            print(row(likelihood), flush=True)
    print(f"\nEach cell: stated → derived. Regimes: {regimes}.")


if __name__ == "__main__":
    main()
