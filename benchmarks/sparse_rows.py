"""The number of blocks of the gradient products that do not affect the rounded result.

    python benchmarks/language_model.py --out model.pt
    python benchmarks/sparse_rows.py model.pt

On a trained model most of a softmax is tiny. A block of it, some rows by some classes, may be left
out of dX = dZ · W if what it would add to any row of dX is below the rounding of that row, and out
of dW = dZᵀ · X if what it would add to any class's row of dW is below the rounding of that. The
bounds, for a block of rows I and classes J and the rounding u of the dtype (half an ulp):

    |dX_i| loses at most  Σ_{j∈J} p_ij · max_j ‖w_j‖∞,  and may lose  u · ‖dX_i‖∞ / blocks
    |dW_j| loses at most  Σ_{i∈I} p_ij · max_i ‖x_i‖∞,  and may lose  u · ‖dW_j‖∞ / blocks

so that all blocks together stay below the rounding of each row's largest number. It is measured
with the classes as they are, and sorted by their mean logit, which brings the likely ones together.
The last column is what Cut Cross-Entropy's rule would leave out (no |p| above u / 16 in the block),
and what that does to dW: the norm of the error, in the dtype's rounding.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

ROWS, CLASSES = 128, 128  # of a block
ROUNDING = {"bfloat16": 2.0**-9, "float32": 2.0**-24}


def blocks_of(numbers: Tensor) -> Tensor:
    """Return a matrix as (blocks of rows, blocks of classes, ROWS, CLASSES)."""
    rows, classes = numbers.shape
    cut = numbers.reshape(rows // ROWS, ROWS, classes // CLASSES, CLASSES)
    return cut.transpose(1, 2)


def of_dx(p: Tensor, w: Tensor, dx: Tensor, rounding: float) -> Tensor:
    """Tell which blocks may be left out of dX."""
    cut = blocks_of(p)
    most = w.abs().amax(1).reshape(-1, CLASSES).amax(1)
    lost = cut.sum(3) * most[None, :, None]
    allowed = rounding * dx.abs().amax(1).reshape(-1, 1, ROWS) / cut.shape[1]
    return (lost <= allowed).all(2)


def of_dw(p: Tensor, x: Tensor, dw: Tensor, rounding: float) -> Tensor:
    """Tell which blocks may be left out of dW."""
    cut = blocks_of(p)
    most = x.abs().amax(1).reshape(-1, ROWS).amax(1)
    lost = cut.sum(2) * most[:, None, None]
    allowed = rounding * dw.abs().amax(1).reshape(1, -1, CLASSES) / cut.shape[0]
    return (lost <= allowed).all(2)


def by_rule(p: Tensor, dz: Tensor, x: Tensor, dw: Tensor, rounding: float) -> tuple[float, float]:
    """Return how much the rule leaves out, and what dW loses."""
    out = blocks_of(dz).abs().amax((2, 3)) < rounding / 16
    kept = dz * (~out).repeat_interleave(ROWS, 0).repeat_interleave(CLASSES, 1)
    error = (kept.t() @ x - dw).norm() / dw.norm()
    return out.float().mean().item(), error.item() / rounding


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("model")
    kept = torch.load(options.parse_args().model)
    x, w, y = kept["rows"], kept["layer"], kept["following"]
    z = x @ w.t()
    order = {"as they are": torch.arange(len(w)), "sorted": z.mean(0).argsort(descending=True)}
    p, truth = z.softmax(1), torch.arange(len(x))
    print(f"{len(x)} rows, {len(w)} classes, blocks of {ROWS} by {CLASSES}")
    print(f"mean probability of the truth {p[truth, y].mean():.3f}")
    print("\ndtype     classes      out of dX  out of dW   by the rule  dW's error in roundings")
    for dtype, rounding in ROUNDING.items():
        for name, places in order.items():
            mine, layer = p[:, places], w[places]
            dz = mine.clone()
            dz[truth, places.argsort()[y]] -= 1.0
            dx, dw = dz @ layer, dz.t() @ x
            free = [of_dx(dz.abs(), layer, dx, rounding), of_dw(dz.abs(), x, dw, rounding)]
            shares = [f.float().mean().item() for f in free]
            rule, error = by_rule(mine, dz, x, dw, rounding)
            print(
                f"{dtype:10}{name:13}{shares[0]:9.1%}{shares[1]:11.1%}{rule:14.1%}{error:12.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
